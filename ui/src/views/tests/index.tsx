// Rule tests: YAML beside the rule, run in virtual time, without a broker.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import type { CoveredPattern, TestResult, TestResults } from '../../api/schema';
import { percent } from '../../format';
import { kept } from '../../kept';
import { Badge, Empty, Failure } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';
import type { Route } from '../../router';
import { example } from './example';

const draft = kept('draft');
const yaml = kept('tests');

const results: Array<Column<TestResult>> = [
  { name: 'Test', value: (r) => r.name },
  { name: 'Result', value: (r) => (r.passed ? 'passed' : 'failed'), show: (r) => <Badge of={r.passed ? 'passed' : 'failed'} /> },
  { name: 'Time, ms', value: (r) => r.millis, show: (r) => r.millis.toFixed(1), number: true },
  { name: 'What failed', value: (r) => (r.failures ?? []).join('\n'), show: (r) => <FailuresOf of={r} />, wide: true },
];

const covered: Array<Column<CoveredPattern>> = [
  { name: 'Pattern of', value: (c) => c.query },
  { name: 'Shown', value: (c) => c.seen / (c.total || 1), show: (c) => `${c.seen} of ${c.total} (${percent(c.seen / (c.total || 1))})`, number: true },
  { name: 'What no test shows', value: (c) => (c.missing ?? []).join('; '), wide: true },
];

function FailuresOf({ of }: { of: TestResult }) {
  const list = of.failures ?? [];
  return list.length === 0 ? <>–</> : <ul class="conditions bad">{list.map((f, i) => <li key={i}>{f}</li>)}</ul>;
}

export function Tests(_: { route: Route }) {
  const [sql, setSQL] = useState(() => draft.read() || example.sql);
  const [tests, setTests] = useState(() => yaml.read() || example.tests);
  const [done, setDone] = useState<TestResults>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const run = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    await call('POST /v1/tests', { body: { sql, tests } }).then(setDone, (e: unknown) => (setDone(undefined), setError(e)));
    setBusy(false);
  };
  const area = (label: string, value: string, change: (text: string) => void) => (
    <label class="field wide">
      {label}
      <textarea rows={14} value={value} spellcheck={false} onInput={(e) => change(e.currentTarget.value)} />
    </label>
  );
  return (
    <>
      <div class="head">
        <h1>Tests</h1>
        <span class="grow" />
        <button onClick={() => (setSQL(example.sql), setTests(example.tests))}>An example</button>
      </div>
      <form class="panel" onSubmit={run}>
        <div class="pair">
          {area('Statements (those of the editor)', sql, (t) => (setSQL(t), draft.write(t)))}
          {area('Tests, in YAML', tests, (t) => (setTests(t), yaml.write(t)))}
        </div>
        <button class="first" disabled={busy}>
          {busy ? 'Running …' : 'Run the tests'}
        </button>
      </form>
      <Failure error={error} what="run the tests" />
      {done && (
        <>
          <p role="status" class={done.failed > 0 ? 'bad' : 'good'}>{`${done.passed} passed, ${done.failed} failed.`}</p>
          <Table label="Results" columns={results} rows={done.results ?? []} id={(r) => r.name} />
          {(done.covered ?? []).length > 0 && (
            <>
              <h2>Coverage</h2>
              <Table label="Coverage" columns={covered} rows={done.covered ?? []} id={(c) => `${c.query} ${c.stage}`} />
            </>
          )}
        </>
      )}
      {!done && !error && (
        <Empty title="Nothing has been run yet.">
          <p>A test says which rows come and which detections are expected. Nothing is read from or written to elsewhere.</p>
        </Empty>
      )}
    </>
  );
}
