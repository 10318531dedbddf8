// Why a rule fired, or did not, for one key.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Miss, Pattern, Report } from '../../api/schema';
import { pairs, time } from '../../format';
import { Empty, Failure } from '../../parts/messages';
import { QueryChoice } from '../../parts/queries';
import { TimeLine } from '../../parts/timeline';
import { refine, type Route } from '../../router';
import { moments, place, Rows } from './rows';

export function Why({ route }: { route: Route }) {
  const { query = '', key = '', detection = '', from = '', to = '' } = route.params;
  const asked = query && (key || detection) ? { query, key, detection, from, to } : undefined;
  return (
    <>
      <div class="head">
        <h1>Why, and why not</h1>
      </div>
      <Ask key={JSON.stringify(route.params)} {...{ query, key_: key, detection, from, to }} />
      {asked ? (
        <Answer {...asked} />
      ) : (
        <Empty title="Ask about a key or a detection.">
          <p>The history of the query is read again. The answer says what each match was made of, and how far others came before they failed.</p>
        </Empty>
      )}
    </>
  );
}

interface Asked {
  query: string;
  key_: string;
  detection: string;
  from: string;
  to: string;
}

function Ask(at: Asked) {
  const [form, setForm] = useState(at);
  const field = (name: keyof Asked, label: string, hint: string) => (
    <label class="field">
      {label}
      <input value={form[name]} placeholder={hint} onInput={(e) => setForm({ ...form, [name]: e.currentTarget.value })} />
    </label>
  );
  const submit = (e: Event) => {
    e.preventDefault();
    refine({ query: form.query, key: form.key_, detection: form.key_ ? '' : form.detection, from: form.from, to: form.to });
  };
  return (
    <form class="panel row" onSubmit={submit}>
      <QueryChoice value={form.query} choose={(query) => setForm({ ...form, query })} />
      {field('key_', 'Key', '17 or card=17')}
      {field('detection', 'or detection', 'its id')}
      {field('from', 'From', '2026-01-31T12:00:00Z')}
      {field('to', 'To', 'the end')}
      <button class="first" disabled={!form.query || !(form.key_ || form.detection)}>
        Ask
      </button>
    </form>
  );
}

function Answer({ query, key, detection, from, to }: { query: string; key: string; detection: string; from: string; to: string }) {
  const asked = detection && !key ? { detection } : { key };
  const { data, error, again } = usePoll(
    JSON.stringify([query, key, detection, from, to]),
    (signal) => call('GET /v1/queries/{name}/why', { path: { name: query }, query: { ...asked, from, to } }, signal),
    0,
  );
  if (error) return <Failure error={error} what="answer from the history" />;
  if (!data) return <p role="status">Reading the history …</p>;
  return (
    <>
      <button onClick={again}>Ask again</button>
      <Told report={data} />
    </>
  );
}

function Told({ report }: { report: Report }) {
  const patterns = report.patterns ?? [];
  if (patterns.length === 0) return <Empty title="No row of this key came to the pattern." />;
  return (
    <>
      {patterns.map((p) => (
        <Of key={p.stage + pairs(p.key)} pattern={p} />
      ))}
    </>
  );
}

function Of({ pattern: p }: { pattern: Pattern }) {
  const matches = p.matches ?? [];
  return (
    <section>
      <h2>{pairs(p.key) || 'All rows'}</h2>
      <p class="hint">
        {`${p.rows} rows of the key; ${matches.length} match${matches.length === 1 ? '' : 'es'}, ${(p.misses ?? []).length} near misses, ${(p.open ?? []).length} open.`}
        {p.cut && ' There was more to follow than the limits allow.'}
      </p>
      {matches.map((m, i) => (
        <article key={i} class="panel">
          <h3 class="good">{`Match, ${time(m.time)}${m.timed_out ? ', timed out' : ''}`}</h3>
          <TimeLine label={`Match ${i + 1}`} moments={moments(m.rows ?? [], m.time)} />
          <Rows rows={m.rows ?? []} />
          <p class="hint">{`Detection ${(m.ids ?? []).join(', ')}`}</p>
        </article>
      ))}
      {(p.misses ?? []).map((m, i) => (
        <Missed key={i} of={m} title="Near miss" />
      ))}
      {(p.open ?? []).map((m, i) => (
        <Missed key={i} of={m} title="Open" />
      ))}
    </section>
  );
}

const causes: Record<Miss['cause'], string> = {
  row: 'a row came that fits no step',
  forbidden: 'a row came that must not come',
  time: 'time ran out',
  skipped: 'another match used its rows up',
  open: 'it is open',
};

function Missed({ of: m, title }: { of: Miss; title: string }) {
  const waited = [...(m.waited_for ?? []), ...(m.none_of ?? []).map((v) => `no ${v}`)].join(' or ');
  return (
    <article class="panel">
      <h3 class={m.cause === 'open' ? 'warn' : 'bad'}>{`${title}: ${causes[m.cause]}`}</h3>
      <p>
        {`It had ${(m.rows ?? []).length} row${(m.rows ?? []).length === 1 ? '' : 's'} and waited for ${waited || 'nothing'}`}
        {m.ended ? `; ended ${time(m.ended)}` : ''}
        {m.ended_by ? ` by the row of ${time(m.ended_by.time)} (${place(m.ended_by)})` : ''}.
      </p>
      <TimeLine label={title} moments={moments(m.rows ?? [], m.ended)} />
      <Rows rows={m.rows ?? []} />
      {(m.nearest ?? []).length > 0 && (
        <>
          <h3>What came nearest</h3>
          <Rows rows={m.nearest ?? []} />
        </>
      )}
    </article>
  );
}
