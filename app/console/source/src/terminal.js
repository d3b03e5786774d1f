// A terminal of the server that served this page.
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { onNewKey, takeKey } from './key.js';
import { ask, Problem, Pty } from './pty.js';
import './terminal.css';

const STORED_KEY = 'soundstage:key';
const OPEN = `mutation ($id: ID!, $columns: Int!, $rows: Int!) {
  openTerminal(sessionId: $id, input: { columns: $columns, rows: $rows }) { id }
}`;
const TICKET = `mutation ($id: ID!, $origin: String) { createTerminalTicket(id: $id, origin: $origin) { ticket path } }`;
const CLOSE = `mutation ($id: ID!) { closeTerminal(id: $id) { id } }`;
const THEMES = {
  light: {
    background: '#f6f7f9', foreground: '#1c2230', cursor: '#4b3fcf', cursorAccent: '#f6f7f9', selectionBackground: '#cfcbf5',
    black: '#1c2230', red: '#b3261e', green: '#1a7f4b', yellow: '#8a6100', blue: '#2f5bd0', magenta: '#8a35b5', cyan: '#0f7c8a',
    white: '#6b7385', brightBlack: '#4d5566', brightRed: '#c9372c', brightGreen: '#1f8f55', brightYellow: '#9a6d00',
    brightBlue: '#3d6be5', brightMagenta: '#9c45c9', brightCyan: '#138a99', brightWhite: '#3a4152',
  },
  dark: {
    background: '#14161c', foreground: '#e6e8ee', cursor: '#8f85f7', cursorAccent: '#14161c', selectionBackground: '#3d3a68',
    black: '#2d323e', red: '#ff8a80', green: '#5fce96', yellow: '#f0b35a', blue: '#82a7ff', magenta: '#d59cf2', cyan: '#6fd3e0',
    white: '#c9cedb', brightBlack: '#6d7689', brightRed: '#ffa79f', brightGreen: '#86dfb1', brightYellow: '#f6c982',
    brightBlue: '#a6c0ff', brightMagenta: '#e3baf7', brightCyan: '#95e2ec', brightWhite: '#ffffff',
  },
};

const part = (id) => document.getElementById(id);
const [form, state, problem] = ['open', 'state', 'problem'].map(part);
const screen = document.querySelector('main');
const darkness = matchMedia('(prefers-color-scheme: dark)');
const theme = () => THEMES[darkness.matches ? 'dark' : 'light'];
const encoder = new TextEncoder();
const endpoint = document.body.dataset.graphql;
const stored = () => sessionStorage.getItem(STORED_KEY) ?? '';

const terminal = new Terminal({
  allowProposedApi: false,
  cursorBlink: true,
  fontFamily: "ui-monospace, 'SF Mono', 'Cascadia Code', 'JetBrains Mono', 'DejaVu Sans Mono', monospace",
  fontSize: 14,
  lineHeight: 1.15,
  scrollback: 10_000,
  theme: theme(),
});
const fit = new FitAddon();
terminal.loadAddon(fit);
darkness.addEventListener('change', () => (terminal.options.theme = theme()));

let pty = null;
let writes = false;
let session = '';

function show(kind, text) {
  state.dataset.state = kind;
  state.textContent = text;
}

function complain(error) {
  problem.textContent = error instanceof Problem ? error.message : 'The server does not answer.';
  problem.hidden = false;
  form.hidden = false;
  screen.hidden = true;
  show('failed', 'Not connected');
}

function buttons(connected) {
  part('take-over').hidden = !connected || writes;
  part('close').hidden = !connected || !writes;
  part('another').hidden = connected || !session;
}

// Who writes has the terminal in the size of its window; who watches sees it in the writer's size.
function fitToWindow() {
  if (screen.hidden) return;
  if (writes || pty === null) fit.fit();
}

function takeRole(role) {
  writes = role === 'writer';
  terminal.options.disableStdin = !writes;
  terminal.options.cursorBlink = writes;
  show('connected', writes ? 'Connected' : 'Watching');
  buttons(true);
  if (writes) {
    fitToWindow();
    pty.resize(terminal.cols, terminal.rows);
  }
}

const on = {
  hello(told) {
    session = told.session;
    part('title').textContent = told.command.join(' ') || 'Terminal';
    if (told.role !== 'writer') terminal.resize(told.columns, told.rows);
    takeRole(told.role);
  },
  output: (bytes, done) => terminal.write(bytes, done),
  gap(from, to) {
    terminal.reset();
    terminal.write(`\x1b[2m[${(to - from).toLocaleString('en')} bytes were skipped]\x1b[0m\r\n`);
  },
  resize: (columns, rows) => writes || terminal.resize(columns, rows),
  role: (told) => takeRole(told.role),
  exit(told) {
    writes = false;
    terminal.options.disableStdin = true;
    terminal.write(`\r\n\x1b[2m[${told.message}]\x1b[0m\r\n`);
    show('ended', told.message);
    buttons(false);
  },
  error: (told) => show(state.dataset.state, told.message),
  waiting: () => show('waiting', 'Connecting again…'),
  failed: complain,
};

async function watch(id) {
  history.replaceState(null, '', `${location.pathname}?terminal=${encodeURIComponent(id)}`);
  pty?.leave();
  const ticket = async () =>
    (await ask(endpoint, stored(), TICKET, { id, origin: location.origin })).createTerminalTicket;
  pty = new Pty(id, ticket, on);
  terminal.focus();
}

async function open(id) {
  problem.hidden = true;
  form.hidden = true;
  screen.hidden = false;
  pty?.leave();
  pty = null;
  terminal.reset();
  show('waiting', 'Connecting…');
  fitToWindow();
  try {
    if (id.startsWith('ses_')) {
      const made = await ask(endpoint, stored(), OPEN, { id, columns: terminal.cols, rows: terminal.rows });
      id = made.openTerminal.id;
    }
    await watch(id);
  } catch (error) {
    complain(error);
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(STORED_KEY, part('key').value.trim());
  open(part('id').value.trim());
});
part('take-over').addEventListener('click', () => {
  pty.takeOver();
  terminal.focus();
});
part('another').addEventListener('click', () => open(session));
part('close').addEventListener('click', () => ask(endpoint, stored(), CLOSE, { id: pty.terminal }).catch(complain));

terminal.open(part('terminal'));
terminal.onData((text) => pty?.input(encoder.encode(text)));
terminal.onBinary((text) => pty?.input(Uint8Array.from(text, (character) => character.charCodeAt(0))));
terminal.onResize(({ cols, rows }) => writes && pty?.resize(cols, rows));
terminal.onTitleChange((title) => {
  document.title = title ? `${title} – Soundstage` : 'Soundstage Terminal';
  part('title').textContent = title || 'Terminal';
});
new ResizeObserver(fitToWindow).observe(screen);

const given = takeKey();
if (given) sessionStorage.setItem(STORED_KEY, given);
onNewKey((key) => {
  sessionStorage.setItem(STORED_KEY, key);
  location.reload();
});
const asked = new URLSearchParams(location.search);
part('key').value = stored();
part('id').value = asked.get('terminal') ?? asked.get('session') ?? '';
if (stored() && part('id').value) open(part('id').value);

// For whoever looks at the page from outside: what stands on the screen.
globalThis.soundstageScreen = () => {
  const lines = [];
  for (let row = 0; row < terminal.rows; row += 1) {
    lines.push(terminal.buffer.active.getLine(terminal.buffer.active.viewportY + row)?.translateToString(true) ?? '');
  }
  return lines.join('\n').trimEnd();
};
