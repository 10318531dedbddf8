// Tables: their columns, a sample of their rows, and events to send.
import { Sample } from './sample';
import { Send } from './send';
import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Column as TableColumn, Table as TableInfo } from '../../api/schema';
import { Empty, Failure } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';
import { href, refine, type Route } from '../../router';

export function Data({ route }: { route: Route }) {
  const { data, error } = usePoll('tables', async (signal) => (await call('GET /v1/tables', {}, signal)) ?? [], 5000);
  const name = route.params['table'] ?? '';
  const table = data?.find((t) => t.name === name);
  return (
    <>
      <div class="head">
        <h1>Data</h1>
        <span class="grow" />
        <label class="field">
          Table
          <select value={name} onChange={(e) => refine({ table: e.currentTarget.value })}>
            <option value="">All</option>
            {(data ?? []).map((t) => (
              <option key={t.name} value={t.name}>
                {t.name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Failure error={error} what="list the tables" />
      {data?.length === 0 && (
        <Empty title="There is no table.">
          <p>
            <code>CREATE TABLE</code> says what a stream is and where it comes from: write one in the <a href="#/editor">editor</a>.
          </p>
        </Empty>
      )}
      {name && data && !table && <Empty title={`There is no table ${name}.`} />}
      {table && <One key={table.name} of={table} />}
      {!name && data && data.length > 0 && <Table label="Tables" columns={columns} rows={data} id={(t) => t.name} />}
    </>
  );
}

const columns: Array<Column<TableInfo>> = [
  { name: 'Table', value: (t) => t.name, show: (t) => <a href={href(['data'], { table: t.name })}>{t.name}</a> },
  { name: 'Connector', value: (t) => t.options['connector'] },
  { name: 'Columns', value: (t) => (t.columns ?? []).map((c) => `${c.name} ${c.type}`).join(', '), wide: true, mono: true },
  { name: 'Event time', value: (t) => t.watermark || '–' },
];

const described: Array<Column<TableColumn>> = [
  { name: 'Column', value: (c) => c.name },
  { name: 'Type', value: (c) => c.type, mono: true },
  { name: 'Null', value: (c) => (c.not_null ? 'no' : 'yes') },
  { name: 'From', value: (c) => (c.computed ? 'computed' : c.metadata ? `metadata ${c.metadata}` : 'the record') },
];

function One({ of }: { of: TableInfo }) {
  return (
    <>
      {of.options['connector'] === 'http' && !of.options['url'] && <Send table={of} />}
      <Sample table={of.name} />
      <h2>Columns</h2>
      <Table label="Columns" columns={described} rows={of.columns ?? []} id={(c) => c.name} />
      <h2>Options</h2>
      <pre tabIndex={0}>{Object.entries(of.options).sort().map(([k, v]) => `'${k}' = '${v}'`).join('\n')}</pre>
    </>
  );
}
