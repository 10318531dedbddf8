// Rows with the conditions that held and failed on them.
import type { Row } from '../../api/schema';
import { pairs, time } from '../../format';
import type { Moment } from '../../parts/timeline';

export function moments(rows: Row[], end?: string): Moment[] {
  const list: Moment[] = rows.map((r) => ({ at: r.time, label: r.variable || 'row' }));
  if (end) list.push({ at: end, label: 'decided', end: true });
  return list;
}

export const place = (r: Row) => (r.detection ? `detection ${r.detection.slice(0, 12)}` : r.table ? `${r.table}, partition ${r.partition}, offset ${r.offset}` : '');

export function Rows({ rows }: { rows: Row[] }) {
  return (
    <ul class="conditions">
      {rows.map((r, i) => (
        <li key={i}>
          <strong>{r.variable || 'row'}</strong> {time(r.time)} <span class="hint">{place(r)}</span>
          {r.conditions && r.conditions.length > 0 && (
            <ul class="conditions">
              {r.conditions.map((c, k) => (
                <li key={k} class={c.holds ? 'good' : 'bad'}>
                  {c.holds ? 'holds: ' : 'fails: '}
                  <code>{c.text}</code> {pairs(c.values) && <span class="hint">with {pairs(c.values)}</span>}
                  {c.error && ` (${c.error})`}
                </li>
              ))}
            </ul>
          )}
        </li>
      ))}
    </ul>
  );
}
