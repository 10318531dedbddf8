// Graphs, laid out in layers from left to right. The layout depends on the
// shape alone, so that live numbers do not move anything.
import dagre from '@dagrejs/dagre';
import type { ComponentChildren } from 'preact';
import { useId, useMemo } from 'preact/hooks';

export interface Shape {
  nodes: Array<{ id: string; width: number; height: number }>;
  edges: Array<{ from: string; to: string; label: string[]; dashed?: boolean }>;
}

interface Point {
  x: number;
  y: number;
}

interface Layout {
  width: number;
  height: number;
  nodes: Map<string, Point>;
  edges: Array<{ points: Point[]; label: Point; lines: string[]; dashed: boolean }>;
}

const lineHeight = 15;
const letter = 6.7;

export function layout(shape: Shape): Layout {
  const g = new dagre.graphlib.Graph({ multigraph: true });
  g.setGraph({ rankdir: 'LR', nodesep: 28, ranksep: 46, edgesep: 16, marginx: 14, marginy: 14 });
  g.setDefaultEdgeLabel(() => ({}));
  const loops = shape.edges.filter((e) => e.from === e.to);
  for (const n of shape.nodes) {
    const own = loops.filter((e) => e.from === n.id);
    const above = own.length && 18 + lineHeight * own.reduce((sum, e) => sum + e.label.length, 0);
    const width = Math.max(n.width, ...own.flatMap((e) => e.label.map((l) => l.length * letter)));
    g.setNode(n.id, { width, height: n.height + 2 * above });
  }
  shape.edges.forEach((e, i) => {
    if (e.from === e.to) return;
    const width = Math.max(10, ...e.label.map((l) => l.length * letter));
    g.setEdge(e.from, e.to, { width, height: Math.max(1, e.label.length) * lineHeight, labelpos: 'c' }, String(i));
  });
  dagre.layout(g);
  const size = g.graph() as { width?: number; height?: number };
  return {
    width: Math.ceil(size.width ?? 0),
    height: Math.ceil(size.height ?? 0),
    nodes: new Map(shape.nodes.map((n) => [n.id, g.node(n.id) as Point])),
    edges: shape.edges.map((e, i) => {
      if (e.from === e.to) return loop(g.node(e.from) as Point, shape, e, i);
      const at = g.edge({ v: e.from, w: e.to, name: String(i) }) as unknown as { points: Point[]; x: number; y: number };
      return { points: at.points, label: { x: at.x, y: at.y }, lines: e.label, dashed: e.dashed ?? false };
    }),
  };
}

/** loop is an edge from a node to itself: over its head, one above the other. */
function loop(at: Point, shape: Shape, e: Shape['edges'][number], i: number): Layout['edges'][number] {
  const r = shape.nodes.find((n) => n.id === e.from)!.height / 2;
  const before = shape.edges.slice(0, i).filter((x) => x.from === e.from && x.to === e.from);
  const lift = 16 + lineHeight * before.reduce((sum, x) => sum + x.label.length, 0);
  const top = at.y - r - lift;
  const points = [{ x: at.x - 14, y: at.y - r + 4 }, { x: at.x - 22, y: top }, { x: at.x + 22, y: top }, { x: at.x + 14, y: at.y - r + 4 }];
  return { points, label: { x: at.x, y: top + 2 - (lineHeight * e.label.length) / 2 }, lines: e.label, dashed: e.dashed ?? false };
}

interface Props {
  label: string;
  shape: Shape;
  node: (id: string) => ComponentChildren;
  /** Lines in place of those of the shape, of edge i. */
  live?: (i: number) => string[];
}

export function Drawing({ label, shape, node, live }: Props) {
  const id = useId();
  const key = JSON.stringify(shape);
  const at = useMemo(() => layout(shape), [key]);
  return (
    <div class="drawing" tabIndex={0} role="region" aria-label={label}>
      <svg width={at.width} height={at.height} viewBox={`0 0 ${at.width} ${at.height}`} role="img" aria-label={label}>
        <defs>
          <marker id={`${id}a`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path class="arrow" d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        {at.edges.map((e, i) => (
          <g key={i}>
            <path class={e.dashed ? 'edge dashed' : 'edge'} d={smooth(e.points)} marker-end={`url(#${id}a)`} />
            {(live?.(i) ?? e.lines).map((line, k, all) => (
              <text key={k} text-anchor="middle" class={k === 0 && live ? 'live' : 'faint'} x={e.label.x} y={e.label.y + (k - (all.length - 1) / 2) * lineHeight + (all.length === 1 ? -4 : 4)}>
                {line}
              </text>
            ))}
          </g>
        ))}
        {shape.nodes.map((n) => {
          const p = at.nodes.get(n.id)!;
          return (
            <g key={n.id} transform={`translate(${p.x - n.width / 2} ${p.y - n.height / 2})`}>
              {node(n.id)}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** smooth is a curve through the middles of the points. */
function smooth(points: Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let d = `M${first.x} ${first.y}`;
  rest.forEach((p, i) => {
    const next = rest[i + 1];
    d += next ? `Q${p.x} ${p.y} ${(p.x + next.x) / 2} ${(p.y + next.y) / 2}` : `L${p.x} ${p.y}`;
  });
  return d;
}

export const shortened = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
