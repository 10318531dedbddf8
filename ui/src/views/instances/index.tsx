// Open matches: what they have, what they wait for, until when.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Instance } from '../../api/schema';
import { ago, count, pairs, time } from '../../format';
import { Empty, Failure, Figures } from '../../parts/messages';
import { QueryChoice } from '../../parts/queries';
import { Table, type Column } from '../../parts/table';
import { TimeLine } from '../../parts/timeline';
import { href, refine, type Route } from '../../router';

export function Instances({ route }: { route: Route }) {
  const { query = '', key = '', waits_for = '', before = '', after = '' } = route.params;
  const field = (name: string, label: string, value: string, hint: string) => (
    <label class="field">
      {label}
      <input type="search" value={value} placeholder={hint} onChange={(e) => refine({ [name]: e.currentTarget.value, after: '' })} />
    </label>
  );
  return (
    <>
      <div class="head">
        <h1>Instances</h1>
      </div>
      <div class="row panel">
        <QueryChoice value={query} choose={(q) => refine({ query: q, after: '' })} />
        {field('key', 'Key', key, '17 or card=17')}
        {field('waits_for', 'Waits for', waits_for, 'a variable')}
        {field('before', 'Began before', before, '2026-01-31T12:00:00Z')}
      </div>
      {query ? (
        <Page {...{ query, filter: { key, waits_for, before, after } }} />
      ) : (
        <Empty title="Choose a query.">
          <p>Each of its open matches is a row here: what it has, what it waits for, when time decides it.</p>
        </Empty>
      )}
    </>
  );
}

interface Filter {
  key: string;
  waits_for: string;
  before: string;
  after: string;
}

function Page({ query, filter }: { query: string; filter: Filter }) {
  const [picked, setPicked] = useState('');
  const { data, error, again } = usePoll(
    JSON.stringify([query, filter]),
    (signal) => call('GET /v1/queries/{name}/instances', { path: { name: query }, query: { ...filter, limit: 100 } }, signal),
    2000,
  );
  const list = data?.instances ?? [];
  const one = list.find((x) => x.id === picked);
  const columns: Array<Column<Instance>> = [
    {
      name: 'Key',
      value: (x) => pairs(x.key),
      show: (x) => (
        <button class="link" aria-expanded={x.id === picked} onClick={() => setPicked(x.id === picked ? '' : x.id)}>
          {pairs(x.key) || x.id}
        </button>
      ),
    },
    { name: 'Since', value: (x) => x.since, show: (x) => time(x.since) },
    { name: 'Rows', value: (x) => (x.rows ?? []).length, number: true },
    { name: 'Waits for', value: waiting },
    { name: 'Expires', value: (x) => x.expires, show: (x) => time(x.expires) },
    { name: 'Measures', value: (x) => pairs(x.measures), mono: true, wide: true },
  ];
  return (
    <>
      <Failure error={error} what="list the open matches" />
      {data && <p class="hint" role="status">{`${count(data.total)} open match${data.total === 1 ? '' : 'es'}${data.partial ? ', and more that were not looked at' : ''}.`}</p>}
      {one && <One query={query} of={one} close={() => setPicked('')} />}
      {list.length > 0 && <Table label="Open matches" columns={columns} rows={list} id={(x) => x.id} picked={picked} />}
      {data && list.length === 0 && <Empty title="No match is open that fits." />}
      <div class="row">
        {filter.after && <button onClick={() => refine({ after: '' })}>From the first</button>}
        {data?.next && <button onClick={() => refine({ after: data.next })}>Next page</button>}
        <button onClick={again}>Look again</button>
      </div>
    </>
  );
}

const waiting = (x: Instance) => [...(x.waits_for ?? []), ...(x.none_of ?? []).map((v) => `no ${v}`)].join(' or ') || (x.complete ? 'it may grow' : '');

function One({ query, of, close }: { query: string; of: Instance; close: () => void }) {
  const rows = of.rows ?? [];
  const key = Object.entries(of.key)[0];
  return (
    <section class="panel" aria-label="Open match">
      <div class="head">
        <h2>{pairs(of.key) || of.id}</h2>
        <span class="grow" />
        {key && (
          <a class="button" href={href(['why'], { query, key: `${key[0]}=${String(key[1])}` })}>
            Why not yet?
          </a>
        )}
        <button onClick={close}>Close</button>
      </div>
      <Figures
        of={[
          ['Since', time(of.since)],
          ['Expires', of.expires ? `${time(of.expires)} (${ago(of.expires)})` : 'never'],
          ['Waits for', waiting(of) || '–'],
          ['Measures so far', <span class="mono">{pairs(of.measures) || '–'}</span>],
        ]}
      />
      <TimeLine
        label="Rows of the open match"
        moments={[...rows.map((r) => ({ at: r.time, label: `${r.variable}${r.table ? ` (${r.table} ${r.partition}/${r.offset})` : ''}` })), ...(of.expires ? [{ at: of.expires, label: 'expires', end: true }] : [])]}
      />
    </section>
  );
}
