import type { Route } from '../../router';

export function Connectors(_: { route: Route }) {
  return <h1>Connectors</h1>;
}
