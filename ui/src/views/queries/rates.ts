// Rates of operators: differences between two looks.
import type { Graph, GraphNode } from '../../api/schema';

export interface Rates {
  edges: Array<number | undefined>;
  rowsIn: Map<string, number>;
  busy: Map<string, number>;
  /** Share of the time in which nothing was read, as a sink was behind. */
  blocked: number | undefined;
}

export function rates(now: Graph, before: Graph | undefined): Rates {
  const ms = before ? Date.parse(now.at) - Date.parse(before.at) : 0;
  const edges = now.edges ?? [];
  if (!before || ms <= 0) return { edges: edges.map(() => undefined), rowsIn: new Map(), busy: new Map(), blocked: undefined };
  const rows = (from: number, to: number | undefined) => Math.max(0, ((from - (to ?? from)) / ms) * 1000);
  const old = new Map((before.nodes ?? []).map((n): [string, GraphNode] => [n.id, n]));
  const nodes = now.nodes ?? [];
  return {
    edges: edges.map((e, i) => rows(e.rows, before.edges?.[i]?.rows)),
    rowsIn: new Map(nodes.map((n) => [n.id, rows(n.rows_in, old.get(n.id)?.rows_in)])),
    busy: new Map(nodes.map((n) => [n.id, share(n.busy_ms - (old.get(n.id)?.busy_ms ?? n.busy_ms), ms)])),
    blocked: share(now.blocked_ms - before.blocked_ms, ms),
  };
}

const share = (part: number, whole: number) => Math.min(1, Math.max(0, part / whole));
