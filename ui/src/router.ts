// Views have addresses: #/queries/fraud?tab=graph. A route is its path, split,
// and its parameters.
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  path: string[];
  params: Record<string, string>;
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const params: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) params[name] = value;
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), params };
}

/** href is the address of a route; parameters that are empty are left out. */
export function href(path: string[], params: Record<string, string | undefined> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export const go = (path: string[], params?: Record<string, string | undefined>) => {
  location.hash = href(path, params);
};

/** refine changes parameters of the address without a step in the history. */
export function refine(params: Record<string, string | undefined>) {
  const route = parseRoute(location.hash);
  history.replaceState(null, '', href(route.path, { ...route.params, ...params }));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return parseRoute(hash);
}
