// What the server knows of the language, for the editor.
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import type { Diagnostic as Mark } from '@codemirror/lint';

import { call } from '../../api/client';
import type { CompletionItem, Finding } from '../../api/schema';

/** findings are what the server's parser and checker say of the text. */
export async function findings(sql: string): Promise<Finding[]> {
  if (!sql.trim()) return [];
  return (await call('POST /v1/language/diagnose', { body: { sql } })).findings ?? [];
}

export const marks = (sql: string, list: Finding[]): Mark[] =>
  list.map((f) => {
    const from = Math.min(f.from, sql.length);
    const to = Math.min(Math.max(f.to, from + 1), sql.length);
    return { from, to: Math.max(from, to), severity: f.severity, message: f.hint ? `${f.message}\n${f.hint}` : f.message, source: f.code };
  });

const kinds: Record<CompletionItem['kind'], string> = {
  keyword: 'keyword',
  table: 'class',
  view: 'class',
  column: 'property',
  variable: 'variable',
  function: 'function',
  option: 'property',
  value: 'constant',
  setting: 'property',
  type: 'type',
};

/** complete asks what may be written at a place. */
export async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const sql = context.state.doc.toString();
  if (!context.explicit && !context.matchBefore(/[\w.']/)) return null;
  const list = await call('POST /v1/language/complete', { body: { sql, position: context.pos } }).catch(() => null);
  const items = list?.items ?? [];
  if (!list || items.length === 0) return null;
  const options = items.map((x, i): Completion => ({ label: x.label, type: kinds[x.kind], ...(x.detail ? { detail: x.detail } : {}), ...(x.doc ? { info: x.doc } : {}), boost: -Math.min(99, i) }));
  return { from: list.replace.from, to: Math.max(list.replace.to, context.pos), options, filter: false };
}

/** meaning is what a word means, for a tip. */
export async function meaning(sql: string, position: number): Promise<{ from: number; to: number; title: string; doc: string } | null> {
  const m = await call('POST /v1/language/hover', { body: { sql, position } }).catch(() => null);
  return m?.word && m.title ? { from: m.word.from, to: m.word.to, title: m.title, doc: m.doc ?? '' } : null;
}

/** format puts a text into the standard layout. */
export const format = async (sql: string): Promise<string> => (await call('POST /v1/language/format', { body: { sql } })).sql;
