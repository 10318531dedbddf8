// What queries find, as they find it.
import { useMemo, useState } from 'preact/hooks';

import type { Detection } from '../../api/schema';
import { useStream } from '../../api/stream';
import { count, pairs, time } from '../../format';
import { Empty, Failure } from '../../parts/messages';
import { QueryChoice } from '../../parts/queries';
import { Table, type Column } from '../../parts/table';
import { href, refine, type Route } from '../../router';
import { One } from './one';
import { Density } from './density';

const most = 100;
const perSecond = 40;

export function Detections({ route }: { route: Route }) {
  const query = route.params['query'] ?? '';
  const filter = route.params['filter'] ?? '';
  const [paused, setPaused] = useState(false);
  const [picked, setPicked] = useState<Detection>();
  const from = query ? `/v1/queries/${encodeURIComponent(query)}/detections/stream` : '/v1/detections/stream';
  const stream = useStream<Detection>({ url: `${from}?after=0&rate=${perSecond}`, name: 'detection', most, paused, keep: () => true });
  const shown = useMemo(() => stream.items.filter((d) => matches(d, filter)), [stream.items, filter]);
  const columns: Array<Column<Detection>> = [
    {
      name: 'Time',
      value: (d) => d.time,
      show: (d) => (
        <button class="link" aria-expanded={d.id === picked?.id} onClick={() => setPicked(d.id === picked?.id ? undefined : d)}>
          {time(d.time) === '–' ? d.id.slice(0, 8) : time(d.time)}
        </button>
      ),
    },
    { name: 'Query', value: (d) => d.query, show: (d) => <a href={href(['queries', d.query])}>{d.query}</a> },
    { name: 'Values', value: (d) => pairs(values(d)), mono: true, wide: true },
    { name: 'Why', value: (d) => d.id, show: (d) => <a href={href(['why'], { query: d.query, detection: d.id })}>Why?</a> },
  ];
  return (
    <>
      <div class="head">
        <h1>Detections</h1>
        <span class="grow" />
        <QueryChoice value={query} all="All queries" choose={(q) => refine({ query: q })} />
        <label class="field">
          Filter
          <input type="search" value={filter} placeholder="card=17 or a word" onInput={(e) => refine({ filter: e.currentTarget.value })} />
        </label>
        <button aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? 'Go on' : 'Hold still'}
        </button>
      </div>
      <Failure error={stream.error} what="watch detections" />
      <p class="hint" role="status">
        {stateText[stream.state]} {count(stream.total)} came
        {stream.missed > 0 ? `, ${count(stream.missed)} more than ${perSecond} a second are not shown` : ''}
        {filter ? `, ${count(shown.length)} of the last ${stream.items.length} fit the filter` : ''}.
      </p>
      {stream.items.length > 0 && <Density of={shown} />}
      {picked && <One of={picked} close={() => setPicked(undefined)} />}
      {shown.length > 0 && <Table label="Detections" columns={columns} rows={shown} id={(d) => d.cursor} picked={picked?.cursor} most={most} />}
      {shown.length === 0 && !stream.error && (
        <Empty title={stream.items.length > 0 ? 'None of the last detections fits the filter.' : 'No detection yet.'}>
          <p>
            {query ? (
              <>
                Why is it silent? See what <a href={href(['queries', query])}>{query}</a> says of its watermark, or its <a href={href(['instances'], { query })}>open matches</a>.
              </>
            ) : (
              <>
                Detections of all queries stand here as they come. Write a rule in the <a href="#/editor">editor</a>.
              </>
            )}
          </p>
        </Empty>
      )}
    </>
  );
}

const stateText = { connecting: 'Connecting.', open: 'Live.', waiting: 'The connection is lost; trying again.', ended: 'The stream has ended.' };

export const values = (d: Detection) => (d.columns ?? {}) as Record<string, unknown>;

/** matches says whether a detection fits the filter: words and name=value, all of them. */
export function matches(d: Detection, filter: string): boolean {
  const text = `${d.query} ${d.id} ${pairs(values(d))}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => text.includes(word));
}
