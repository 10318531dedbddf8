import type { Route } from '../../router';

export function Data(_: { route: Route }) {
  return <h1>Data</h1>;
}
