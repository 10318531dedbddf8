import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address } from '../src/api/client';
import { bytes, compare, count, pastOf, span, time } from '../src/format';
import { layout } from '../src/parts/drawing';
import { differences } from '../src/lines';
import { href, parseRoute } from '../src/router';
import { histogram } from '../src/views/detections/density';
import { told } from '../src/views/detections/one';
import { byteOf, unitOf } from '../src/views/editor/text';
import { shapeOf } from '../src/views/queries/automaton';
import { rates } from '../src/views/queries/rates';

test('a route survives being an address', () => {
  const path = ['queries', 'a/b ü?'];
  const params = { tab: 'graph', key: 'card=17 & more' };
  assert.deepEqual(parseRoute(href(path, params)), { path, params });
  assert.equal(href(['why'], { key: '' }), '#/why');
});

test('a call has its path, its query, and nothing that is empty', () => {
  const got = address('GET /v1/queries/{name}/why', { path: { name: 'a/b' }, query: { key: 'x=1', from: '', limit: 10, to: undefined } });
  assert.deepEqual(got, { method: 'GET', url: '/v1/queries/a%2Fb/why?key=x%3D1&limit=10' });
});

test('a parameter with several values is there several times', () => {
  assert.equal(address('GET /v1/instances', { query: { query: ['a', 'b'], key: '' } }).url, '/v1/instances?query=a&query=b');
});

test('an age is a time, a time stays', () => {
  const now = Date.parse('2026-01-31T12:00:00Z');
  assert.deepEqual(['10 min', '1.5h', '2 d', '30s', '2026-01-31T12:00:00Z', '', '10 parsecs'].map((x) => pastOf(x, now)), [
    '2026-01-31T11:50:00.000Z', '2026-01-31T10:30:00.000Z', '2026-01-29T12:00:00.000Z', '2026-01-31T11:59:30.000Z', '2026-01-31T12:00:00Z', '', '10 parsecs',
  ]);
});

test('places in a text are found in bytes and in units', () => {
  const text = 'aä€𝄞z';
  for (const [byte, unit] of [[0, 0], [1, 1], [3, 2], [6, 3], [10, 5], [11, 6], [99, 6]] as const) assert.equal(unitOf(text, byte), unit);
  assert.equal(byteOf(text, 5), 10);
});

test('numbers and times are short', () => {
  assert.deepEqual([0, 999, 1500, 10500, 1234567, 2.5].map(count), ['0', '999', '1500', '10.5 k', '1.23 M', '2.5']);
  assert.deepEqual([5, 2048, 3 * 2 ** 20].map(bytes), ['5 B', '2.0 KiB', '3.0 MiB']);
  assert.deepEqual([0.02, 5, 90, 7200, 200000].map(span), ['20 ms', '5.0 s', '2 min', '2 h', '2 d']);
  assert.equal(time('2026-01-31T12:00:00Z'), '2026-01-31 12:00:00');
  assert.equal(time('2026-01-31T12:00:00.123456Z'), '2026-01-31 12:00:00.123');
  assert.equal(time(undefined), '–');
});

test('columns sort numbers by size', () => {
  assert.deepEqual([10, 9, 100].sort(compare), [9, 10, 100]);
  assert.deepEqual(['b', 'a', undefined].sort(compare), ['a', 'b', undefined]);
});

test('rates are differences between two looks', () => {
  const node = (rows_in: number, busy_ms: number) => ({ id: 'source-0', kind: 'source' as const, title: 't', units: 1, rows_in, rows_out: rows_in, busy_ms, lag: 0, bytes: 0, pressure: 0 });
  const graph = (at: string, rows: number, busy: number) => ({ at, blocked_ms: 0, nodes: [node(rows, busy)], edges: [{ from: 'source-0', to: 'sink-0', rows }] });
  const now = graph('2026-01-01T00:00:02Z', 3000, 500);
  const got = rates(now, graph('2026-01-01T00:00:00Z', 1000, 0));
  assert.deepEqual([got.edges[0], got.rowsIn.get('source-0'), got.busy.get('source-0'), got.blocked], [1000, 1000, 0.25, 0]);
  assert.deepEqual(rates(now, undefined).edges, [undefined]);
  assert.deepEqual(rates(now, graph('2026-01-01T00:00:00Z', 9999, 0)).edges, [0]); // the query began anew
});

test('a histogram has every time in a bar', () => {
  const got = histogram([0, 1, 2, 3, 10], 5);
  assert.deepEqual(got, { from: 0, to: 10, counts: [2, 2, 0, 0, 1] });
  assert.equal(histogram([7], 5), null);
});

test('an automaton is laid out from left to right, loops above their state', () => {
  const shape = shapeOf([
    { open: 0, steps: [{ step: 'A', condition: 'A.x > 1', to: 1 }] },
    { open: 2, steps: [{ step: 'A', condition: 'A.x > 1', to: 1 }, { step: 'B', condition: '', to: 2 }] },
    { open: 0, match: 'a match', steps: [{ step: 'NOT C', condition: '', to: -1 }] },
  ]);
  const at = layout(shape);
  const x = ['0', '1', '2'].map((id) => at.nodes.get(id)!.x);
  assert.ok(x[0]! < x[1]! && x[1]! < x[2]!);
  assert.equal(at.edges.length, 4);
  assert.ok(at.edges[1]!.label.y < at.nodes.get('1')!.y - 29);
  assert.ok(at.edges[3]!.dashed);
});

test('two texts differ by whole lines', () => {
  const text = (list: ReturnType<typeof differences>) => list.map((l) => l.sign + l.text).join('|');
  assert.equal(text(differences('a\nb\nc\n', 'a\nx\nc\nd\n')), ' a|-b|+x| c|+d');
  assert.equal(text(differences('a', 'a')), ' a');
});

test('a detection tells of events that it carries, and of none that only name a place', () => {
  const of = { id: '1', cursor: '1', query: 'q', sink: 's', columns: {} };
  assert.deepEqual(told({ ...of, events: [{ table: 't', partition: 0, offset: 7 }] }), []);
  const event = { variable: 'A', table: 't', partition: 0, offset: 7, time: '2026-01-01T00:00:00Z', conditions: [{ text: 'v > 1', values: { v: 2 } }] };
  assert.deepEqual(told({ ...of, events: [event] }), [{ ...event, conditions: [{ text: 'v > 1', values: { v: 2 }, holds: true }] }]);
});
