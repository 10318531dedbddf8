// Open matches of all queries: what they have, what they wait for, until when.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { QueryInstance } from '../../api/schema';
import { count, pairs, pastOf, time } from '../../format';
import { Empty, Failure } from '../../parts/messages';
import { QueryChoice } from '../../parts/queries';
import { Table, type Column } from '../../parts/table';
import { href, refine, type Route } from '../../router';
import { One, reached, waiting } from './one';

const fields: Array<[name: string, label: string, hint: string]> = [
  ['key', 'Key', '17 or card=17'],
  ['reached', 'Reached', 'a variable'],
  ['waits_for', 'Waits for', 'a variable'],
  ['before', 'Began before', '10 min, or a time'],
];

export function Instances({ route }: { route: Route }) {
  const { query = '' } = route.params;
  return (
    <>
      <div class="head">
        <h1>Instances</h1>
      </div>
      <div class="row panel">
        <QueryChoice value={query} all="All queries" choose={(q) => refine({ query: q, after: '' })} />
        {fields.map(([name, label, hint]) => (
          <label class="field" key={name}>
            {label}
            <input type="search" value={route.params[name] ?? ''} placeholder={hint} onChange={(e) => refine({ [name]: e.currentTarget.value, after: '' })} />
          </label>
        ))}
      </div>
      <Page of={route.params} />
    </>
  );
}

const name = (x: QueryInstance) => `${x.query} ${x.id}`;

function Page({ of: filter }: { of: Route['params'] }) {
  const [picked, setPicked] = useState('');
  const { query = '', key = '', reached: step = '', waits_for = '', before = '', after = '' } = filter;
  const { data, error, again } = usePoll(
    JSON.stringify([query, key, step, waits_for, before, after]),
    (signal) => call('GET /v1/instances', { query: { query: query ? [query] : [], key, reached: step, waits_for, before: pastOf(before), after, limit: 100 } }, signal),
    2000,
  );
  const list = data?.instances ?? [];
  const one = list.find((x) => name(x) === picked);
  const columns: Array<Column<QueryInstance>> = [
    {
      name: 'Key',
      value: (x) => pairs(x.key),
      show: (x) => (
        <button class="link" aria-expanded={name(x) === picked} onClick={() => setPicked(name(x) === picked ? '' : name(x))}>
          {pairs(x.key) || x.id}
        </button>
      ),
    },
    { name: 'Query', value: (x) => x.query, show: (x) => <a href={href(['queries', x.query])}>{x.query}</a> },
    { name: 'Since', value: (x) => x.since, show: (x) => time(x.since) },
    { name: 'Rows', value: (x) => (x.rows ?? []).length, number: true },
    { name: 'Reached', value: reached },
    { name: 'Waits for', value: waiting },
    { name: 'Expires', value: (x) => x.expires, show: (x) => time(x.expires) },
    { name: 'Measures', value: (x) => pairs(x.measures), mono: true, wide: true },
  ];
  return (
    <>
      <Failure error={error} what="list the open matches" />
      {data && <p class="hint" role="status">{`${count(data.total)} open match${data.total === 1 ? '' : 'es'}${data.partial ? ', and more that were not looked at' : ''}.`}</p>}
      {(data?.not_listed ?? []).map((q) => (
        <p key={q.query} class="hint">{`Of ${q.query} none is listed: ${q.reason}.`}</p>
      ))}
      {one && <One key={picked} of={one} changed={again} close={() => setPicked('')} />}
      {list.length > 0 && <Table label="Open matches" columns={columns} rows={list} id={name} picked={picked} />}
      {data && list.length === 0 && <Empty title="No match is open that fits." />}
      <div class="row">
        {after && <button onClick={() => refine({ after: '' })}>From the first</button>}
        {data?.next && <button onClick={() => refine({ after: data.next })}>Next page</button>}
        <button onClick={again}>Look again</button>
      </div>
    </>
  );
}
