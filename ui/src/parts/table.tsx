// A table that sorts by any column and shows a bounded number of rows.
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { compare } from '../format';

export interface Column<T> {
  name: string;
  /** What the column sorts by, and shows where show is missing. */
  value: (row: T) => unknown;
  show?: (row: T) => ComponentChildren;
  number?: boolean;
  mono?: boolean;
  /** Long text, which may be broken into lines. */
  wide?: boolean;
}

interface Props<T> {
  label: string;
  columns: Array<Column<T>>;
  rows: T[];
  id: (row: T) => string;
  picked?: string | undefined;
  /** The order that rows come in is kept until the user asks for another. */
  most?: number;
}

export function Table<T>({ label, columns, rows, id, picked, most = 500 }: Props<T>) {
  const [by, setBy] = useState<{ name: string; down: boolean } | null>(null);
  const sorted = useMemo(() => {
    const column = columns.find((c) => c.name === by?.name);
    if (!column) return rows;
    const sign = by!.down ? -1 : 1;
    return [...rows].sort((a, b) => sign * compare(column.value(a), column.value(b)));
  }, [rows, by, columns]);
  const order = (name: string) => (by?.name !== name ? 'none' : by.down ? 'descending' : 'ascending');
  const turn = (name: string) => setBy(by?.name === name ? (by.down ? null : { name, down: true }) : { name, down: false });
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label={label}>
        <table>
          <thead>
            <tr>
              {columns.map((c) => (
                <th key={c.name} scope="col" class={c.number ? 'num' : ''} aria-sort={order(c.name)}>
                  <button onClick={() => turn(c.name)}>
                    {c.name}
                    <span aria-hidden="true">{by?.name === c.name ? (by.down ? ' ↓' : ' ↑') : ''}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, most).map((row) => (
              <tr key={id(row)} class={id(row) === picked ? 'picked' : ''}>
                {columns.map((c) => (
                  <td key={c.name} class={`${c.number ? 'num' : ''} ${c.mono ? 'mono' : ''} ${c.wide ? 'wide' : ''}`}>
                    {c.show ? c.show(row) : (c.value(row) as ComponentChildren)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {sorted.length > most && <p class="hint">{`The first ${most} of ${sorted.length}: filter to see others.`}</p>}
    </>
  );
}
