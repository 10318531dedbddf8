import type { Route } from '../../router';

export function Backtests(_: { route: Route }) {
  return <h1>Backtests</h1>;
}
