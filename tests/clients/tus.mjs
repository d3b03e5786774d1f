// One upload by npm `tus-js-client`.
// {url, token, size, seed, chunkSize, metadata, uploadUrl, pauseAt, retries}: uploads `size` bytes made from `seed`;
// goes on at `uploadUrl` where one is given; stops once at least `pauseAt` bytes were taken.
// Prints {"url": …, "sent": …, "retries": …, "done": true | false, "sha256": …}
import { createHash } from 'node:crypto';
import { Upload } from 'tus-js-client';
import { finish, input } from './input.mjs';

const request = await input();
const { url, token, size, seed = 1, chunkSize = 65_536, metadata, uploadUrl } = request;
const { pauseAt = Infinity, retries = [] } = request;

const content = Buffer.alloc(size);
for (let at = 0, state = seed; at < size; at += 1) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  content[at] = state >>> 16;
}

let sent = 0;
let retried = 0;
const end = (done, error) => {
  const sha256 = createHash('sha256').update(content).digest('hex');
  finish({ url: upload.url, sent, retries: retried, done, error: error?.message, sha256 });
};

const upload = new Upload(content, {
  endpoint: url,
  uploadUrl,
  chunkSize,
  metadata,
  retryDelays: retries,
  headers: { Authorization: `Bearer ${token}` },
  onShouldRetry: () => {
    retried += 1;
    return true;
  },
  onChunkComplete: (_, accepted) => {
    sent = accepted;
    if (accepted >= pauseAt && accepted < size) upload.abort().then(() => end(false));
  },
  onError: (error) => end(false, error),
  onSuccess: () => end(true),
});
upload.start();
