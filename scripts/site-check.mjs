// Reads a site as a person without a network does: from files, in Chromium.
//   node scripts/site-check.mjs FOLDER VERSION [SCREENSHOT]
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { chromium } = createRequire(new URL('../ui/package.json', import.meta.url))('playwright-core');
const [folder, version, shot] = process.argv.slice(2);
const root = pathToFileURL(`${folder}/`).href;

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--allow-file-access-from-files'] });
const page = await browser.newPage({ viewport: { width: 1200, height: 860 } });
page.setDefaultTimeout(60_000);
const asked = [];
page.on('request', (r) => /^(file|data|blob):/.test(r.url()) || asked.push(r.url()));

// The front leads to the newest version; its diagram is drawn.
await page.goto(`${root}index.html`);
await page.waitForURL(`${root}${version}/index.html`);
await page.locator('div.mermaid').first().waitFor(); // its drawing is in a shadow tree

// A search finds a page, and leads there. The site's key for it is heard once its
// script runs.
const field = page.getByPlaceholder('Search').and(page.locator('input:visible'));
for (let tries = 0; tries < 60 && !(await field.isVisible()); tries++) {
  await page.keyboard.press('/');
  await field.waitFor({ timeout: 1_000 }).catch(() => {});
}
await field.fill('watermark');
const hit = page.locator('a[href*="docs/"]', { hasText: /watermark/i }).and(page.locator(':visible')).first();
await hit.waitFor();
if (shot) await page.screenshot({ path: shot });
await hit.click();
await page.waitForURL(/docs\/[^/]*\.html/);
assert.deepEqual(asked, [], 'the site asks nobody');
await browser.close();
console.log('the site opens from files, its search finds, its diagrams are drawn, it asks no other host');
