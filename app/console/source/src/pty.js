// `soundstage.pty.v1` (app/terminals/PROTOCOL.md): one terminal over a WebSocket that is opened again after each cut.
const PROTOCOL = 'soundstage.pty.v1';
const HELLO = 0x01, OUTPUT = 0x02, GAP = 0x03, RESIZE = 0x04, ROLE = 0x05, EXIT = 0x06, ERROR = 0x07;
const INPUT = 0x10, ACK = 0x11, TAKE_OVER = 0x14;
const HEAD = 9;
const LARGEST_INPUT = 64 * 1024;
const ACK_EVERY = 64 * 1024;
const BACKOFF = [200, 5000];

function frame(type, offset = 0, content = new Uint8Array()) {
  const made = new Uint8Array(HEAD + content.length);
  made[0] = type;
  new DataView(made.buffer).setBigUint64(1, BigInt(offset));
  made.set(content, HEAD);
  return made;
}

export class Problem extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// Asks GraphQL; a problem of the network is a TypeError, as fetch makes it, and is worth another try.
export async function ask(endpoint, key, query, variables) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  const [error] = answer.errors ?? [];
  if (error) throw new Problem(error.extensions?.code ?? '', error.message);
  return answer.data;
}

// Calls of `on`: hello(told), output(bytes, done), gap(from, to), resize(columns, rows), role(told), exit(told),
// error(told), waiting(), failed(problem). `ticket` makes a new ticket for each connection.
export class Pty {
  constructor(terminal, ticket, on) {
    Object.assign(this, { terminal, ticket, on, offset: 0, used: 0, acknowledged: 0, ended: false, tries: 0 });
    this.connect();
  }

  async connect() {
    let ticket;
    try {
      ticket = await this.ticket();
    } catch (problem) {
      const passing = !(problem instanceof Problem) || problem.code === 'RATE_LIMITED' || problem.code.includes('UNAVAILABLE');
      if (passing) this.again();
      else this.fail(problem);
      return;
    }
    if (this.ended) return;
    const address = new URL(ticket.path, location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    address.searchParams.set('offset', this.offset);
    this.socket = new WebSocket(address, [PROTOCOL, `ticket.${ticket.ticket}`]);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onmessage = ({ data }) => this.take(new Uint8Array(data));
    this.socket.onclose = () => this.ended || this.again();
  }

  again() {
    if (this.ended) return;
    this.on.waiting();
    const [first, longest] = BACKOFF;
    setTimeout(() => this.connect(), Math.min(first * 1.6 ** this.tries, longest));
    this.tries += 1;
  }

  fail(problem) {
    this.ended = true;
    this.on.failed(problem);
  }

  take(data) {
    const view = new DataView(data.buffer, data.byteOffset);
    const offset = Number(view.getBigUint64(1));
    const content = data.subarray(HEAD);
    const told = () => JSON.parse(new TextDecoder().decode(content));
    switch (data[0]) {
      case HELLO:
        this.tries = 0;
        this.used = this.acknowledged = this.offset;
        this.send(ACK, this.offset);
        this.on.hello(told());
        break;
      case OUTPUT:
        this.offset = offset + content.length;
        this.on.output(content, this.useUpTo(this.offset));
        break;
      case GAP:
        this.offset = Number(view.getBigUint64(HEAD));
        this.on.gap(offset, this.offset);
        this.useUpTo(this.offset)();
        break;
      case RESIZE:
        this.on.resize(view.getUint16(HEAD), view.getUint16(HEAD + 2));
        break;
      case ROLE:
        this.on.role(told());
        break;
      case EXIT:
        this.ended = true;
        this.on.exit(told());
        break;
      case ERROR:
        this.on.error(told());
        break;
    }
  }

  useUpTo(offset) {
    const socket = this.socket;
    return () => {
      this.used = offset;
      if (socket === this.socket && this.used - this.acknowledged >= ACK_EVERY) {
        this.acknowledged = this.used;
        this.send(ACK, this.used);
      }
    };
  }

  send(type, offset, content) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(frame(type, offset, content));
  }

  input(bytes) {
    for (let at = 0; at < bytes.length; at += LARGEST_INPUT) this.send(INPUT, 0, bytes.subarray(at, at + LARGEST_INPUT));
  }

  resize(columns, rows) {
    this.send(RESIZE, 0, new Uint8Array([columns >> 8, columns & 255, rows >> 8, rows & 255]));
  }

  takeOver() {
    this.send(TAKE_OVER);
  }

  leave() {
    this.ended = true;
    this.socket?.close();
  }
}
