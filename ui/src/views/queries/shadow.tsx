// A text that runs beside a query, and how the two compare.
import { useState } from 'preact/hooks';

import { ApiError, call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Comparison, ShadowInfo } from '../../api/schema';
import { count, show, time } from '../../format';
import { kept } from '../../kept';
import { Badge, Empty, Failure, Figures } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';
import { href } from '../../router';

export function ShadowTab({ name }: { name: string }) {
  const path = { name };
  const { data, error, again } = usePoll(`shadow ${name}`, (signal) => look(name, signal), 1000);
  const [failed, setFailed] = useState<unknown>();
  const [from, setFrom] = useState('now');
  const act = async (what: () => Promise<unknown>) => {
    setFailed(undefined);
    await what().then(again, setFailed);
  };
  const start = () => act(() => call('POST /v1/queries/{name}/shadow', { path, body: { sql: kept('draft').read(), from } }));
  if (error) return <Failure error={error} what="look at the shadow" />;
  return (
    <>
      <Failure error={failed} what="change the shadow" />
      {data === null && (
        <Empty title="No other text runs beside this query.">
          <p>
            A shadow reads what the query reads and delivers nothing; what both find is compared. Write the new text in the <a href={href(['editor'], { query: name })}>editor</a>, then start it here.
          </p>
          <div class="row center">
            <label class="field">
              Begin
              <input value={from} placeholder="now, state or a time" onInput={(e) => setFrom(e.currentTarget.value)} />
            </label>
            <button onClick={start}>Run the editor's text beside it</button>
          </div>
        </Empty>
      )}
      {data && (
        <>
          <div class="head">
            <Badge of={data.phase} />
            <span class="grow hint">{data.hint || data.error || ''}</span>
            <button class="first" onClick={() => act(() => call('POST /v1/queries/{name}/shadow/promote', { path }))}>
              Let it take over
            </button>
            <button class="danger" onClick={() => act(() => call('DELETE /v1/queries/{name}/shadow', { path }))}>
              End it
            </button>
          </div>
          {data.comparison && <Compared of={data.comparison} />}
          <pre tabIndex={0}>{data.version.sql}</pre>
        </>
      )}
    </>
  );
}

/** look is the shadow; null: there is none. */
async function look(name: string, signal: AbortSignal): Promise<ShadowInfo | null> {
  try {
    return await call('GET /v1/queries/{name}/shadow', { path: { name } }, signal);
  } catch (e) {
    if (e instanceof ApiError && e.status === 404) return null;
    throw e;
  }
}

type Difference = NonNullable<Comparison['differences']>[number];

const kinds: Record<Difference['kind'], string> = { only_old: 'only of the query', only_new: 'only of the shadow', changed: 'other values' };

const columns: Array<Column<Difference>> = [
  { name: 'Difference', value: (d) => kinds[d.kind] },
  { name: 'Time', value: (d) => d.time, show: (d) => time(d.time) },
  { name: 'Query', value: (d) => (d.old === undefined ? '–' : show(d.old)), mono: true, wide: true },
  { name: 'Shadow', value: (d) => (d.new === undefined ? '–' : show(d.new)), mono: true, wide: true },
];

function Compared({ of: c }: { of: Comparison }) {
  return (
    <>
      <Figures
        of={[
          ['Same', count(c.same)],
          ['Only of the query', count(c.only_old)],
          ['Only of the shadow', count(c.only_new)],
          ['Other values', count(c.changed)],
          ['Compared since', time(c.since)],
        ]}
      />
      {c.error && <p class="bad">{c.error}</p>}
      {(c.differences ?? []).length > 0 && <Table label="Differences" columns={columns} rows={c.differences ?? []} id={(d) => `${d.kind} ${d.table} ${d.id}`} />}
    </>
  );
}
