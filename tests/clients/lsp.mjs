// A language server over a WebSocket, by npm `vscode-jsonrpc`: what the clients of VS Code and Monaco are made of.
// {url, token, root, path, language, text, fixed, hover: [line, character]}: opens a document, asks about a place, waits
// for problems, changes it to `fixed` and waits until there are none; then takes its leave.
// Prints {"capabilities": […], "hover": …, "definition": …, "completion": n, "problems": n, "fixed": n, "protocol": …}
import { AbstractMessageReader, AbstractMessageWriter, createMessageConnection } from 'vscode-jsonrpc/node';
import WebSocket from 'ws';
import { finish, input } from './input.mjs';

const { url, token, root, path, language, text, fixed, hover } = await input();
const socket = new WebSocket(url, ['soundstage.lsp.v1', `bearer.${token}`]);
await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));

class Reader extends AbstractMessageReader {
  listen(take) {
    socket.on('message', (data) => take(JSON.parse(data.toString())));
    socket.on('close', () => this.fireClose());
    return { dispose() {} };
  }
}
class Writer extends AbstractMessageWriter {
  async write(message) {
    socket.send(JSON.stringify(message));
  }
  end() {}
}

const connection = createMessageConnection(new Reader(), new Writer());
const uri = `${root}/${path}`;
const textDocument = { uri };
let problems = () => {};
connection.onNotification('textDocument/publishDiagnostics', (told) => {
  if (told.uri === uri) problems(told.diagnostics.length);
});
const counted = (right) =>
  new Promise((resolve) => {
    problems = (count) => right(count) && resolve(count);
  });
connection.listen();

const capabilities = { textDocument: { hover: { contentFormat: ['markdown'] }, publishDiagnostics: {} } };
const begun = await connection.sendRequest('initialize', { processId: null, rootUri: root, capabilities });
await connection.sendNotification('initialized', {});
const found = counted((count) => count > 0);
await connection.sendNotification('textDocument/didOpen', {
  textDocument: { uri, languageId: language, version: 1, text },
});
const position = { line: hover[0], character: hover[1] };
const answers = await Promise.all(
  ['hover', 'definition', 'completion'].map((name) =>
    connection.sendRequest(`textDocument/${name}`, { textDocument, position }),
  ),
);
const before = await found;
const none = counted((count) => count === 0);
await connection.sendNotification('textDocument/didChange', {
  textDocument: { uri, version: 2 },
  contentChanges: [{ text: fixed }],
});
const after = await none;
await connection.sendRequest('shutdown');
await connection.sendNotification('exit');
const items = answers[2]?.items ?? answers[2] ?? [];
finish({
  capabilities: Object.keys(begun.capabilities),
  hover: JSON.stringify(answers[0]),
  definition: JSON.stringify(answers[1]),
  completion: items.length,
  problems: before,
  fixed: after,
  protocol: socket.protocol,
});
