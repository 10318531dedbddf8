// Some rows of a table, as its connector gives them.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { SampleRow } from '../../api/schema';
import { pairs, time } from '../../format';
import { Empty, Failure } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';

const columns: Array<Column<SampleRow>> = [
  { name: 'Partition', value: (r) => r.partition, number: true },
  { name: 'Offset', value: (r) => r.offset, number: true },
  { name: 'Time', value: (r) => r.time, show: (r) => time(r.time) },
  {
    name: 'Values',
    value: (r) => r.rejected ?? pairs(r.columns as Record<string, unknown>),
    show: (r) => (r.rejected ? <span class="bad">{`No row: ${r.rejected} (${r.record ?? ''})`}</span> : pairs(r.columns as Record<string, unknown>)),
    mono: true,
    wide: true,
  },
];

export function Sample({ table }: { table: string }) {
  const [from, setFrom] = useState<'latest' | 'earliest'>('latest');
  const { data, error, again } = usePoll(
    `sample ${table} ${from}`,
    (signal) => call('GET /v1/tables/{name}/sample', { path: { name: table }, query: { rows: 50, from } }, signal),
    0,
  );
  const rows = data?.rows ?? [];
  return (
    <section>
      <div class="row">
        <h2 class="grow">Rows</h2>
        <label class="field">
          Which
          <select value={from} onChange={(e) => setFrom(e.currentTarget.value as 'latest' | 'earliest')}>
            <option value="latest">the last</option>
            <option value="earliest">the first</option>
          </select>
        </label>
        <button onClick={again}>Look again</button>
      </div>
      <Failure error={error} what="read rows of the table" />
      {!data && !error && <p role="status">Reading …</p>}
      {data?.incomplete && <p class="hint">Time ran out before there were more.</p>}
      {rows.length > 0 && <Table label="Rows" columns={columns} rows={rows} id={(r) => `${r.partition} ${r.offset}`} />}
      {data && rows.length === 0 && <Empty title="It has given no row yet." />}
    </section>
  );
}
