// Where rules are written: the text, what the server says of it, and its way
// into service.
import type { EditorView } from '@codemirror/view';
import { useEffect, useRef, useState } from 'preact/hooks';

import { call } from '../../api/client';
import type { Finding, Outcome } from '../../api/schema';
import { kept } from '../../kept';
import { Failure } from '../../parts/messages';
import { QueryChoice } from '../../parts/queries';
import { Tabs } from '../../parts/tabs';
import { go, href, type Route } from '../../router';
import { Change } from './change';
import { examples } from './examples';
import { complete, findings as ask, format as layout, marks, meaning } from './language';
import { Explained, Findings } from './results';

const draft = kept('draft');

type Editing = typeof import('./codemirror');

export function Editor({ route }: { route: Route }) {
  const editing = route.params['query'] ?? '';
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const tools = useRef<Editing | null>(null);
  const [name, setName] = useState('');
  const [findings, setFindings] = useState<Finding[]>([]);
  const [checked, setChecked] = useState('');
  const [outcome, setOutcome] = useState<Outcome>();
  const [error, setError] = useState<unknown>();
  const [tab, setTab] = useState('findings');
  const [busy, setBusy] = useState('');
  const text = () => view.current?.state.doc.toString() ?? '';

  const run = async (what: string, f: () => Promise<void>) => {
    setBusy(what);
    setError(undefined);
    await f().catch(setError);
    setBusy('');
  };
  const deploy = () =>
    run('deploy', async () => {
      setOutcome(undefined);
      const sql = text();
      const done = await call('POST /v1/queries', { body: name ? { sql, name } : { sql } });
      setOutcome(done);
      if (done.answers?.length) setTab('answers');
    });
  const format = () =>
    run('format', async () => {
      const laid = await layout(text());
      if (view.current) tools.current?.replaceText(view.current, laid);
    });
  const actions = useRef({ deploy, format });
  actions.current = { deploy, format };

  useEffect(() => {
    let gone = false;
    const open = async () => {
      const made = await import('./codemirror');
      if (gone || !host.current) return;
      tools.current = made;
      view.current = made.createEditor(host.current, draft.read(), {
        changed: (t) => draft.write(t),
        check: async (sql) => {
          const list = await ask(sql).catch((e: unknown): Finding[] => (setError(e), []));
          if (!gone) {
            setFindings(list);
            setChecked(sql);
          }
          return marks(sql, list);
        },
        complete,
        meaning,
        deploy: () => void actions.current.deploy(),
        format: () => void actions.current.format(),
      });
    };
    void open().catch(setError);
    return () => {
      gone = true;
      view.current?.destroy();
    };
  }, []);

  useEffect(() => {
    if (!editing) return;
    void run('load', async () => {
      const info = await call('GET /v1/queries/{name}', { path: { name: editing } });
      setName(info.name);
      draft.write(info.sql);
      if (view.current) tools.current?.replaceText(view.current, info.sql);
    });
  }, [editing]);

  const show = (from: number, to: number) => view.current && tools.current?.goTo(view.current, from, to);
  const mistakes = findings.filter((f) => f.severity === 'error').length;
  return (
    <>
      <div class="head">
        <h1>Editor</h1>
        <span class="grow" />
        <QueryChoice value={editing} all="A new text" choose={(q) => go(['editor'], { query: q })} />
        <label class="field">
          Example
          <select value="" onChange={(e) => view.current && tools.current?.replaceText(view.current, examples[Number(e.currentTarget.value)]!.sql)}>
            <option value="">Choose …</option>
            {examples.map((x, i) => (
              <option key={x.title} value={i}>
                {x.title}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="editor" ref={host} />
      <div class="row panel">
        <label class="field">
          Name of the query
          <input value={name} placeholder="from the text" onInput={(e) => setName(e.currentTarget.value)} />
        </label>
        <button class="first" disabled={busy !== ''} onClick={deploy}>
          {busy === 'deploy' ? 'Deploying …' : 'Deploy'}
        </button>
        <button disabled={busy !== ''} onClick={format}>
          Format
        </button>
        {checked.trim() && (
          <a class="button" href={href(['backtests'], { new: '1' })}>
            Back-test
          </a>
        )}
        <span class="hint grow" role="status">
          {mistakes > 0 ? `${mistakes} mistake${mistakes > 1 ? 's' : ''}` : 'No mistakes.'}
        </span>
        <span class="hint">Ctrl+Enter deploys, Ctrl+Space completes, Shift+Alt+F formats, Escape then Tab leaves.</span>
      </div>
      <Failure error={error} what="run the text" />
      {outcome && <Done outcome={outcome} />}
      {editing && <Change key={editing} name={editing} text={text} />}
      <Tabs
        label="Results"
        names={[
          ['findings', `Findings (${findings.length})`],
          ['plan', 'Plan'],
          ['answers', 'Answers'],
        ]}
        at={tab}
        choose={setTab}
      >
        {tab === 'findings' && <Findings list={findings} show={show} />}
        {tab === 'plan' && <Explained sql={checked} />}
        {tab === 'answers' && <Answers outcome={outcome} />}
      </Tabs>
    </>
  );
}

function Done({ outcome }: { outcome: Outcome }) {
  const queries = outcome.queries ?? [];
  const dropped = outcome.dropped ?? [];
  return (
    <div class="panel" role="status">
      {queries.length === 0 && dropped.length === 0 && <p class="good">Done. No query was started.</p>}
      {queries.map((q) => (
        <p key={q} class="good">
          Runs: <a href={href(['queries', q])}>{q}</a> (<a href={href(['detections'], { query: q })}>its detections</a>)
        </p>
      ))}
      {dropped.map((q) => (
        <p key={q}>Dropped: {q}</p>
      ))}
      {(outcome.warnings ?? []).map((w, i) => (
        <p key={i} class="warn">
          {w.message}
        </p>
      ))}
    </div>
  );
}

function Answers({ outcome }: { outcome: Outcome | undefined }) {
  const answers = outcome?.answers ?? [];
  if (answers.length === 0) return <p class="hint">SHOW, DESCRIBE and EXPLAIN answer here when they are deployed.</p>;
  return (
    <>
      {answers.map((a, i) =>
        a.text ? (
          <pre key={i} tabIndex={0}>
            {a.text}
          </pre>
        ) : (
          <div key={i} class="scroll" tabIndex={0} role="region" aria-label={`Answer ${i + 1}`}>
            <table>
              <thead>
                <tr>{(a.columns ?? []).map((c) => <th key={c}>{c}</th>)}</tr>
              </thead>
              <tbody>
                {(a.rows ?? []).map((r, k) => (
                  <tr key={k}>{(r ?? []).map((x, j) => <td key={j}>{x}</td>)}</tr>
                ))}
              </tbody>
            </table>
          </div>
        ),
      )}
    </>
  );
}
