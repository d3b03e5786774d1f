// One subscription (or query) by the graphql-sse client in distinct connections mode, on a URL like http://127.0.0.1:8000/graphql.
// {url, token, query, variables, operationName, headers, take, abortAfter, timeout}: as in ws.mjs; abortAfter drops the connection.
// Prints {"item": …} for each result, then one of
//   {"done": "complete" | "taken" | "aborted" | "timeout"}   {"closed": HTTP status, "reason": …}   {"error": …}
import { createClient } from 'graphql-sse';
import { finish, input, print } from './input.mjs';

const request = await input();
const { url, token, query, variables, operationName } = request;
const { take = Infinity, abortAfter = Infinity, timeout = 30_000 } = request;
const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...request.headers };

const connection = new AbortController();
const client = createClient({
  url,
  headers,
  retryAttempts: 0,
  fetchFn: (address, options) => fetch(address, { ...options, signal: AbortSignal.any([options.signal, connection.signal]) }),
});

let ended = false;
function end(line) {
  if (ended) return;
  ended = true;
  finish(line);
}

let items = 0;
const stop = client.subscribe(
  { query, variables, operationName },
  {
    next(result) {
      if (ended) return;
      print({ item: result });
      items += 1;
      if (items >= abortAfter) {
        connection.abort();
        end({ done: 'aborted' });
      } else if (items >= take) {
        stop();
        end({ done: 'taken' });
      }
    },
    error(problem) {
      if (typeof problem?.response?.status === 'number') end({ closed: problem.response.status, reason: problem.message });
      else if (Array.isArray(problem)) end({ error: problem });
      else end({ error: String(problem?.message ?? problem) });
    },
    complete() {
      end({ done: 'complete' });
    },
  },
);

setTimeout(() => end({ done: 'timeout' }), timeout);
