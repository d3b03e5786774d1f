// Runs every server audit of graphql-http against a URL and prints the results as one JSON list.
// Usage: node audit.mjs '{"url": "http://127.0.0.1:8000/graphql", "token": "sk_…"}'
import { serverAudits } from 'graphql-http';
import { input } from './input.mjs';

const { url, token } = await input();

const fetchFn = (address, options = {}) => {
  const headers = new Headers(options.headers);
  if (token) headers.set('authorization', `Bearer ${token}`);
  return fetch(address, { ...options, headers });
};

const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const { status, reason, response } = await audit.fn();
  results.push({ id: audit.id, name: audit.name, status, reason: reason ?? null, http: response?.status ?? null });
  await response?.body?.cancel().catch(() => {});
}
process.stdout.write(JSON.stringify(results) + '\n');
