// All queries, or one.
import type { Route } from '../../router';
import { List } from './list';
import { One } from './one';

export function Queries({ route }: { route: Route }) {
  const name = route.path[1];
  return name ? <One key={name} name={name} tab={route.params['tab'] ?? 'graph'} /> : <List filter={route.params['filter'] ?? ''} />;
}
