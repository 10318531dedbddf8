// Every view, in both sets of colours, on a desk and on a phone: axe finds
// nothing, nothing is wider than the screen, and the keyboard reaches all.
import { strict as assert } from 'node:assert';

import { violations } from './axe.mjs';

const views = [
  ['queries', '#/queries'],
  ['a query', '#/queries/fast'],
  ['a pattern', '#/queries/fast?tab=automaton'],
  ['partitions', '#/queries/fast?tab=partitions'],
  ['a text', '#/queries/fast?tab=text'],
  ['versions', '#/queries/fast?tab=versions'],
  ['a shadow', '#/queries/fast?tab=shadow'],
  ['a table', '#/data?table=ticks'],
  ['editor', '#/editor?query=fast'],
  ['detections', '#/detections'],
  ['instances', '#/instances?key=1'],
  ['why', '#/why?query=fast&key=1'],
  ['back-tests', '#/backtests'],
  ['tests', '#/tests'],
  ['data', '#/data'],
  ['connectors', '#/connectors'],
  ['a query that is not there', '#/queries/nothing'],
];

async function look(page, address) {
  await page.goto(`/${address}`);
  await page.locator('main h1').waitFor();
  await page.waitForLoadState('networkidle', { timeout: 600 }).catch(() => {}); // a stream is never idle
}

/** settings are a desk and a phone, in both sets of colours. */
const settings = [
  [1200, 860, 'light'],
  [1200, 860, 'dark'],
  [390, 800, 'dark'],
];

export const tests = {
  async 'axe finds nothing in light, in dark, and on a phone'(page) {
    for (const [name, address] of views) {
      await look(page, address);
      for (const [width, height, colorScheme] of settings) {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await violations(page), [], `${name}, ${colorScheme}, ${width} wide`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${name} is ${wide} px wider than a screen of ${width}`);
      }
    }
  },
  async 'every view is reached by the keyboard'(page) {
    await page.setViewportSize({ width: 1200, height: 860 });
    await page.goto('about:blank'); // nothing has the focus
    await look(page, '#/queries');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    await page.keyboard.press('Tab'); // the name
    for (const title of ['Queries', 'Editor', 'Detections', 'Instances', 'Why', 'Back-tests', 'Tests', 'Data', 'Connectors']) {
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement.textContent), title);
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, 'none', `the focus on ${title} is seen`);
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Connectors', level: 1 }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  },
  async 'tabs are moved by arrows'(page) {
    await look(page, '#/queries/fast');
    await page.getByRole('tab', { name: 'Operators' }).focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.getByRole('tab', { name: 'Pattern' }).getAttribute('aria-selected'), 'true');
    await page.getByRole('heading', { name: /PATTERN/ }).waitFor();
  },
  async 'the chosen colours stay'(page) {
    await page.emulateMedia({ colorScheme: 'light' });
    await look(page, '#/queries');
    await page.getByRole('combobox', { name: 'Colours' }).selectOption('dark');
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await page.reload();
    await page.locator('main h1').waitFor();
    assert.equal(await ground(), dark);
    await page.getByRole('combobox', { name: 'Colours' }).selectOption('system');
    assert.notEqual(await ground(), dark);
  },
};
