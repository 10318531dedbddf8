// One open match: its rows on a line of time, and what may be done with it.
import { may } from '../../about';
import type { QueryInstance } from '../../api/schema';
import { ago, pairs, time } from '../../format';
import { Figures } from '../../parts/messages';
import { TimeLine } from '../../parts/timeline';
import { href } from '../../router';
import { End, RaiseEvent } from './act';

/** reached is the variable of the last row. */
export const reached = (x: QueryInstance) => (x.rows ?? []).at(-1)?.variable ?? '';

export const waiting = (x: QueryInstance) => [...(x.waits_for ?? []), ...(x.none_of ?? []).map((v) => `no ${v}`)].join(' or ') || (x.complete ? 'it may grow' : '');

export function One({ of, changed, close }: { of: QueryInstance; changed: () => void; close: () => void }) {
  const rows = of.rows ?? [];
  const key = Object.entries(of.key)[0];
  return (
    <section class="panel" aria-label="Open match">
      <div class="head">
        <h2>{pairs(of.key) || of.id}</h2>
        <span class="grow" />
        {key && (
          <a class="button" href={href(['why'], { query: of.query, key: `${key[0]}=${String(key[1])}` })}>
            Why not yet?
          </a>
        )}
        <button onClick={close}>Close</button>
      </div>
      <Figures
        of={[
          ['Query', of.query],
          ['Since', time(of.since)],
          ['Expires', of.expires ? `${time(of.expires)} (${ago(of.expires)})` : 'never'],
          ['Waits for', waiting(of) || '–'],
          ['Measures so far', <span class="mono">{pairs(of.measures) || '–'}</span>],
        ]}
      />
      <TimeLine
        label="Rows of the open match"
        moments={[...rows.map((r) => ({ at: r.time, label: `${r.variable}${r.table ? ` (${r.table} ${r.partition}/${r.offset})` : ''}` })), ...(of.expires ? [{ at: of.expires, label: 'expires', end: true }] : [])]}
      />
      {may('operator') ? (
        <div class="row">
          <RaiseEvent of={of} changed={changed} />
          <End of={of} changed={changed} />
        </div>
      ) : (
        <p class="hint">To end it, or to raise an event for it, takes the role operator.</p>
      )}
    </section>
  );
}
