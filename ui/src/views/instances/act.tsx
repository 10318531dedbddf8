// What an operator does with an open match: end it, or raise an event for it.
// Both are written to the audit log.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { QueryInstance } from '../../api/schema';
import { example } from '../data/example';
import { Failure } from '../../parts/messages';

interface Props {
  of: QueryInstance;
  changed: () => void;
}

/** Asked is a button that opens a form: nothing is done by one click. */
function Asked({ title, what, act, children }: { title: string; what: string; act: () => Promise<unknown>; children: (send: ComponentChildren) => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    await act().then(() => setOpen(false), setError);
    setBusy(false);
  };
  if (!open) return <button onClick={() => setOpen(true)}>{`${title} …`}</button>;
  return (
    <form class="panel grow" aria-label={title} onSubmit={submit}>
      {children(
        <div class="row">
          <button class="first" disabled={busy}>
            {title}
          </button>
          <button type="button" onClick={() => setOpen(false)}>
            Leave it
          </button>
        </div>,
      )}
      <Failure error={error} what={what} />
    </form>
  );
}

export function End({ of, changed }: Props) {
  const [reason, setReason] = useState('');
  const act = () => call('DELETE /v1/queries/{name}/instances/{id}', { path: { name: of.query, id: of.id }, query: { reason } }).then(changed);
  return (
    <Asked title="End it" what="end the open match" act={act}>
      {(send) => (
        <>
          <p>It comes to nothing, with those that the same row began. That cannot be undone.</p>
          <label class="field wide">
            Why: it is written to the audit log
            <input value={reason} maxLength={1024} required onInput={(e) => setReason(e.currentTarget.value)} />
          </label>
          {send}
        </>
      )}
    </Asked>
  );
}

export function RaiseEvent(props: Props) {
  const { data, error } = usePoll(`read by ${props.of.query}`, (signal) => tablesRead(props.of.query, signal), 0);
  if (error) return <Failure error={error} what="list the tables of the query" />;
  if (!data) return null;
  return <Raise {...props} tables={data} />;
}

async function tablesRead(query: string, signal: AbortSignal) {
  const status = await call('GET /v1/queries/{name}/status', { path: { name: query } }, signal);
  const all = (await call('GET /v1/tables', {}, signal)) ?? [];
  const read = new Set((status.partitions ?? []).map((p) => p.table));
  return all.filter((t) => read.has(t.name));
}

function Raise({ of, changed, tables }: Props & { tables: Awaited<ReturnType<typeof tablesRead>> }) {
  const [name, setName] = useState(tables[0]?.name ?? '');
  const table = tables.find((t) => t.name === name);
  const [text, setText] = useState<string>();
  const values = text ?? (table ? example(table, Object.keys(of.key)) : '{}');
  const act = async () => {
    await call('POST /v1/queries/{name}/instances/{id}/events', { path: { name: of.query, id: of.id }, body: { table: name, values: object(values) } });
    changed();
  };
  return (
    <Asked title="Raise an event" what="raise the event" act={act}>
      {(send) => (
        <>
          {tables.length > 1 && (
            <label class="field">
              Table
              <select value={name} onChange={(e) => (setName(e.currentTarget.value), setText(undefined))}>
                {tables.map((t) => (
                  <option key={t.name}>{t.name}</option>
                ))}
              </select>
            </label>
          )}
          <label class="field wide">
            {`A row of ${name}; the match's key is filled in`}
            <textarea aria-label="Values" class="short" value={values} spellcheck={false} onInput={(e) => setText(e.currentTarget.value)} />
          </label>
          {send}
        </>
      )}
    </Asked>
  );
}

function object(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('A row is a JSON object, such as {"amount": 1}.');
  return value as Record<string, unknown>;
}
