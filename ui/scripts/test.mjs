// Runs the unit tests: bundles test/*.test.ts and gives them to node --test.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const out = await mkdtemp(join(tmpdir(), 'cepd-page-'));
const files = (await readdir('test')).filter((f) => f.endsWith('.test.ts')).map((f) => join('test', f));
await build({ entryPoints: files, outdir: out, bundle: true, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' }, logLevel: 'warning' });
const list = (await readdir(out)).map((f) => join(out, f));
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...list], { stdio: 'inherit' });
await rm(out, { recursive: true });
process.exit(status ?? 1);
