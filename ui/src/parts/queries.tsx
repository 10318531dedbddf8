// The choice of a query.
import { call } from '../api/client';
import { usePoll } from '../api/poll';
import type { Info } from '../api/schema';

/** listQueries is all queries, whatever the pages. */
export async function listQueries(signal?: AbortSignal): Promise<Info[]> {
  return (await call('GET /v1/queries', {}, signal)) ?? [];
}

export const useQueries = (ms = 5000) => usePoll('queries', listQueries, ms);

interface Props {
  value: string;
  choose: (name: string) => void;
  all?: string;
  label?: string;
}

export function QueryChoice({ value, choose, all, label }: Props) {
  const { data = [] } = useQueries();
  const names = data.map((q) => q.name);
  if (value && !names.includes(value)) names.unshift(value);
  return (
    <label class="field">
      {label ?? 'Query'}
      <select value={value} onChange={(e) => choose(e.currentTarget.value)}>
        <option value="">{all ?? 'Choose …'}</option>
        {names.map((n) => (
          <option key={n} value={n}>
            {n}
          </option>
        ))}
      </select>
    </label>
  );
}
