// Rules tried on history.
import type { Route } from '../../router';
import { List } from './list';
import { One } from './one';

export function Backtests({ route }: { route: Route }) {
  const id = route.path[1];
  return id ? <One key={id} id={id} /> : <List />;
}
