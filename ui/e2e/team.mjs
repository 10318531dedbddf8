// A server with logins: what each role may do, open matches that are supervised,
// and a rule that changes without losing them.
import { strict as assert } from 'node:assert';

import { violations } from './axe.mjs';

const rule = (minutes, least = 3) => `INSERT INTO takeovers SELECT account, tries FROM logins MATCH_RECOGNIZE (
  PARTITION BY account ORDER BY ts
  MEASURES COUNT(FAILED.ok) AS tries
  PATTERN (FAILED{${least},} WORKS) WITHIN INTERVAL '${minutes}' MINUTE
  DEFINE FAILED AS NOT FAILED.ok, WORKS AS WORKS.ok);`;

const sql = `CREATE TABLE logins (account STRING, ok BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'http', 'format' = 'json', 'scan.watermark.idle-timeout' = '0');
CREATE TABLE takeovers (account STRING, tries BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE doubles (account STRING) WITH ('connector' = 'blackhole');
${rule(10)}
INSERT INTO doubles SELECT account FROM logins MATCH_RECOGNIZE (
  PARTITION BY account ORDER BY ts MEASURES ONE.ok AS ok
  PATTERN (ONE NONE* TWO) WITHIN INTERVAL '10' MINUTE
  DEFINE ONE AS ONE.ok, NONE AS NOT NONE.ok, TWO AS TWO.ok);`;

/** logins are rows: ann+ worked, ann- failed. */
const logins = (text, minute) => text.split(' ').map((x, i) => ({ account: x.slice(0, 3), ok: x.endsWith('+'), ts: `2026-01-31 12:${minute}:${String(i).padStart(2, '0')}` }));

/** post calls the API as a program does. */
async function post(url, token, path, body, type = 'application/json') {
  const answer = await fetch(url + path, { method: 'POST', headers: { Authorization: `Bearer ${token}`, 'Content-Type': type }, body });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
}

const send = (url, tokens, text, minute) => post(url, tokens.operator, '/v1/tables/logins/events', logins(text, minute).map((e) => JSON.stringify(e)).join('\n'), 'application/x-ndjson');

