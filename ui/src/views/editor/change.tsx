// A query gets another text: first the answer what becomes of its state, then
// the change.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import type { ReplaceAnswer, Replacement } from '../../api/schema';
import { time } from '../../format';
import { Failure } from '../../parts/messages';
import { Table } from '../../parts/table';
import { href } from '../../router';

const advice: Record<ReplaceAnswer['advice'], string> = {
  keep: 'The state can be kept.',
  replay: 'The state is best made anew from history: run the text as a shadow from then on, and let it take over.',
  drop: 'The state cannot be kept, nor be made from history.',
};

export function Change({ name, text }: { name: string; text: () => string }) {
  const [answer, setAnswer] = useState<ReplaceAnswer>();
  const [error, setError] = useState<unknown>();
  const ask = async (how: Omit<Replacement, 'sql'>) => {
    setError(undefined);
    await call('POST /v1/queries/{name}/replace', { path: { name }, body: { sql: text(), ...how } }).then(setAnswer, setError);
  };
  const operators = answer?.operators ?? [];
  return (
    <section class="panel" aria-label="Change">
      <div class="row">
        <button onClick={() => ask({ dry_run: true })}>{`What would this text do to ${name}?`}</button>
        {answer && !answer.done && answer.advice === 'keep' && (
          <button class="first" onClick={() => ask({ mode: 'keep' })}>
            Replace, keep the state
          </button>
        )}
        {answer && !answer.done && (
          <button class="danger" onClick={() => ask({ mode: 'drop' })}>
            Replace, without the state
          </button>
        )}
        <a class="button" href={href(['queries', name], { tab: 'shadow' })}>
          Run beside it
        </a>
      </div>
      <Failure error={error} what="replace the text" />
      {answer && (
        <div role="status">
          <p class={answer.done ? 'good' : ''}>{answer.done ? `${name} runs version ${answer.version} now.` : advice[answer.advice]}</p>
          {answer.replay_from && <p>It needs history from {time(answer.replay_from)} on.</p>}
          {(answer.reasons ?? []).map((r, i) => (
            <p key={i} class="warn">
              {r.line ? `Line ${r.line}: ` : ''}
              {r.text} {r.remedy}
            </p>
          ))}
          {(answer.notes ?? []).map((n, i) => (
            <p key={i} class="hint">
              {n}
            </p>
          ))}
        </div>
      )}
      {operators.length > 0 && (
        <Table
          label="State of the operators"
          rows={operators}
          id={(o) => `${o.stage} ${o.operator}`}
          columns={[
            { name: 'Operator', value: (o) => `${o.operator} ${o.stage}` },
            { name: 'State', value: (o) => o.state, show: (o) => <span class={o.state === 'lost' ? 'bad' : 'good'}>{o.state}</span> },
          ]}
        />
      )}
    </section>
  );
}
