import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { BacktestDifference as Difference, BacktestPart as Part, BacktestReport as Report, BacktestScore as Score } from '../../api/schema';
import { count, percent, show, span, time } from '../../format';
import { Badge, Failure, Figures } from '../../parts/messages';
import { Bars } from '../../parts/plot';
import { Table, type Column } from '../../parts/table';
import { go } from '../../router';

export function One({ id }: { id: string }) {
  const { data, error } = usePoll(`backtest ${id}`, (signal) => call('GET /v1/backtests/{id}', { path: { id } }, signal), 1000);
  const drop = () => void call('DELETE /v1/backtests/{id}', { path: { id } }).then(() => go(['backtests']));
  const p = data?.progress;
  return (
    <>
      <div class="head">
        <h1>{`Back-test of ${data?.request.query || 'a text'}`}</h1>
        {data && <Badge of={data.state} />}
        <span class="grow" />
        {data?.report && (
          <a class="button" href={`/v1/backtests/${encodeURIComponent(id)}/report`}>
            As one page
          </a>
        )}
        <button class="danger" onClick={drop}>
          {data?.state === 'running' || data?.state === 'queued' ? 'Stop' : 'Forget'}
        </button>
      </div>
      <Failure error={error} what="look at the back-test" />
      {data?.error && (
        <div class="problem" role="alert">
          <strong>It failed</strong>
          <p>{data.error}</p>
        </div>
      )}
      {data?.state === 'queued' && <p role="status">It waits for the others.</p>}
      {p && (
        <div class="panel">
          <label>
            {`Reading ${p.part}: ${count(p.rows)} rows, ${count(p.detections)} detections, ${percent(p.share)}${p.eta_seconds > 0 ? `, about ${span(p.eta_seconds)} more` : ''}`}
            <progress max="1" value={p.share} />
          </label>
        </div>
      )}
      {data?.report && <Told of={data.report} />}
    </>
  );
}

function Told({ of: r }: { of: Report }) {
  const days = r.days ?? [];
  const segments = r.segments ?? [];
  return (
    <>
      <section class="panel">
        <Figures
          of={[
            ['Rows read', count(r.after.rows)],
            ['In', span(r.after.seconds)],
            ['Detections', count(r.after.detections)],
            ...(r.before
              ? ([
                  ['Before', count(r.before.detections)],
                  ['Same', count(r.same)],
                  ['Appear', count(r.appear.count)],
                  ['Disappear', count(r.disappear.count)],
                  ['Change', count(r.change.count)],
                ] as Array<[string, string]>)
              : []),
          ]}
        />
      </section>
      {r.after.score && <Scores after={r.after.score} before={r.before?.score} />}
      {days.length > 0 && <Parts title="By day" parts={days} compared={!!r.before} />}
      {segments.length > 0 && <Parts title={`By ${r.by}`} parts={segments} compared={!!r.before} />}
      {r.before && <Examples title="Appear" of={r.appear} />}
      {r.before && <Examples title="Disappear" of={r.disappear} />}
      {r.before && <Examples title="Change" of={r.change} />}
      {!r.before && <Examples title="Detections" of={r.appear} />}
    </>
  );
}

function Parts({ title, parts, compared }: { title: string; parts: Part[]; compared: boolean }) {
  const columns: Array<Column<Part>> = [
    { name: 'Part', value: (p) => p.name },
    { name: 'Detections', value: (p) => p.after, number: true },
    ...(compared
      ? ([
          { name: 'Before', value: (p) => p.before, number: true },
          { name: 'Appear', value: (p) => p.appear, number: true },
          { name: 'Disappear', value: (p) => p.disappear, number: true },
          { name: 'Change', value: (p) => p.change, number: true },
        ] as Array<Column<Part>>)
      : []),
  ];
  const series = compared ? [{ name: 'Before', values: parts.map((p) => p.before) }] : [];
  return (
    <section>
      <h2>{title}</h2>
      <Bars label={`Detections ${title.toLowerCase()}`} names={parts.map((p) => p.name)} series={[{ name: 'Detections', values: parts.map((p) => p.after) }, ...series]} />
      <Table label={title} columns={columns} rows={parts} id={(p) => p.name} />
    </section>
  );
}

function Scores({ after, before }: { after: Score; before: Score | undefined }) {
  const figures = (s: Score): Array<[string, string]> => [
    ['Precision', percent(s.precision)],
    ['Recall', percent(s.recall)],
    ['Labelled found', `${count(s.found)} of ${count(s.labelled)}`],
    ...(s.worth ? ([['Worth found', `${count(s.found_worth ?? 0)} of ${count(s.worth)}`]] as Array<[string, string]>) : []),
  ];
  return (
    <section class="panel">
      <h2>Against the labels</h2>
      <Figures of={figures(after)} />
      {before && (
        <>
          <h3>Before</h3>
          <Figures of={figures(before)} />
        </>
      )}
    </section>
  );
}

function Examples({ title, of }: { title: string; of: Difference }) {
  const first = of.first ?? [];
  if (first.length === 0) return null;
  return (
    <section>
      <h2>{`${title}: ${count(of.count)}`}</h2>
      <Table
        label={title}
        rows={first}
        id={(x) => x.id}
        columns={[
          { name: 'Time', value: (x) => x.time, show: (x) => time(x.time) },
          { name: 'Row', value: (x) => show(x.row), mono: true, wide: true },
          ...(first.some((x) => x.before) ? [{ name: 'Before', value: (x: (typeof first)[number]) => show(x.before), mono: true, wide: true }] : []),
        ]}
      />
    </section>
  );
}