async function login(page, token) {
  const out = page.getByRole('button', { name: 'Log out' });
  if (await out.count()) await out.click();
  else await page.goto('/');
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** calls does what the page does not offer; it gives the answer's status. */
const calls = (page, method, path) => page.evaluate(async ([method, path]) => (await fetch(path, { method, headers: { 'Content-Type': 'application/json' }, body: method === 'POST' ? '{}' : null })).status, [method, path]);

const list = (page) => page.getByRole('region', { name: 'Open matches' });
const instances = (page) => page.getByRole('navigation').getByRole('link', { name: 'Instances' }).click();

async function drafted(page, text) {
  await page.getByRole('textbox', { name: 'Statements' }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

export const tests = {
  async 'a token that is none is refused'(page, url, tokens) {
    await post(url, tokens.author, '/v1/queries', JSON.stringify({ sql }));
    await send(url, tokens, 'ann- ann- bob- dan+ cat- cat- cat- gus-', '00');
    await login(page, 'cepd_nobody');
    await page.getByRole('alert').waitFor();
  },
  async 'a viewer sees that queries run'(page, url, tokens) {
    await login(page, tokens.viewer);
    await page.getByText('vera, viewer').waitFor();
    await page.getByRole('link', { name: 'takeovers', exact: true }).click();
    await page.getByRole('region', { name: 'Operators', exact: true }).waitFor();
  },
  async 'a viewer cannot end or drop'(page) {
    assert.equal(await page.getByRole('button', { name: 'Drop …' }).count(), 0);
    await instances(page);
    await page.getByRole('alert').filter({ hasText: 'Your role does not allow: list the open matches' }).waitFor();
    assert.equal(await calls(page, 'DELETE', '/v1/queries/takeovers'), 403);
    assert.equal(await calls(page, 'DELETE', '/v1/queries/takeovers/instances/1'), 403);
  },
  async 'an author sees open matches, and cannot end them'(page, url, tokens) {
    await login(page, tokens.author);
    await instances(page);
    await list(page).getByRole('button', { name: 'account=ann' }).click();
    await page.getByText('takes the role operator').waitFor();
    assert.equal(await page.getByRole('button', { name: 'End it …' }).count(), 0);
    const { instances: all } = await page.evaluate(async () => (await fetch('/v1/instances')).json());
    const at = `/v1/queries/takeovers/instances/${all.find((x) => x.key.account === 'ann').id}`;
    assert.equal(await calls(page, 'DELETE', at), 403);
    assert.equal(await calls(page, 'POST', `${at}/events`), 403);
  },
  async 'an operator finds the open matches of all queries'(page, url, tokens) {
    await login(page, tokens.operator);
    await instances(page);
    const count = (n) => page.getByText(`${n} open match${n === 1 ? '' : 'es'}.`).waitFor();
    const fill = async (label, value) => {
      await page.getByLabel(label, { exact: true }).fill(value);
      await page.keyboard.press('Enter');
    };
    await list(page).getByRole('link', { name: 'doubles' }).waitFor();
    await count(4); // the last row waits for its time
    await fill('Reached', 'ONE');
    await count(1);
    await list(page).getByRole('button', { name: 'account=dan' }).waitFor();
    await fill('Reached', '');
    await page.getByLabel('Query').selectOption('takeovers');
    await fill('Waits for', 'WORKS');
    await count(1);
    await fill('Waits for', '');
    await fill('Began before', '2026-01-31T12:00:01Z');
    await count(1);
    await fill('Began before', '5 min');
    await fill('Key', 'account=bob');
    await count(1);
    await fill('Began before', '');
  },
  async 'an event is raised for one'(page, url, tokens) {
    await list(page).getByRole('button', { name: 'account=bob' }).click();
    await page.getByRole('button', { name: 'Raise an event …' }).click();
    await page.getByLabel('Values').fill('{"ok": false, "ts": "2026-01-31 12:00:30"}');
    await page.getByRole('button', { name: 'Raise an event', exact: true }).click();
    await page.getByRole('button', { name: 'Raise an event …' }).waitFor();
    await send(url, tokens, 'gus-', '01'); // time goes on
    await list(page).getByText('account=bob, tries=2').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
  },
  async 'one is ended, but not by one click'(page) {
    await page.getByLabel('Key', { exact: true }).fill('ann');
    await page.keyboard.press('Enter');
    await list(page).getByRole('button', { name: 'account=ann' }).first().click();
    await page.getByRole('button', { name: 'End it …' }).click();
    await page.getByRole('button', { name: 'End it', exact: true }).click(); // without a reason nothing happens
    await page.getByLabel('Why: it is written').fill('a false alarm');
    await page.getByRole('button', { name: 'End it', exact: true }).click();
    await page.getByText('No match is open that fits.').waitFor();
  },
  async 'axe finds nothing in an open match and its forms'(page) {
    await page.getByLabel('Key', { exact: true }).fill('cat');
    await page.keyboard.press('Enter');
    await list(page).getByRole('button', { name: 'account=cat' }).click();
    await page.getByRole('button', { name: 'End it …' }).click();
    await page.getByRole('button', { name: 'Raise an event …' }).click();
    for (const [width, height, colorScheme] of [[390, 800, 'dark'], [1200, 860, 'light']]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await violations(page), [], `${colorScheme}, ${width} wide`);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    }
  },
  async 'a query says when output can come, and what holds the watermark back'(page) {
    await page.goto('/#/queries/takeovers?tab=partitions');
    await page.getByText('Next output: when the watermark is 2026-01-31 12:01:00, the first row that waits is taken.').waitFor();
    await page.getByText('It takes of logins partition 0 a row later than').waitFor();
    await page.getByText('logins partition 0 is the furthest behind').first().waitFor();
    await page.getByText('active, holds the watermark back').waitFor();
  },
  async 'another text keeps the state, and says so first'(page) {
    await page.goto('/#/editor?query=takeovers');
    await page.getByText("INTERVAL '10'").waitFor();
    await drafted(page, rule(20));
    await page.getByRole('button', { name: 'What would this text do to takeovers?' }).click();
    await page.getByText('The state can be kept.').waitFor();
    await page.getByRole('region', { name: 'State of the operators' }).getByText('moved').waitFor();
    await page.getByRole('button', { name: 'Replace, keep the state' }).click();
    await page.getByText('takeovers runs version 2 now.').waitFor();
  },
  async 'a match that was open is one of the new version'(page, url, tokens) {
    await send(url, tokens, 'cat+ gus-', '15'); // too late for the old text
    await page.goto('/#/detections?query=takeovers');
    await page.getByText('account=cat, tries=3').waitFor();
  },
  async 'a bolder text runs beside it, and the two are compared'(page, url, tokens) {
    await page.goto('/#/editor?query=takeovers');
    await page.getByText("INTERVAL '20'").waitFor();
    await drafted(page, rule(20, 2));
    await page.getByRole('link', { name: 'Run beside it' }).click();
    await page.getByRole('button', { name: "Run the editor's text beside it" }).click();
    await page.getByText('comparing', { exact: true }).waitFor();
    await send(url, tokens, 'eve- eve- fay- fay- fay- eve+ fay+ gus-', '16');
    await page.getByRole('region', { name: 'Differences' }).getByText('only of the shadow').waitFor();
  },
  async 'the shadow takes over'(page, url, tokens) {
    await page.getByRole('button', { name: 'Let it take over' }).click();
    await page.getByText('No other text runs beside this query.').waitFor();
    await page.getByRole('tab', { name: 'Versions' }).click();
    await page.getByRole('heading', { name: 'Version 3, compared with 2' }).waitFor();
    await page.getByRole('link', { name: 'Detections' }).last().click();
    await send(url, tokens, 'hal- hal- hal+ gus-', '17');
    await page.getByText('account=hal, tries=2').waitFor();
  },
};
