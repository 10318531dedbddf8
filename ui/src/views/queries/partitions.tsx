import type { PartitionStatus, Status } from '../../api/schema';
import { count, lag, time } from '../../format';
import { Empty } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';

const label = (p: PartitionStatus) => `${p.table} partition ${p.partition}`;

const state = (p: PartitionStatus) => (p.ended ? 'ended' : p.paused ? 'paused' : p.idle ? 'idle' : 'active');

const columns: Array<Column<PartitionStatus>> = [
  { name: 'Table', value: (p) => p.table },
  { name: 'Partition', value: (p) => p.partition, number: true },
  { name: 'Position', value: (p) => p.position, number: true },
  { name: 'Lag', value: (p) => p.lag, show: (p) => lag(p.lag), number: true },
  { name: 'Rows', value: (p) => p.rows, show: (p) => count(p.rows), number: true },
  { name: 'Filtered out', value: (p) => p.filtered, show: (p) => count(p.filtered), number: true },
  { name: 'Late', value: (p) => p.late, number: true },
  { name: 'Rejected', value: (p) => p.rejects, number: true },
  { name: 'Watermark', value: (p) => p.watermark, show: (p) => time(p.watermark) },
  { name: 'Newest event', value: (p) => p.newest, show: (p) => time(p.newest) },
];

export function Partitions({ status }: { status: Status | undefined }) {
  if (!status) return null;
  const rows = status.partitions ?? [];
  const holder = rows.find((p) => status.held_back_by?.startsWith(`${label(p)} `));
  return (
    <>
      {rows.length === 0 ? <Empty title="It reads no partition." /> : <Table label="Partitions" columns={[...columns, { name: 'State', value: (p) => (p === holder ? `${state(p)}, holds the watermark back` : state(p)) }]} rows={rows} id={label} picked={holder && label(holder)} />}
      {(status.sources ?? []).filter((s) => s.advice).map((s) => <p key={s.table}>{s.table}: {s.advice}</p>)}
      {(status.sources ?? []).filter((s) => s.difference).map((s) => <p key={`${s.table} fields`}>{s.table}: {s.difference?.text}</p>)}
    </>
  );
}
