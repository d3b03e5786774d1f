// Opens an address in headless Chromium and prints one line of JSON: what it asked for, what went wrong, what it shows.
// {url, chromium, scheme: "light" | "dark", steps: [JavaScript, …], wait, screenshot: "file.png", size: [width, height]}
// A step may also be {keys: "text"} that is typed (\r is Enter, \x1b Escape), {until: JavaScript, seconds} that has to become
// true, {run: [program, argument, …]} or {screenshot: "file.png"}; none of these waits.
// Prints {requests: ["GET http://…"], problems: […], results: [one for each step], address}
// wait: milliseconds after loading and after each step, 1500 when left out.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finish, input } from './input.mjs';

const { url, chromium = 'chromium', scheme = 'light', steps = [], wait = 1500, screenshot, size = [1360, 850] } = await input();

const profile = mkdtempSync(join(tmpdir(), 'soundstage-page-'));
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'];
const debugging = ['--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
const browser = spawn(chromium, [...flags, ...quiet, ...debugging], { stdio: ['ignore', 'ignore', 'pipe'] });

const endpoint = await new Promise((resolve, reject) => {
  let text = '';
  browser.on('exit', (code) => reject(new Error(`Chromium ended with ${code}: ${text.slice(-500)}`)));
  browser.stderr.on('data', (chunk) => {
    text += chunk;
    const found = /DevTools listening on (\S+)/.exec(text);
    if (found) resolve(found[1]);
  });
});

const requests = new Set();
const problems = [];
const waiting = new Map();
const socket = new WebSocket(endpoint);
await new Promise((resolve) => (socket.onopen = resolve));

const events = {
  'Network.requestWillBeSent': ({ request }) => requests.add(`${request.method} ${request.url.slice(0, 300)}`),
  'Network.webSocketCreated': (socketEvent) => requests.add(`WS ${socketEvent.url}`),
  'Runtime.exceptionThrown': ({ exceptionDetails: details }) => problems.push(details.exception?.description ?? details.text),
  'Runtime.consoleAPICalled': ({ type, args }) => {
    if (type === 'error' || type === 'warning') problems.push(args.map((value) => value.value ?? value.description).join(' '));
  },
  'Log.entryAdded': ({ entry }) => entry.level === 'error' && problems.push(`${entry.text} ${entry.url ?? ''}`),
};
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.id) waiting.get(message.id)(message.result ?? message);
  else events[message.method]?.(message.params);
};

let calls = 0;
function call(method, params = {}, sessionId = undefined) {
  calls += 1;
  socket.send(JSON.stringify({ id: calls, method, params, sessionId }));
  return new Promise((resolve) => waiting.set(calls, resolve));
}
const pause = () => new Promise((resolve) => setTimeout(resolve, wait));

const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
const page = (method, params) => call(method, params, sessionId);
await Promise.all(['Network', 'Log', 'Runtime', 'Page'].map((domain) => page(`${domain}.enable`)));
await page('Emulation.setDeviceMetricsOverride', { width: size[0], height: size[1], deviceScaleFactor: 1, mobile: false });
await page('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
await page('Page.navigate', { url });
await pause();

async function evaluate(expression) {
  const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, awaitPromise: true, userGesture: true });
  if (exceptionDetails) problems.push(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result?.value ?? null;
}

const NAMED = { '\r': ['Enter', 13], '\x1b': ['Escape', 27], '\t': ['Tab', 9] };

async function type(text) {
  for (const character of text) {
    const [key, code] = NAMED[character] ?? [character, 0];
    const event = { key, code: code ? key : '', windowsVirtualKeyCode: code };
    await page('Input.dispatchKeyEvent', { type: 'keyDown', ...event, text: character === '\x1b' ? '' : character });
    await page('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }
}

async function until(expression, seconds = 10) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await evaluate(expression);
    if (found) return found;
    if (Date.now() > deadline) return null;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function capture(file) {
  const { data } = await page('Page.captureScreenshot', { format: 'png' });
  writeFileSync(file, Buffer.from(data, 'base64'));
}

async function take(step) {
  if (step.keys) return type(step.keys);
  if (step.until) return until(step.until, step.seconds);
  if (step.run) return execFileSync(step.run[0], step.run.slice(1), { encoding: 'utf8' });
  return capture(step.screenshot);
}

const results = [];
for (const step of steps) {
  if (typeof step === 'string') {
    results.push(await evaluate(step));
    await pause();
  } else {
    results.push((await take(step)) ?? null);
  }
}
const address = await evaluate('location.href');
if (screenshot) await capture(screenshot);
browser.removeAllListeners('exit');
browser.kill();
await new Promise((resolve) => browser.once('exit', resolve));
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
finish({ requests: [...requests], problems, results, address });
