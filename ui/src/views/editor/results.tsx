// What the server says of a text.
import { useMemo } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Finding, StepInfo } from '../../api/schema';
import { Drawing } from '../../parts/drawing';
import { Empty, Failure } from '../../parts/messages';
import { Circle, shapeOf } from '../queries/automaton';

export function Findings({ list, show }: { list: Finding[]; show: (from: number, to: number) => void }) {
  if (list.length === 0) return <p class="hint">Mistakes and advice stand here, each with its place.</p>;
  return (
    <ol class="diagnostics">
      {list.map((d, i) => (
        <li key={i} class={d.severity}>
          <button class="link" onClick={() => show(d.from, d.to)}>
            {`Line ${d.line}, column ${d.column}`}
          </button>{' '}
          <span>{d.message}</span> <code class="hint">{d.code}</code>
          {d.hint && <p class="hint">{d.hint}</p>}
        </li>
      ))}
    </ol>
  );
}

/** Explained is how the queries of the text would run: plan, operators, automata. */
export function Explained({ sql }: { sql: string }) {
  const { data, error } = usePoll(`explain ${sql}`, async (signal) => (sql.trim() ? call('POST /v1/language/explain', { body: { sql } }, signal) : undefined), 0);
  const queries = data?.queries ?? [];
  if (error) return <Failure error={error} what="explain the text" />;
  if (queries.length === 0) return <Empty title="No plan: the text has no query, or a mistake." />;
  return (
    <>
      {queries.map((q) => (
        <section key={q.query}>
          <h3>{q.query}</h3>
          {(q.patterns ?? []).map((p, i) => (
            <Pattern key={i} name={p.name || q.query} states={(p.states ?? []).map((s) => ({ open: 0, match: s.match ?? '', steps: s.steps ?? [] }))} />
          ))}
          <pre tabIndex={0}>{q.text}</pre>
        </section>
      ))}
    </>
  );
}

function Pattern({ name, states }: { name: string; states: Array<{ open: number; match: string; steps: StepInfo[] }> }) {
  const shape = useMemo(() => shapeOf(states), [JSON.stringify(states)]);
  return <Drawing label={`Automaton of ${name}`} shape={shape} node={(id) => <Circle id={id} states={states} quiet />} />;
}
