// The operators of a query with live numbers.
import { useMemo } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Graph, GraphNode } from '../../api/schema';
import { bytes, count, lag, percent, rate, time } from '../../format';
import { Drawing, shortened, type Shape } from '../../parts/drawing';
import { Failure } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';
import { rates, type Rates } from './rates';

const width = 190;
const lineHeight = 16;

export function GraphTab({ name }: { name: string }) {
  const { data, before, error } = usePoll(`graph ${name}`, (signal) => call('GET /v1/queries/{name}/graph', { path: { name } }, signal), 500);
  return (
    <>
      {!data && <Failure error={error} what="show the operators" />}
      {data && <Operators graph={data} flow={rates(data, before)} />}
    </>
  );
}

function Operators({ graph, flow }: { graph: Graph; flow: Rates }) {
  const nodes = graph.nodes ?? [];
  const edges = graph.edges ?? [];
  const shape = useMemo(() => shapeOf(graph), [edges.length, nodes.length]);
  return (
    <>
      <Drawing
        label="Operators"
        shape={shape}
        node={(id) => <Box node={nodes.find((n) => n.id === id)!} flow={flow} />}
        live={(i) => [rate(flow.edges[i]), ...(edges[i]?.operators?.length ? [edges[i]!.operators!.join(' → ')] : [])]}
      />
      {graph.cut && <p class="hint">There are more operators than are drawn.</p>}
      <p class="hint">
        {graph.held_back_by && `Watermark: ${graph.held_back_by}. `}
        {flow.blocked !== undefined && flow.blocked > 0 ? `Back-pressure: for ${percent(flow.blocked)} of the time nothing was read, as a sink or the disk was behind.` : 'No back-pressure: no sink is behind.'}
      </p>
      <Numbers nodes={nodes} flow={flow} />
    </>
  );
}

/** shapeOf is what decides the layout. */
function shapeOf(graph: Graph): Shape {
  return {
    nodes: (graph.nodes ?? []).map((n) => ({ id: n.id, width, height: 30 + lineHeight * linesOf(n, undefined).length + 10 })),
    edges: (graph.edges ?? []).map((e) => ({ from: e.from, to: e.to, label: ['000.0 k/s', ...(e.operators?.length ? [e.operators.join(' → ')] : [])] })),
  };
}

function linesOf(n: GraphNode, flow: Rates | undefined): string[] {
  const busy = flow?.busy.get(n.id);
  const work = busy === undefined ? 'at work –' : `at work ${percent(busy)}`;
  switch (n.kind) {
    case 'source':
      return [`${rate(flow?.rowsIn.get(n.id))}, lag ${lag(n.lag)}`, `${n.units} partition${n.units === 1 ? '' : 's'}, ${work}`, `mark ${n.watermark ? time(n.watermark).slice(5, 19) : '–'}`];
    case 'stage':
      return [`${count(n.keys ?? 0)} keys, ${count(n.partial_matches ?? 0)} open`, `${bytes(n.bytes)}, ${work}`, `${count(n.waiting_rows ?? 0)} wait for the mark`];
    default:
      return [`${rate(flow?.rowsIn.get(n.id))}`, `${bytes(n.bytes)} queued`];
  }
}

const title = (n: GraphNode) => (n.kind === 'stage' && n.key?.length ? `${n.title} by ${n.key.join(', ')}` : n.title);

function Box({ node, flow }: { node: GraphNode; flow: Rates }) {
  const lines = linesOf(node, flow);
  const height = 30 + lineHeight * lines.length + 10;
  return (
    <>
      <title>{`${title(node)}: ${lines.join(', ')}`}</title>
      <rect class={`box ${node.kind} ${node.pressure >= 0.9 ? 'full' : ''}`} width={width} height={height} rx="7" />
      <text x="10" y="20" font-weight="600">
        {shortened(title(node), 26)}
      </text>
      {lines.map((line, i) => (
        <text key={i} class="faint" x="10" y={38 + lineHeight * i}>
          {line}
        </text>
      ))}
      <rect class="gauge" x="10" y={height - 9} width={width - 20} height="4" rx="2" />
      <rect class="bar" x="10" y={height - 9} width={(width - 20) * node.pressure} height="4" rx="2" />
    </>
  );
}

function Numbers({ nodes, flow }: { nodes: GraphNode[]; flow: Rates }) {
  const columns: Array<Column<GraphNode>> = [
    { name: 'Operator', value: title },
    { name: 'Kind', value: (n) => n.kind },
    { name: 'Rate', value: (n) => flow.rowsIn.get(n.id) ?? 0, show: (n) => rate(flow.rowsIn.get(n.id)), number: true },
    { name: 'In', value: (n) => n.rows_in, show: (n) => count(n.rows_in), number: true },
    { name: 'Out', value: (n) => n.rows_out, show: (n) => count(n.rows_out), number: true },
    { name: 'At work', value: (n) => flow.busy.get(n.id) ?? 0, show: (n) => (n.kind === 'sink' ? '–' : percent(flow.busy.get(n.id) ?? 0)), number: true },
    { name: 'Lag', value: (n) => n.lag, show: (n) => (n.kind === 'source' ? lag(n.lag) : '–'), number: true },
    { name: 'State or queue', value: (n) => n.bytes, show: (n) => bytes(n.bytes), number: true },
    { name: 'Queue full', value: (n) => n.pressure, show: (n) => percent(n.pressure), number: true },
    { name: 'Dropped', value: (n) => n.dropped ?? 0, number: true },
  ];
  return <Table label="Operators in numbers" columns={columns} rows={nodes} id={(n) => n.id} />;
}
