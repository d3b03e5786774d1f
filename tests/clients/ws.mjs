// One subscription (or query) by the graphql-ws client, on a URL like ws://127.0.0.1:8000/graphql.
// {url, token, query, variables, operationName, connectionParams, headers, take, abortAfter, timeout}
//   take: n        complete politely after n items      abortAfter: k  cut the socket, without a closing frame, after k items
//   token          goes into connection_init as Authorization       headers  go into the HTTP upgrade
//   timeout        milliseconds, 30000 when left out
// Prints {"item": …} for each result, then one of
//   {"done": "complete" | "taken" | "aborted"}   {"closed": code, "reason": …}   {"error": …}   {"done": "timeout"}
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { finish, input, print } from './input.mjs';

const request = await input();
const { url, token, query, variables, operationName, headers = {} } = request;
const { take = Infinity, abortAfter = Infinity, timeout = 30_000 } = request;
const connectionParams = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...request.connectionParams };

let socket;
class Socket extends WebSocket {
  constructor(address, protocols) {
    super(address, protocols, { headers });
    socket = this;
  }
}

const client = createClient({ url, webSocketImpl: Socket, connectionParams, retryAttempts: 0, lazy: true });

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
        socket.terminate();
        end({ done: 'aborted' });
      } else if (items >= take) {
        stop();
        Promise.resolve(client.dispose()).then(() => end({ done: 'taken' }));
      }
    },
    error(problem) {
      if (typeof problem?.code === 'number') end({ closed: problem.code, reason: problem.reason ?? '' });
      else if (Array.isArray(problem)) end({ error: problem });
      else end({ error: String(problem?.message ?? problem) });
    },
    complete() {
      end({ done: 'complete' });
    },
  },
);

setTimeout(() => end({ done: 'timeout' }), timeout);
