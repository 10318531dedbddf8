import type { Route } from '../../router';

export function Tests(_: { route: Route }) {
  return <h1>Tests</h1>;
}
