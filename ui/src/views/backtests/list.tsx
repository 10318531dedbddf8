import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Backtest, BacktestRequest } from '../../api/schema';
import { percent, time } from '../../format';
import { kept } from '../../kept';
import { Badge, Empty, Failure } from '../../parts/messages';
import { QueryChoice } from '../../parts/queries';
import { Table, type Column } from '../../parts/table';
import { go, href } from '../../router';

const columns: Array<Column<Backtest>> = [
  { name: 'Began', value: (b) => b.created, show: (b) => <a href={href(['backtests', b.id])}>{time(b.created)}</a> },
  { name: 'State', value: (b) => b.state, show: (b) => <Badge of={b.state} /> },
  { name: 'Done', value: (b) => b.progress?.share ?? 0, show: (b) => (b.progress ? percent(b.progress.share) : '–'), number: true },
  { name: 'Query', value: (b) => b.request.query || 'a text' },
  { name: 'Against', value: (b) => b.request.against || '–' },
  { name: 'From', value: (b) => b.request.from || 'the first' },
  { name: 'Note', value: (b) => b.error ?? '', wide: true },
];

export function List() {
  const { data, error } = usePoll('backtests', async (signal) => (await call('GET /v1/backtests', {}, signal)) ?? [], 1000);
  return (
    <>
      <div class="head">
        <h1>Back-tests</h1>
      </div>
      <Start />
      <Failure error={error} what="list the back-tests" />
      {data && data.length > 0 && <Table label="Back-tests" columns={columns} rows={data} id={(b) => b.id} />}
      {data?.length === 0 && (
        <Empty title="None has been run.">
          <p>A back-test runs a rule over the history of its sources, beside what runs. With a second rule it says what appears, disappears and changes.</p>
        </Empty>
      )}
    </>
  );
}

function Start() {
  const [draft, setDraft] = useState(false);
  const [ask, setAsk] = useState<BacktestRequest>({});
  const [error, setError] = useState<unknown>();
  const field = (name: 'from' | 'to' | 'by' | 'label' | 'amount', label: string, hint: string) => (
    <label class="field">
      {label}
      <input value={ask[name] ?? ''} placeholder={hint} onInput={(e) => setAsk({ ...ask, [name]: e.currentTarget.value || undefined })} />
    </label>
  );
  const start = async (e: Event) => {
    e.preventDefault();
    setError(undefined);
    const body = draft ? { ...ask, sql: kept('draft').read(), query: undefined } : ask;
    await call('POST /v1/backtests', { body }).then((b) => go(['backtests', b.id]), setError);
  };
  return (
    <form class="panel" onSubmit={start}>
      <div class="row">
        <label class="field">
          Try
          <select value={draft ? 'draft' : 'query'} onChange={(e) => setDraft(e.currentTarget.value === 'draft')}>
            <option value="query">a query as it is</option>
            <option value="draft">the text in the editor</option>
          </select>
        </label>
        {!draft && <QueryChoice value={ask.query ?? ''} choose={(query) => setAsk({ ...ask, query })} />}
        <Against value={ask.against ?? ''} choose={(against) => setAsk({ ...ask, against: against || undefined })} />
        {field('from', 'From', '720h or a time')}
        {field('to', 'To', 'now')}
        {field('by', 'Count apart by', 'an output column')}
        {field('label', 'Label', 'a BOOLEAN column')}
        {field('amount', 'Worth', 'a column')}
        <button class="first" disabled={!draft && !ask.query}>
          Run
        </button>
      </div>
      <Failure error={error} what="run the back-test" />
    </form>
  );
}

function Against({ value, choose }: { value: string; choose: (name: string) => void }) {
  return <QueryChoice label="Against" value={value} all="nothing" choose={choose} />;
}
