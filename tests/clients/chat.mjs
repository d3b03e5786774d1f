// One chat by npm `ai`: AbstractChat over DefaultChatTransport, as useChat of every framework is built.
// {url, token, id, text, body, messages, resume, regenerate, abortAfter, timeout}: asks `text` (or resumes, or regenerates),
// stops after so many changes of the message. Prints {"chunk": …} for each part of the stream, then
//   {"done": {status, error, messages, stopped}}
import { AbstractChat, DefaultChatTransport } from 'ai';
import { finish, input, print } from './input.mjs';

const request = await input();
const { url, token, id = 'chat-1', text, body, messages = [], resume, regenerate } = request;
const { abortAfter = Infinity, timeout = 30_000 } = request;

class State {
  status = 'ready';
  error = undefined;
  constructor(given) {
    this.messages = given;
  }
  pushMessage = (message) => {
    this.messages = [...this.messages, message];
  };
  popMessage = () => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index, message) => {
    this.messages = this.messages.map((each, at) => (at === index ? message : each));
    changed();
  };
  snapshot = (value) => structuredClone(value);
}

class Transport extends DefaultChatTransport {
  processResponseStream(stream) {
    return super.processResponseStream(stream).pipeThrough(
      new TransformStream({
        transform(chunk, controller) {
          print({ chunk });
          controller.enqueue(chunk);
        },
      }),
    );
  }
}

class Chat extends AbstractChat {}

let changes = 0;
let stopped = false;
let chat;
function changed() {
  changes += 1;
  if (changes >= abortAfter && !stopped) {
    stopped = true;
    void chat.stop();
  }
}

const transport = new Transport({ api: url, headers: { Authorization: `Bearer ${token}` }, body });
chat = new Chat({ id, transport, state: new State(messages) });
setTimeout(() => finish({ done: 'timeout' }), timeout).unref();

if (resume) await chat.resumeStream();
else if (regenerate) await chat.regenerate();
else await chat.sendMessage({ text });

finish({ done: { status: chat.status, error: chat.error?.message, messages: chat.messages, stopped } });
