// As a user would: write a rule, see the error, fix it, deploy it, watch it.
import { strict as assert } from 'node:assert';

const tables = `CREATE TABLE logins (account STRING, ok BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE takeovers (account STRING, tries BIGINT) WITH ('connector' = 'blackhole');
`;
const rule = (column) => `INSERT INTO takeovers SELECT account, tries FROM logins MATCH_RECOGNIZE (
  PARTITION BY account ORDER BY ts
  MEASURES COUNT(FAILED.ok) AS tries
  PATTERN (FAILED{3,} WORKS) WITHIN INTERVAL '10' MINUTE
  DEFINE FAILED AS NOT FAILED.${column}, WORKS AS WORKS.ok);`;

const logins = 'ann- ann- bob- ann- bob- ann+ bob- cat- cat- cat+ eve+'.split(' ').map((x, i) => ({ account: x.slice(0, 3), ok: x.endsWith('+'), ts: `2026-01-31 12:00:${String(i).padStart(2, '0')}` }));
const events = logins.map((e) => JSON.stringify(e)).join('\n');

const editor = (page) => page.getByRole('textbox', { name: 'Statements' });

async function write(page, text) {
  await editor(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

export const tests = {
  async 'an empty server says what to do'(page) {
    await page.goto('/');
    await page.getByText('No query runs.').waitFor();
    await page.getByRole('link', { name: 'New query' }).click();
    await editor(page).waitFor();
  },
  async 'a mistake is shown with its place'(page) {
    await write(page, tables + rule('okay'));
    const finding = page.getByRole('listitem').filter({ hasText: 'unknown-column' });
    await finding.waitFor();
    assert.match(await finding.innerText(), /Line 8/);
    await finding.getByRole('button').click();
    await page.getByText('1 mistake').waitFor();
  },
  async 'the mistake is fixed and the plan seen'(page) {
    await write(page, tables + rule('ok'));
    await page.getByText('No mistakes.').waitFor();
    await page.getByRole('tab', { name: 'Plan' }).click();
    await page.getByText('Logical plan').waitFor();
    await page.getByRole('region', { name: 'Automaton of takeovers' }).waitFor();
  },
  async 'what may come next is offered, from the catalog too'(page) {
    await editor(page).click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('\nSELECT tries FROM take');
    await page.getByRole('option', { name: /^takeovers/ }).waitFor();
    // The editor takes a key that comes before anybody can have read the list for text.
    await page.waitForFunction((shown) => performance.now() - shown > 200, await page.evaluate(() => performance.now()));
    await page.keyboard.press('Enter');
    await page.getByText('tries FROM takeovers').waitFor();
  },
  async 'the text is laid out'(page) {
    await write(page, tables + rule('ok').replace('  PARTITION', '        PARTITION'));
    await page.getByRole('button', { name: 'Format' }).click();
    await page.getByText('PARTITION BY account').first().waitFor();
    await page.waitForFunction(() => !localStorage.getItem('cepd.draft').includes('        PARTITION'));
  },
  async 'the rule is deployed from the keyboard'(page) {
    await editor(page).click();
    await page.keyboard.press('Control+Enter');
    await page.getByText('Runs:').waitFor();
    await page.getByRole('status').getByRole('link', { name: 'takeovers', exact: true }).click();
    await page.getByRole('heading', { name: 'takeovers' }).waitFor();
    await page.getByRole('region', { name: 'Operators', exact: true }).waitFor();
  },
  async 'events are sent'(page) {
    await page.getByRole('navigation').getByRole('link', { name: 'Data' }).click();
    await page.getByRole('link', { name: 'logins' }).click();
    await page.getByLabel('Events').fill(events);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('11 events are kept').waitFor();
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByRole('region', { name: 'Rows' }).getByText('account=eve, ok=true').waitFor();
  },
  async 'an event that is none is refused'(page) {
    await page.getByLabel('Events').fill('{"account": "ann", "ok": "perhaps"}');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').filter({ hasText: 'ok' }).waitFor();
    await page.goto('/#/queries/takeovers');
  },
  async 'its automaton counts the open matches'(page) {
    await page.getByRole('tab', { name: 'Pattern' }).click();
    await page.getByText('1 open match.').waitFor();
  },
  async 'the detection is seen with its values'(page) {
    await page.getByRole('link', { name: 'Detections' }).last().click();
    await page.getByText('account=ann, tries=3').waitFor();
    await page.getByRole('searchbox', { name: 'Filter' }).fill('account=bob');
    await page.getByText('None of the last detections fits the filter.').waitFor();
    await page.getByRole('searchbox', { name: 'Filter' }).fill('ann');
    await page.getByText('account=ann, tries=3').waitFor();
  },
  async 'it is asked why, and answers with the events'(page) {
    await page.getByRole('link', { name: 'Why?' }).click();
    await page.getByRole('heading', { name: /^Match/ }).waitFor();
    assert.equal(await page.getByText('holds:').count(), 4);
  },
  async 'it is asked why not of another key'(page) {
    await page.getByLabel('Key').fill('account=bob');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByRole('heading', { name: /^Open/ }).first().waitFor();
  },
  async 'the open match is listed with what it waits for'(page) {
    await page.getByRole('navigation').getByRole('link', { name: 'Instances' }).click();
    await page.getByLabel('Query').selectOption('takeovers');
    await page.getByRole('button', { name: 'account=bob' }).click();
    await page.getByRole('region', { name: 'Open match', exact: true }).getByText('Expires').first().waitFor();
  },
  async 'it is changed, and the change compared on history'(page) {
    await page.goto('/#/editor?query=takeovers');
    await page.getByText('FAILED{3,}').waitFor();
    await write(page, rule('ok').replace('{3,}', '{2,}'));
    await page.getByText('FAILED{2,}').waitFor();
    await page.getByRole('link', { name: 'Back-test', exact: true }).click();
    await page.getByLabel('Try').selectOption('draft');
    await page.getByLabel('Against').selectOption('takeovers');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('heading', { name: 'Appear: 1' }).waitFor();
    await page.getByText('"cat"').waitFor();
    await page.getByRole('img', { name: 'Detections by day' }).waitFor();
  },
  async 'its tests run, one fails, and say what they leave out'(page) {
    await page.goto('/#/tests');
    await page.getByRole('button', { name: 'An example' }).click();
    await page.getByRole('button', { name: 'Run the tests' }).click();
    await page.getByText('2 passed, 0 failed.').waitFor();
    const tests = page.getByLabel('Tests, in YAML');
    await tests.fill((await tests.inputValue()).replace('tries: 3', 'tries: 4'));
    await page.getByRole('button', { name: 'Run the tests' }).click();
    await page.getByText('1 passed, 1 failed.').waitFor();
    await page.getByRole('region', { name: 'Coverage' }).waitFor();
  },
  async 'the changed rule runs beside the old one'(page) {
    await page.goto('/#/queries/takeovers?tab=shadow');
    await page.getByRole('button', { name: "Run the editor's text beside it" }).click();
    await page.getByRole('button', { name: 'End it' }).waitFor();
    await page.getByText('FAILED{2,}').waitFor();
    await page.getByRole('button', { name: 'End it' }).click();
    await page.getByText('No other text runs beside this query.').waitFor();
  },
  async 'it is replaced, once it is clear what becomes of its state'(page) {
    await page.goto('/#/editor?query=takeovers');
    await page.getByText('FAILED{3,}').waitFor();
    await write(page, rule('ok').replace("'10' MINUTE", "'20' MINUTE"));
    await page.getByRole('button', { name: 'What would this text do to takeovers?' }).click();
    await page.getByRole('region', { name: 'State of the operators' }).waitFor();
    await page.getByRole('button', { name: 'Replace, without the state' }).click();
    await page.getByText('takeovers runs version 2 now.').waitFor();
    await page.goto('/#/queries/takeovers?tab=versions');
    await page.getByRole('heading', { name: 'Version 2, compared with 1' }).waitFor();
  },
  async 'the query is dropped, but not by one click'(page) {
    await page.goto('/#/queries/takeovers');
    await page.getByRole('button', { name: 'Drop …' }).click();
    await page.getByRole('button', { name: 'Drop it with its state' }).click();
    await page.getByText('No query runs.').waitFor();
  },
};
