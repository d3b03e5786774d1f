// The viewer of /openapi.json on the server that served this page. Nothing is asked of any other host.
import { onNewKey, takeKey } from './key.js';

const key = takeKey(); // at once: the viewer keeps its own place in the fragment
const page = document.getElementById('api');
const darkness = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', darkness.matches);
darkness.addEventListener('change', follow);
follow();

const viewer = globalThis.SwaggerUIBundle({
  domNode: page,
  url: page.dataset.document,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: true,
  requestSnippetsEnabled: true,
  syntaxHighlight: { theme: 'nord' },
  onComplete() {
    if (key) authorize(key);
    onNewKey(authorize);
  },
});

// One key opens every scheme that takes a bearer token or a key in a header.
function authorize(key) {
  const schemes = viewer.specSelectors.specJson().getIn(['components', 'securitySchemes']);
  for (const [name, scheme] of schemes?.entries() ?? []) {
    const bearer = scheme.get('type') === 'http' && scheme.get('scheme') === 'bearer';
    if (bearer || scheme.get('type') === 'apiKey') viewer.preauthorizeApiKey(name, key);
  }
}
