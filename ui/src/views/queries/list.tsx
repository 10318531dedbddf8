import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Info, Status } from '../../api/schema';
import { count, lag, rate, time } from '../../format';
import { Badge, Empty, Failure } from '../../parts/messages';
import { listQueries } from '../../parts/queries';
import { Table, type Column } from '../../parts/table';
import { href, refine } from '../../router';

interface Line extends Info {
  status?: Status;
}

interface Look {
  at: number;
  lines: Line[];
}

/** Of so many queries the status is asked for at each look. */
const most = 50;

async function look(signal: AbortSignal, filter: string): Promise<Look> {
  const all = (await listQueries(signal)).filter((q) => q.name.toLowerCase().includes(filter.toLowerCase()));
  const lines = await Promise.all(
    all.map(async (q, i): Promise<Line> => {
      if (i >= most) return q;
      const status = await call('GET /v1/queries/{name}/status', { path: { name: q.name } }, signal).catch(() => undefined);
      return status ? { ...q, status } : q;
    }),
  );
  return { at: performance.now(), lines };
}

const read = (l: Line) => (l.status?.partitions ?? []).reduce((n, p) => n + p.rows, 0);
const found = (l: Line) => l.status?.sinks?.[0]?.rows ?? 0;
const behind = (l: Line) => (l.status?.partitions ?? []).reduce((n, p) => (n < 0 || p.lag < 0 ? -1 : n + p.lag), 0);

export function List({ filter }: { filter: string }) {
  const { data, before, error } = usePoll(`list ${filter}`, (signal) => look(signal, filter), 1000);
  const perSecond = (l: Line) => {
    const old = before?.lines.find((x) => x.name === l.name);
    return old && data && before ? Math.max(0, (read(l) - read(old)) / ((data.at - before.at) / 1000)) : undefined;
  };
  const columns: Array<Column<Line>> = [
    { name: 'Query', value: (l) => l.name, show: (l) => <a href={href(['queries', l.name])}>{l.name}</a> },
    { name: 'State', value: (l) => l.state, show: (l) => <Badge of={l.state} /> },
    { name: 'Events', value: read, show: (l) => count(read(l)), number: true },
    { name: 'Rate', value: (l) => perSecond(l) ?? 0, show: (l) => rate(perSecond(l)), number: true },
    { name: 'Detections', value: found, show: (l) => count(found(l)), number: true },
    { name: 'Lag', value: behind, show: (l) => (l.status ? lag(behind(l)) : '–'), number: true },
    { name: 'Watermark', value: (l) => l.status?.watermark, show: (l) => time(l.status?.watermark) },
    { name: 'Note', wide: true, value: (l) => l.error || l.status?.hint || '', show: (l) => <span class={l.error ? 'bad' : 'hint'}>{l.error || l.status?.hint || ''}</span> },
  ];
  return (
    <>
      <div class="head">
        <h1>Queries</h1>
        <span class="grow" />
        <label class="field">
          Filter by name
          <input type="search" value={filter} onInput={(e) => refine({ filter: e.currentTarget.value })} />
        </label>
        <a class="button" href="#/editor">
          New query
        </a>
      </div>
      <Failure error={error} what="list the queries" />
      {data && data.lines.length === 0 && (
        <Empty title={filter ? 'No query has such a name.' : 'No query runs.'}>
          {!filter && (
            <p>
              Write one in the <a href="#/editor">editor</a>, or submit a file: <code>cepd query submit FILE</code>
            </p>
          )}
        </Empty>
      )}
      {data && data.lines.length > 0 && <Table label="Queries" columns={columns} rows={data.lines} id={(l) => l.name} />}
    </>
  );
}
