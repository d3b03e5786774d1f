// GraphiQL for /graphql on the server that served this page.
import './workers.js';
import { createGraphiQLFetcher, createLocalStorage } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { onNewKey, takeKey } from './key.js';
import './graphiql.css';

const page = document.getElementById('graphiql');
const welcome = document.getElementById('welcome').content.textContent.trim() + '\n';
const storage = createLocalStorage({ namespace: 'soundstage' });

const headersWith = (key, text) => {
  let headers;
  try {
    headers = JSON.parse(text);
  } catch {
    headers = {};
  }
  return JSON.stringify({ ...headers, Authorization: `Bearer ${key}` }, null, 2);
};

// GraphiQL keeps its tabs, with their headers, in this browser. What the active tab holds is handed to it once more below:
// otherwise it opens one more tab, an empty one.
const tabs = () => JSON.parse(storage.getItem('graphiql:tabState') ?? '{"tabs": [], "activeTabIndex": 0}');

function remember(key) {
  const state = tabs();
  for (const tab of state.tabs) tab.headers = headersWith(key, tab.headers);
  if (state.tabs.length) storage.setItem('graphiql:tabState', JSON.stringify(state));
}

const key = takeKey();
if (key) remember(key);
onNewKey((newKey) => {
  remember(newKey);
  location.reload();
});
const active = tabs().tabs[tabs().activeTabIndex];

const endpoint = new URL(page.dataset.endpoint, location.href);
const send = createGraphiQLFetcher({
  url: endpoint.href,
  subscriptionUrl: endpoint.href.replace(/^http/, 'ws'),
});

// "Bearer" with nothing behind it is the empty form, not a wrong key.
const isEmptyForm = (name, value) => name.toLowerCase() === 'authorization' && /^bearer\s*$/i.test(value);
const fetcher = (params, options) => {
  const headers = Object.entries(options?.headers ?? {}).filter(([name, value]) => !isEmptyForm(name, String(value)));
  return send(params, { ...options, headers: Object.fromEntries(headers) });
};

createRoot(page).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    defaultQuery={welcome}
    defaultHeaders={headersWith(key ?? '', '{}')}
    initialQuery={active?.query ?? undefined}
    initialVariables={active?.variables ?? undefined}
    initialHeaders={active?.headers ?? undefined}
    defaultEditorToolsVisibility="headers"
    shouldPersistHeaders
    inputValueDeprecation
    schemaDescription
  >
    <GraphiQL.Logo>Soundstage</GraphiQL.Logo>
  </GraphiQL>,
);
