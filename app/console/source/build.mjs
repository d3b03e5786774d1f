// Builds the bundled pages into ../static: one compressed file for each asset, a manifest, and the licences of what is inside.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const assets = join(here, '../static/assets');
const bundled = new Set();
const manifest = {};

process.chdir(here);
rmSync(assets, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });

// The tenth byte of a gzip file names the operating system; 255 is "unknown", so that every machine makes the same file.
function compress(contents) {
  const zipped = gzipSync(contents, { level: 9 });
  zipped[9] = 255;
  return zipped;
}

function keep(name, contents) {
  const sha256 = createHash('sha256').update(contents).digest('hex');
  const file = `${basename(name, extname(name))}-${sha256.slice(0, 12)}${extname(name)}`;
  const zipped = compress(contents);
  writeFileSync(join(assets, `${file}.gz`), zipped);
  manifest[name] = { file, sha256, bytes: contents.length, compressed: zipped.length };
  return file;
}

async function bundle(entry, options = {}) {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    outdir: 'out',
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    legalComments: 'none',
    format: options.format ?? 'esm',
    target: ['chrome111', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"', ...options.define },
    loader: { '.ttf': 'dataurl' },
    logLevel: 'warning',
  });
  for (const input of Object.keys(metafile.inputs)) {
    const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input) ?? [];
    if (name) bundled.add(name);
  }
  return Object.fromEntries(outputFiles.map((file) => [extname(file.path), Buffer.from(file.contents)]));
}

const workers = {
  editor: 'monaco-editor/esm/vs/editor/editor.worker.js',
  graphql: 'monaco-graphql/esm/graphql.worker.js',
  json: 'monaco-editor/esm/vs/language/json/json.worker.js',
};
const workerFiles = {};
for (const [label, entry] of Object.entries(workers)) {
  workerFiles[label] = keep(`${label}.worker.js`, (await bundle(`node_modules/${entry}`, { format: 'iife' }))['.js']);
}

const graphiql = await bundle('src/graphiql.jsx', { define: { WORKERS: JSON.stringify(workerFiles) } });
keep('graphiql.js', graphiql['.js']);
keep('graphiql.css', graphiql['.css']);

const swagger = readFileSync('node_modules/swagger-ui-dist/swagger-ui-bundle.js', 'utf8');
keep('swagger-ui.js', Buffer.from(swagger.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n')));
keep('api.js', (await bundle('src/api.js'))['.js']);
keep('api.css', (await bundle('src/api.css'))['.css']);

const terminal = await bundle('src/terminal.js');
keep('terminal.js', terminal['.js']);
keep('terminal.css', terminal['.css']);
keep('favicon.svg', readFileSync('src/favicon.svg'));

writeFileSync('../static/manifest.json', JSON.stringify(manifest, null, 2) + '\n');
writeFileSync('../static/THIRD_PARTY.txt', notices());

function notices() {
  const packages = [...bundled].sort().map((name) => {
    const folder = join('node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const texts = readdirSync(folder)
      .filter((file) => /^(licen[cs]e|notice|thirdpartynotices|swagger-ui-bundle\.js\.license)/i.test(file))
      .sort()
      .map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
    return { title: `${name} ${version}`, license, texts };
  });
  const rule = '-'.repeat(100);
  const list = packages.map(({ title, license }) => `  ${title.padEnd(60)} ${license}`).join('\n');
  const texts = packages
    .filter(({ texts }) => texts.length)
    .map(({ title, license, texts }) => [rule, `${title} (${license})`, rule, '', ...texts, ''].join('\n'));
  return `What is bundled in the pages of Soundstage, under these licences:\n\n${list}\n\n${texts.join('\n')}`;
}

for (const [name, { bytes, compressed }] of Object.entries(manifest)) {
  console.log(name.padEnd(20), String(bytes).padStart(9), String(compressed).padStart(9));
}
