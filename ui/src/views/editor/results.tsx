// What the server says of a text.
import type { Diagnostic, Validation } from '../../api/schema';
import { Empty } from '../../parts/messages';

export function Findings({ list, show }: { list: Diagnostic[]; show: (start: number, end: number) => void }) {
  if (list.length === 0) return <p class="hint">Mistakes and advice stand here, each with its place.</p>;
  return (
    <ol class="diagnostics">
      {list.map((d, i) => (
        <li key={i} class={d.severity}>
          <button class="link" onClick={() => show(d.start, d.end)}>
            {`Line ${d.line}, column ${d.column}`}
          </button>{' '}
          <span>{d.message}</span> <code class="hint">{d.code}</code>
          {d.hint && <p class="hint">{d.hint}</p>}
        </li>
      ))}
    </ol>
  );
}

export function Plans({ of }: { of: Validation }) {
  const plans = of.queries ?? [];
  if (plans.length === 0) return <Empty title="No plan: the text has no query, or a mistake." />;
  return (
    <>
      {plans.map((p) => (
        <section key={p.name}>
          <h3>{p.name}</h3>
          <pre tabIndex={0}>{p.text}</pre>
        </section>
      ))}
    </>
  );
}
