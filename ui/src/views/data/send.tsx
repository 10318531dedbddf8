// Events to send to a table that takes posts.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import type { Table as TableInfo } from '../../api/schema';
import { Failure } from '../../parts/messages';
import { example } from './example';

export function Send({ table }: { table: TableInfo }) {
  const [text, setText] = useState(() => example(table));
  const [sent, setSent] = useState<number>();
  const [error, setError] = useState<unknown>();
  const send = async (e: Event) => {
    e.preventDefault();
    setSent(undefined);
    setError(undefined);
    await call('POST /v1/tables/{name}/events', { path: { name: table.name }, body: text }).then((done) => setSent(done.count), setError);
  };
  return (
    <form class="panel" onSubmit={send}>
      <label class="field wide">
        Events, one JSON object per line
        <textarea aria-label="Events" value={text} spellcheck={false} onInput={(e) => setText(e.currentTarget.value)} />
      </label>
      <div class="row">
        <button class="first">Send</button>
        <span role="status" class="good">
          {sent !== undefined && `${sent} event${sent === 1 ? ' is' : 's are'} kept for the queries that read ${table.name}.`}
        </span>
      </div>
      <Failure error={error} what="take the events: none was" />
    </form>
  );
}
