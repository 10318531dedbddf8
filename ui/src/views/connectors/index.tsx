// The tables with their connectors, and how their partitions and sinks do in
// the queries that use them.
import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Status, Table as TableInfo, WarningStatus } from '../../api/schema';
import { bytes, count, lag, time } from '../../format';
import { Badge, Empty, Failure } from '../../parts/messages';
import { listQueries } from '../../parts/queries';
import { Table, type Column } from '../../parts/table';
import { href, refine, type Route } from '../../router';

interface Use {
  table: string;
  connector: string;
  query: string;
  state: string;
  way: 'reads' | 'writes';
  rows: number;
  lag: number;
  trouble: number;
  queue: number;
  warnings: WarningStatus | null | undefined;
  newest: string | undefined;
}

async function look(signal: AbortSignal): Promise<Use[]> {
  const [tables, queries] = await Promise.all([call('GET /v1/tables', {}, signal), listQueries(signal)]);
  const all = await Promise.all(
    queries.slice(0, 50).map((q) => call('GET /v1/queries/{name}/status', { path: { name: q.name } }, signal).catch(() => undefined)),
  );
  const uses = all.flatMap((s) => (s ? usesOf(s, tables ?? []) : []));
  const idle = (tables ?? []).filter((t) => !uses.some((u) => u.table === t.name));
  return [...uses, ...idle.map((t): Use => ({ ...nothing, table: t.name, connector: connectorOf(t) }))];
}

const nothing: Use = { table: '', connector: '', query: '', state: '', way: 'reads', rows: 0, lag: 0, trouble: 0, queue: 0, warnings: undefined, newest: undefined };

const connectorOf = (t: TableInfo | undefined) => t?.options['connector'] ?? '';

export function usesOf(s: Status, tables: TableInfo[]): Use[] {
  const reads = new Map<string, Use>();
  const of = (name: string) => ({ ...nothing, table: name, connector: connectorOf(tables.find((t) => t.name === name)), query: s.name, state: s.state });
  for (const p of s.partitions ?? []) {
    const u = reads.get(p.table) ?? of(p.table);
    u.rows += p.rows;
    u.lag = p.lag < 0 || u.lag < 0 ? -1 : u.lag + p.lag;
    u.trouble += p.rejects + p.late;
    if ((p.newest ?? '') > (u.newest ?? '')) u.newest = p.newest;
    reads.set(p.table, u);
  }
  for (const src of s.sources ?? []) {
    const u = reads.get(src.table);
    if (u) u.warnings = src.warnings;
  }
  const writes = (s.sinks ?? []).map((k): Use => ({ ...of(k.table), way: 'writes', rows: k.acknowledged, lag: k.rows - k.acknowledged, queue: k.queued_bytes, warnings: k.warnings, newest: k.newest }));
  return [...reads.values(), ...writes];
}

const columns: Array<Column<Use>> = [
  { name: 'Table', value: (u) => u.table, show: (u) => <a href={href(['data'], { table: u.table })}>{u.table}</a> },
  { name: 'Connector', value: (u) => u.connector },
  { name: 'Query', value: (u) => u.query, show: (u) => (u.query ? <a href={href(['queries', u.query], { tab: 'partitions' })}>{u.query}</a> : <span class="hint">none uses it</span>) },
  { name: 'State', value: (u) => u.state, show: (u) => u.state && <Badge of={u.state} /> },
  { name: 'Way', value: (u) => (u.query ? u.way : '–') },
  { name: 'Rows', value: (u) => u.rows, show: (u) => count(u.rows), number: true },
  { name: 'Behind', value: (u) => u.lag, show: (u) => lag(u.lag), number: true },
  { name: 'Late or rejected', value: (u) => u.trouble, show: (u) => count(u.trouble), number: true },
  { name: 'Queue', value: (u) => u.queue, show: (u) => bytes(u.queue), number: true },
  {
    name: 'Warnings', value: (u) => u.warnings?.count ?? 0, number: true,
    show: (u) => (u.warnings ? <span title={`${time(u.warnings.at)} ${u.warnings.last}`}>{count(u.warnings.count)}</span> : '0'),
  },
  { name: 'Newest event', value: (u) => u.newest, show: (u) => time(u.newest) },
];

export function Connectors({ route }: { route: Route }) {
  const filter = route.params['filter'] ?? '';
  const { data, error } = usePoll('connectors', look, 1000);
  const shown = (data ?? []).filter((u) => `${u.table} ${u.connector} ${u.query}`.toLowerCase().includes(filter.toLowerCase()));
  return (
    <>
      <div class="head">
        <h1>Connectors</h1>
        <span class="grow" />
        <label class="field">
          Filter
          <input type="search" value={filter} onInput={(e) => refine({ filter: e.currentTarget.value })} />
        </label>
      </div>
      <Failure error={error} what="look at the connectors" />
      {shown.length > 0 && <Table label="Tables and their connectors" columns={columns} rows={shown} id={(u) => `${u.table} ${u.query} ${u.way}`} />}
      {data && shown.length === 0 && (
        <Empty title={data.length === 0 ? 'There is no table.' : 'None fits the filter.'}>
          {data.length === 0 && (
            <p>
              <code>CREATE TABLE</code> says what a stream is and where it comes from: write one in the <a href="#/editor">editor</a>.
            </p>
          )}
        </Empty>
      )}
    </>
  );
}
