import type { Table } from '../../api/schema';

/** example is an event with all columns that a record fills, but for those left out. */
export function example(table: Table, without: string[] = []): string {
  const event: Record<string, unknown> = {};
  for (const c of table.columns ?? []) if (!c.computed && !c.metadata && !without.includes(c.name)) event[c.name] = sample(c.type);
  return JSON.stringify(event);
}

function sample(type: string): unknown {
  if (/^(TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DECIMAL)/.test(type)) return 1;
  if (/^BOOLEAN/.test(type)) return true;
  if (/^TIMESTAMP/.test(type)) return new Date().toISOString().slice(0, 23).replace('T', ' ');
  return 'x';
}
