// Server-sent events, gathered and handed over a few times a second: a page
// that draws for each event would not keep up.
import { useEffect, useState } from 'preact/hooks';

import { ApiError } from './client';
import type { Problem } from './schema';

export interface Streamed<T> {
  /** The newest first, a bounded number. */
  items: T[];
  /** How many came in all. */
  total: number;
  missed: number;
  state: 'connecting' | 'open' | 'waiting' | 'ended';
  error?: unknown;
}

interface Options<T> {
  url: string;
  /** Events of this name carry items; gap events say how many are missing. */
  name: string;
  most: number;
  paused: boolean;
  keep: (item: T) => boolean;
}

const flushMs = 400; // two and a half times a second
const buffered = 2000;

export function useStream<T>({ url, name, most, paused, keep }: Options<T>): Streamed<T> {
  const [state, setState] = useState<Streamed<T>>({ items: [], total: 0, missed: 0, state: 'connecting' });
  useEffect(() => {
    setState({ items: [], total: 0, missed: 0, state: 'connecting' });
    if (!url) return;
    let fresh: T[] = [];
    let came = 0;
    let missed = 0;
    const source = new EventSource(url);
    const flush = () => {
      if (came === 0 && missed === 0) return;
      const [add, more, less] = [fresh, came, missed];
      fresh = [];
      came = missed = 0;
      setState((s) => ({ ...s, state: 'open', items: [...add.reverse(), ...s.items].slice(0, most), total: s.total + more, missed: s.missed + less }));
    };
    const timer = setInterval(flush, flushMs);
    source.addEventListener(name, (e) => {
      came++;
      const item = JSON.parse((e as MessageEvent<string>).data) as T;
      if (keep(item)) fresh.push(item);
      if (fresh.length > buffered) fresh = fresh.slice(-most);
    });
    source.addEventListener('gap', (e) => {
      missed += (JSON.parse((e as MessageEvent<string>).data) as { missed?: number }).missed ?? 0;
    });
    source.addEventListener('open', () => setState((s) => ({ ...s, state: 'open', error: undefined })));
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return setState((s) => ({ ...s, state: 'waiting' }));
      void reason(url).then((error) => setState((s) => ({ ...s, state: 'ended', error })));
    });
    return () => {
      clearInterval(timer);
      source.close();
    };
  }, [url, name]);
  const [held, setHeld] = useState<T[]>();
  useEffect(() => setHeld(paused ? state.items : undefined), [paused]);
  return held ? { ...state, items: held } : state;
}

/** reason asks again for what an EventSource does not tell. */
async function reason(url: string): Promise<unknown> {
  const stop = new AbortController();
  try {
    const answer = await fetch(url, { signal: stop.signal, headers: { Accept: 'application/problem+json' } });
    if (answer.ok) return undefined;
    const text = await answer.text();
    return new ApiError(answer.status, text.startsWith('{') ? (JSON.parse(text) as Problem) : { detail: text.slice(0, 300) });
  } catch {
    return new ApiError(0, { detail: 'The server does not answer.' });
  } finally {
    stop.abort();
  }
}
