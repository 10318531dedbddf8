// One query: what it does now, its pattern, its text.
import { useState } from 'preact/hooks';

import { may } from '../../about';
import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Info, NextStatus, Status } from '../../api/schema';
import { ago, bytes, count, lag, time } from '../../format';
import { Badge, Failure, Figures } from '../../parts/messages';
import { Tabs } from '../../parts/tabs';
import { go, href, refine } from '../../router';
import { AutomatonTab } from './automaton';
import { GraphTab } from './graph';
import { Partitions } from './partitions';
import { ShadowTab } from './shadow';
import { Versions } from './versions';

const tabs: Array<[string, string]> = [
  ['graph', 'Operators'],
  ['automaton', 'Pattern'],
  ['partitions', 'Partitions'],
  ['text', 'Text'],
  ['versions', 'Versions'],
  ['shadow', 'Shadow'],
];

export function One({ name, tab }: { name: string; tab: string }) {
  const path = { name };
  const info = usePoll(`info ${name}`, (signal) => call('GET /v1/queries/{name}', { path }, signal), 2000);
  const status = usePoll(`status ${name}`, (signal) => call('GET /v1/queries/{name}/status', { path }, signal), 1000);
  const to = (view: string) => href([view], { query: name });
  return (
    <>
      <div class="head">
        <h1>{name}</h1>
        {info.data && <Badge of={info.data.state} />}
        <span class="grow" />
        <a class="button" href={to('detections')}>Detections</a>
        <a class="button" href={to('instances')}>Instances</a>
        <a class="button" href={to('why')}>Why?</a>
        <a class="button" href={to('editor')}>Edit</a>
        {info.data && may('author') && <Actions info={info.data} changed={info.again} />}
      </div>
      <Failure error={info.error ?? status.error} what={`look at ${name}`} />
      {status.data && <Summary status={status.data} />}
      <Tabs label="About the query" names={tabs} at={tab} choose={(t) => refine({ tab: t })}>
        {tab === 'graph' && <GraphTab name={name} />}
        {tab === 'automaton' && <AutomatonTab name={name} />}
        {tab === 'partitions' && <Partitions status={status.data} />}
        {tab === 'versions' && <Versions name={name} />}
        {tab === 'shadow' && <ShadowTab name={name} />}
        {tab === 'text' && <pre tabIndex={0}>{info.data?.sql}</pre>}
      </Tabs>
    </>
  );
}

function Summary({ status }: { status: Status }) {
  const partitions = status.partitions ?? [];
  const events = partitions.reduce((n, p) => n + p.rows, 0);
  const behind = partitions.reduce((n, p) => (n < 0 || p.lag < 0 ? -1 : n + p.lag), 0);
  const operators = status.operators ?? [];
  const rejected = Object.values(status.rejected ?? {}).reduce((n, x) => n + x, 0);
  return (
    <section class="panel" aria-label="Summary">
      <Figures
        of={[
          ['Events', count(events)],
          ['Detections', count(status.sinks?.[0]?.rows ?? 0)],
          ['Lag', lag(behind)],
          ['Watermark', time(status.watermark)],
          ['Partial matches', count(operators.reduce((n, o) => n + o.partial_matches, 0))],
          ['State', bytes(operators.reduce((n, o) => n + o.bytes, 0))],
          ['Filtered out', count(partitions.reduce((n, p) => n + p.filtered, 0))],
          ['Rejected', count(rejected)],
        ]}
      />
      {status.error && <p class="bad">{status.error}</p>}
      {status.hint && <p class="warn">{status.hint}</p>}
      {status.next_output && <Next of={status.next_output} />}
      {status.held_back_by && !status.hint?.includes(status.held_back_by) && <p class="hint">{`Watermark: ${status.held_back_by}.`}</p>}
    </section>
  );
}

/** Next is when time decides something: until then only a new row brings output. */
function Next({ of: n }: { of: NextStatus }) {
  const needs = [...(n.needs ?? []), ...(n.others ? [`the same of ${n.others} more`] : [])];
  return (
    <p>
      {'Next output: '}
      {n.clock ? `at ${time(n.clock)} (${ago(n.clock)})` : `when the watermark is ${time(n.watermark)}`}
      {`, ${n.reason}.`}
      {needs.length > 0 && <span class="hint">{` It takes ${needs.join(', and ')}.`}</span>}
    </p>
  );
}

function Actions({ info, changed }: { info: Info; changed: () => void }) {
  const [error, setError] = useState<unknown>();
  const [sure, setSure] = useState(false);
  const act = async (what: () => Promise<unknown>, then: () => void) => {
    setError(undefined);
    await what().then(then, setError);
  };
  const path = { name: info.name };
  const stopped = ['failed', 'stopped', 'paused'].includes(info.state);
  return (
    <>
      {info.state === 'running' && <button onClick={() => act(() => call('POST /v1/queries/{name}/pause', { path }), changed)}>Pause</button>}
      {stopped && <button onClick={() => act(() => call('POST /v1/queries/{name}/resume', { path }), changed)}>Resume</button>}
      {!sure && (
        <button class="danger" onClick={() => setSure(true)}>
          Drop …
        </button>
      )}
      {sure && (
        <>
          <button class="danger" onClick={() => act(() => call('DELETE /v1/queries/{name}', { path }), () => go(['queries']))}>
            Drop it with its state
          </button>
          <button onClick={() => setSure(false)}>Keep it</button>
        </>
      )}
      <Failure error={error} what="change the query" />
    </>
  );
}
