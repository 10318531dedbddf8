// The texts that a query has had.
import { useState } from 'preact/hooks';

import { call } from '../../api/client';
import { usePoll } from '../../api/poll';
import type { Version } from '../../api/schema';
import { time } from '../../format';
import { differences } from '../../lines';
import { Failure } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';

export function Versions({ name }: { name: string }) {
  const { data, error } = usePoll(`versions ${name}`, async (signal) => (await call('GET /v1/queries/{name}/versions', { path: { name } }, signal)) ?? [], 5000);
  const [picked, setPicked] = useState(0);
  if (!data) return <Failure error={error} what="list the versions" />;
  const columns: Array<Column<Version>> = [
    {
      name: 'Version',
      value: (v) => v.number,
      show: (v) => (
        <button class="link" aria-pressed={v.number === picked} onClick={() => setPicked(v.number)}>
          {v.number}
        </button>
      ),
    },
    { name: 'Since', value: (v) => v.created, show: (v) => time(v.created) },
    { name: 'By', value: (v) => v.by || '–' },
    { name: 'State', value: (v) => v.state || '–' },
  ];
  const at = data.find((v) => v.number === picked) ?? data[0];
  const before = data.find((v) => v.number === (at?.number ?? 0) - 1);
  return (
    <>
      <Table label="Versions" columns={columns} rows={data} id={(v) => String(v.number)} picked={String(at?.number)} />
      {at && (
        <>
          <h2>{before ? `Version ${at.number}, compared with ${before.number}` : `Version ${at.number}`}</h2>
          <pre tabIndex={0}>
            {differences(before?.sql ?? at.sql, at.sql).map((l, i) => (
              <div key={i} class={{ '+': 'good', '-': 'bad', ' ': '' }[l.sign]}>{`${l.sign} ${l.text}`}</div>
            ))}
          </pre>
        </>
      )}
    </>
  );
}
