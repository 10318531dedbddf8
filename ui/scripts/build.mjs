// Builds the page into a directory: node scripts/build.mjs dist
//
// Names carry a hash of the content, so that a browser may keep files for
// ever. Beside them goes LICENCES.txt, the notices of the packages that are in
// the bundle; a licence that is not in the list below ends the build.
import { build } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

const allowed = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0'];
const out = process.argv[2] ?? 'dist';

await rm(out, { recursive: true, force: true });
const result = await build({
  entryPoints: { page: 'src/main.tsx', style: 'src/style/page.css', editor: 'src/style/editor.css' },
  outdir: out,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});

const outputs = Object.entries(result.metafile.outputs);
const named = (source) => basename(outputs.find(([, o]) => o.entryPoint === source)[0]);
const html = await readFile('src/index.html', 'utf8');
await writeFile(
  join(out, 'index.html'),
  html
    .replace('page.js', named('src/main.tsx'))
    .replace('page.css', named('src/style/page.css'))
    .replace('editor.css', named('src/style/editor.css')),
);
await writeFile(join(out, 'icon.svg'), await readFile('src/icon.svg'));
await writeFile(join(out, 'LICENCES.txt'), await notices(packages(outputs)));

// packages names those of which something is in the bundle.
function packages(list) {
  const names = new Set();
  for (const [, output] of list) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const at = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/);
      if (at && bytesInOutput > 0) names.add(at[1]);
    }
  }
  return [...names].sort();
}

async function notices(names) {
  let text = 'The page contains the following packages.\n';
  for (const name of names) {
    const dir = join('node_modules', name);
    const about = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8'));
    if (!allowed.includes(about.license)) throw new Error(`${name} has the licence ${about.license}`);
    const file = (await readdir(dir)).find((f) => /^licen[cs]e/i.test(f));
    const notice = file ? await readFile(join(dir, file), 'utf8') : `Licence: ${about.license}\n`;
    text += `\n== ${name} ${about.version}\n\n${notice.replaceAll('\r', '').trim()}\n`;
  }
  return text;
}
