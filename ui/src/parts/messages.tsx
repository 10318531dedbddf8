// What a view says in place of data.
import type { ComponentChildren } from 'preact';

import { ApiError, explain } from '../api/client';

/** Failure tells of a call that failed: softly where the server lacks the route or the role does not allow it. */
export function Failure({ error, what }: { error: unknown; what: string }) {
  if (!error) return null;
  const status = error instanceof ApiError ? error.status : -1;
  const soft = status === 403 || status === 409 || status === 405 || (status === 404 && /there is nothing at/.test(explain(error)));
  return (
    <div class={soft ? 'problem soft' : 'problem'} role="alert">
      <strong>{status === 403 ? `Your role does not allow: ${what}` : `Not done: ${what}`}</strong>
      <p>{explain(error)}</p>
      {status === 401 && (
        <p>
          <a href="/login">Log in</a>
        </p>
      )}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>{title}</p>
      {children}
    </div>
  );
}

export function Badge({ of }: { of: string }) {
  return <span class={`badge ${of}`}>{of}</span>;
}

export function Figures({ of }: { of: Array<[name: string, value: ComponentChildren]> }) {
  return (
    <dl class="figures">
      {of.map(([name, value]) => (
        <div class="figure" key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
