// Looks at the server at intervals, while somebody looks at the page.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export interface Polled<T> {
  data?: T;
  error?: unknown;
  /** The answer before, to make rates of differences. */
  before?: T;
  again: () => void;
}

/**
 * usePoll calls ask every so many ms, one call at a time, never while the page
 * is hidden; 0: once. Another key begins anew; the data of a failed call stays.
 */
export function usePoll<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, ms: number): Polled<T> {
  const [state, setState] = useState<{ key: string; data?: T; before?: T; error?: unknown }>({ key });
  const [turn, setTurn] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const look = async () => {
      try {
        const data = await asking.current(stop.signal);
        if (!stop.signal.aborted) setState((s) => ({ key, data, before: s.key === key ? s.data : undefined }));
      } catch (error) {
        if (!stop.signal.aborted) setState((s) => (s.key === key ? { ...s, error } : { key, error }));
      }
      if (ms > 0 && !stop.signal.aborted) timer = window.setTimeout(next, ms);
    };
    const next = () => {
      if (document.hidden) document.addEventListener('visibilitychange', () => void look(), { once: true, signal: stop.signal });
      else void look();
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key, ms, turn]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  return state.key === key ? { ...state, again } : { again };
}
