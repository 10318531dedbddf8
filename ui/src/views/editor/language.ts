// What the server knows of the language, for the editor.
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import type { Diagnostic as Mark } from '@codemirror/lint';

import { call } from '../../api/client';
import type { Diagnostic, Table, Validation } from '../../api/schema';
import { unitOf } from './text';
import { keywords, types } from './words';

/** check lets the server's parser and checker read the text. */
export async function check(sql: string): Promise<Validation> {
  if (!sql.trim()) return { valid: true };
  return call('POST /v1/validate', { body: { sql } });
}

export function marks(sql: string, list: Diagnostic[]): Mark[] {
  return list.map((d) => {
    const from = unitOf(sql, d.start);
    const to = Math.max(unitOf(sql, d.end), Math.min(from + 1, sql.length));
    return { from: Math.min(from, to), to, severity: d.severity, message: d.hint ? `${d.message}\n${d.hint}` : d.message, source: d.code };
  });
}

const words: Completion[] = [
  ...keywords.split(' ').map((w) => ({ label: w.toUpperCase(), type: 'keyword', boost: -2 })),
  ...types.split(' ').map((w) => ({ label: w.toUpperCase(), type: 'type', boost: -3 })),
];

/** complete offers tables, columns and words. */
export async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[\w]*/);
  const afterDot = word && word.from > 0 && context.state.sliceDoc(word.from - 1, word.from) === '.';
  if (!word || (word.from === word.to && !context.explicit && !afterDot)) return null;
  const tables = (await call('GET /v1/tables', {}).catch(() => null)) ?? [];
  const options = afterDot ? columnsOf(tables) : [...tablesOf(tables), ...columnsOf(tables), ...words];
  return { from: word.from, options, validFor: /^\w*$/ };
}

const tablesOf = (tables: Table[]): Completion[] => tables.map((t) => ({ label: t.name, type: 'class', detail: `table, ${t.options['connector'] ?? ''}`, boost: 3 }));

const columnsOf = (tables: Table[]): Completion[] => {
  const seen = new Map<string, Completion>();
  for (const t of tables) {
    for (const c of t.columns ?? []) if (!seen.has(c.name)) seen.set(c.name, { label: c.name, type: 'property', detail: `${c.type} in ${t.name}`, boost: 2 });
  }
  return [...seen.values()];
};
