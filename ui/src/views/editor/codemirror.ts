// The editor itself. It stands in a shadow tree, where its styles come from a
// file: the page's policy allows no others.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionSource } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { sql, SQLDialect } from '@codemirror/lang-sql';
import { bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { forceLinting, linter, lintGutter, lintKeymap, type Diagnostic as Mark } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, hoverTooltip, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';

import { keywords, types } from './words';

export interface Hooks {
  changed: (text: string) => void;
  check: (text: string) => Promise<Mark[]>;
  complete: CompletionSource;
  meaning: (text: string, at: number) => Promise<{ from: number; to: number; title: string; doc: string } | null>;
  deploy: () => void;
  format: () => void;
}

const dialect = SQLDialect.define({ keywords, types, doubleQuotedStrings: false, identifierQuotes: '`"', hashComments: false, operatorChars: '*+-%<>!=&|^/~?' });

export function createEditor(host: HTMLElement, text: string, hooks: Hooks): EditorView {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const style = document.createElement('link');
  style.rel = 'stylesheet';
  style.href = document.querySelector<HTMLMetaElement>('meta[name="cepd-editor-style"]')!.content;
  const parent = document.createElement('div');
  root.replaceChildren(style, parent);
  const command = (run: () => void) => () => (run(), true);
  return new EditorView({
    parent,
    root,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        bracketMatching(),
        closeBrackets(),
        highlightActiveLine(),
        syntaxHighlighting(classHighlighter),
        sql({ dialect, upperCaseKeywords: true }),
        autocompletion({ override: [hooks.complete] }),
        linter((view) => hooks.check(view.state.doc.toString()), { delay: 300 }),
        lintGutter(),
        hoverTooltip(async (view, at) => {
          const m = await hooks.meaning(view.state.doc.toString(), at);
          return m && { pos: m.from, end: m.to, create: () => ({ dom: tip(m.title, m.doc) }) };
        }),
        placeholder('CREATE TABLE …; INSERT INTO … SELECT * FROM … MATCH_RECOGNIZE (…)'),
        keymap.of([
          { key: 'Mod-Enter', run: command(hooks.deploy) },
          { key: 'Shift-Alt-f', run: command(hooks.format) },
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...historyKeymap,
          ...completionKeymap,
          ...lintKeymap,
          indentWithTab, // Escape, then Tab, leaves the editor
        ]),
        EditorView.contentAttributes.of({ 'aria-label': 'Statements', tabindex: '0' }),
        EditorView.updateListener.of((u) => {
          if (u.docChanged) hooks.changed(u.state.doc.toString());
        }),
      ],
    }),
  });
}

export function replaceText(view: EditorView, text: string) {
  if (view.state.doc.toString() !== text) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
}

export function goTo(view: EditorView, from: number, to: number) {
  const last = view.state.doc.length;
  view.dispatch({ selection: { anchor: Math.min(from, last), head: Math.min(to, last) }, scrollIntoView: true });
  view.focus();
}

export const checkNow = (view: EditorView) => forceLinting(view);

function tip(title: string, doc: string): HTMLElement {
  const dom = document.createElement('div');
  dom.className = 'cm-hint';
  const head = dom.appendChild(document.createElement('strong'));
  head.textContent = title;
  dom.append(doc ? `\n${doc}` : '');
  return dom;
}
