// A pattern as an automaton, with how many partial matches are where.
import { useMemo } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { AutomatonView, StateView, VariableView } from '../../api/schema';
import { count } from '../../format';
import { Drawing, shortened, type Shape } from '../../parts/drawing';
import { Empty, Failure } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';

const size = 58;

export function AutomatonTab({ name }: { name: string }) {
  const { data, error } = usePoll(`automaton ${name}`, (signal) => call('GET /v1/queries/{name}/automaton', { path: { name } }, signal), 1000);
  if (!data) return <Failure error={error} what="show the pattern" />;
  const patterns = data.patterns ?? [];
  if (patterns.length === 0) return <Empty title="The query has no pattern." />;
  return (
    <>
      {patterns.map((p) => (
        <Automaton key={`${p.stage} ${p.name}`} of={p} />
      ))}
      {data.partial && <p class="hint">There are more open matches than are counted here.</p>}
    </>
  );
}

function Automaton({ of }: { of: AutomatonView }) {
  const states = of.states ?? [];
  const shape = useMemo(() => shapeOf(states), [of.pattern, states.length]);
  return (
    <section>
      <h2>
        {of.name ? `${of.name}: ` : ''}
        <code>PATTERN ({shortened(of.pattern, 120)})</code>
      </h2>
      <p class="hint">{`${count(of.open)} open match${of.open === 1 ? '' : 'es'}. In a circle: how many wait there.`}</p>
      <Drawing label={`Automaton of ${of.pattern}`} shape={shape} node={(id) => <Circle id={id} states={states} />} />
      <Table label="Variables" columns={columns} rows={of.variables ?? []} id={(v) => v.name} />
    </section>
  );
}

const columns: Array<Column<VariableView>> = [
  { name: 'Variable', value: (v) => v.name },
  { name: 'Condition', value: (v) => v.condition, mono: true, wide: true },
  { name: 'Wait for it', value: (v) => v.waiting, number: true },
  { name: 'Rows in open matches', value: (v) => v.rows, number: true },
];

export function shapeOf(states: StateView[]): Shape {
  const shape: Shape = { nodes: states.map((_, i) => ({ id: String(i), width: size, height: size })), edges: [] };
  states.forEach((s, i) => {
    for (const step of s.steps ?? []) {
      const label = [step.step, ...(step.condition ? [shortened(step.condition, 34)] : []), ...(step.notes ?? []).map((n) => `(${shortened(n, 32)})`)];
      if (step.to < 0) {
        const id = `end ${i} ${step.step}`;
        shape.nodes.push({ id, width: size, height: 30 });
        shape.edges.push({ from: String(i), to: id, label, dashed: true });
        continue;
      }
      shape.edges.push({ from: String(i), to: String(step.to), label });
    }
  });
  return shape;
}

/** Circle is a state; quiet: nothing is counted. */
export function Circle({ id, states, quiet }: { id: string; states: StateView[]; quiet?: boolean }) {
  const state = states[Number(id)];
  if (!state) {
    return (
      <>
        <rect class="box" width={size} height="30" rx="6" />
        <text text-anchor="middle" x={size / 2} y="19">
          match
        </text>
      </>
    );
  }
  const final = state.match || !state.steps?.length;
  return (
    <>
      <title>{`State ${id}: ${state.open} open${state.match ? `, ${state.match}` : ''}`}</title>
      <circle class={`box stage ${state.open > 0 ? 'occupied' : ''}`} cx={size / 2} cy={size / 2} r={size / 2 - 1} />
      {final && <circle class="box stage" fill-opacity="0" cx={size / 2} cy={size / 2} r={size / 2 - 5} />}
      <text class="faint" text-anchor="middle" x={size / 2} y="21">
        {id === '0' ? 'start' : id}
      </text>
      <text class="live" text-anchor="middle" x={size / 2} y="38">
        {id === '0' ? '' : final && state.open === 0 ? 'match' : quiet ? '' : count(state.open)}
      </text>
    </>
  );
}
