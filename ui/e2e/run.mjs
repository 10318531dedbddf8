// Uses the page in Chromium: node e2e/run.mjs BROWSER, with scenes named on
// stdin, one a line: {"scene": "writing", "url": "http://…", "shots": "dir", "tokens": {"viewer": …}}.
// For each test of the scene a line comes out: {"test": …, "error": …, "note": …}.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({ executablePath: process.argv[2], args: ['--no-sandbox', '--disable-gpu'] });
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { scene, url, shots, tokens } = JSON.parse(line);
  const { options = {}, tests } = await import(`./${scene}.mjs`);
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1200, height: 860 }, ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints = watch(page, url);
  for (const [name, run] of Object.entries(tests)) {
    let error = '';
    let note = '';
    try {
      note = (await run(page, url, tokens)) ?? '';
      error = complaints.splice(0).join('\n');
    } catch (e) {
      error = `${e.stack}\n${complaints.splice(0).join('\n')}`;
    }
    if (shots) {
      await mkdir(shots, { recursive: true });
      await page.screenshot({ fullPage: true, path: join(shots, `${scene}-${name.replaceAll(/\W+/g, '-')}.png`) });
      complaints.splice(0); // of the style with which Playwright hides the caret
    }
    say({ test: name, error, note });
    if (error) break; // those that follow build on it
  }
  await context.close();
  say({ done: scene });
}
await browser.close();

// watch collects what no page should do: fail, break its own policy, or ask
// other hosts. Answers of the API that are no success are for the page to show.
function watch(page, url) {
  const list = [];
  page.on('pageerror', (e) => list.push(`the page failed: ${e.stack}`));
  page.on('console', (m) => {
    if (m.type() === 'error' && !/^Failed to load resource/.test(m.text())) list.push(`the console says: ${m.text()}`);
  });
  page.on('request', (r) => {
    if (!r.url().startsWith(url) && !r.url().startsWith('data:')) list.push(`it asked ${r.url()}`);
  });
  return list;
}
