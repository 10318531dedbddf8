// A detection with the events it was made of.
import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Detection, Row } from '../../api/schema';
import { show, time } from '../../format';
import { Failure } from '../../parts/messages';
import { TimeLine } from '../../parts/timeline';
import { href } from '../../router';
import { Rows, moments } from '../why/rows';
import { values } from './index';

/** told is the events that a detection carries: all of them have held. */
export function told(of: Detection): Row[] {
  return (of.events ?? [])
    .filter((e) => e.time)
    .map((e) => ({ ...e, time: e.time!, conditions: e.conditions?.map((c) => ({ ...c, holds: true })) }));
}

function Match({ rows, end }: { rows: Row[]; end?: string }) {
  return (
    <div>
      <TimeLine label="Events of the detection" moments={moments(rows, end)} />
      <Rows rows={rows} />
    </div>
  );
}

/** FromHistory has the server read the history for what the detection does not carry. */
function FromHistory({ of }: { of: Detection }) {
  const report = usePoll(
    `detection ${of.id}`,
    (signal) => call('GET /v1/queries/{name}/why', { path: { name: of.query }, query: { detection: of.id } }, signal),
    0,
  );
  const matches = (report.data?.patterns ?? []).flatMap((p) => p.matches ?? []);
  return (
    <>
      {!report.data && !report.error && <p class="hint">Reading the history …</p>}
      <Failure error={report.error} what="show its events" />
      {matches.map((m, i) => (
        <Match key={i} rows={m.rows ?? []} end={m.time} />
      ))}
    </>
  );
}

export function One({ of, close }: { of: Detection; close: () => void }) {
  const carried = told(of);
  return (
    <section class="panel" aria-label="Detection">
      <div class="head">
        <h2>{`${of.query}, ${time(of.time)}`}</h2>
        <span class="grow" />
        <a class="button" href={href(['why'], { query: of.query, detection: of.id })}>
          All about it
        </a>
        <button onClick={close}>Close</button>
      </div>
      <dl class="figures">
        {Object.entries(values(of)).map(([name, value]) => (
          <div class="figure" key={name}>
            <dt>{name}</dt>
            <dd>{show(value)}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">
        Id <code>{of.id}</code>
        {of.version ? `, version ${of.version}` : ''}, written to {of.sink}
      </p>
      {of.left_out ? <p class="hint">{`${of.left_out} events in the middle are left out.`}</p> : null}
      {carried.length > 0 ? <Match rows={carried} end={of.time} /> : <FromHistory of={of} />}
    </section>
  );
}
