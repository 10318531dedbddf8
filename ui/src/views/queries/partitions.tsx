import type { PartitionStatus, Status } from '../../api/schema';
import { count, lag, time } from '../../format';
import { Empty } from '../../parts/messages';
import { Table, type Column } from '../../parts/table';

const columns: Array<Column<PartitionStatus>> = [
  { name: 'Table', value: (p) => p.table },
  { name: 'Partition', value: (p) => p.partition, number: true },
  { name: 'Position', value: (p) => p.position, number: true },
  { name: 'Lag', value: (p) => p.lag, show: (p) => lag(p.lag), number: true },
  { name: 'Rows', value: (p) => p.rows, show: (p) => count(p.rows), number: true },
  { name: 'Late', value: (p) => p.late, number: true },
  { name: 'Rejected', value: (p) => p.rejects, number: true },
  { name: 'Watermark', value: (p) => p.watermark, show: (p) => time(p.watermark) },
  { name: 'Newest event', value: (p) => p.newest, show: (p) => time(p.newest) },
  { name: 'State', value: (p) => (p.ended ? 'ended' : p.paused ? 'paused' : p.idle ? 'idle' : 'active') },
];

export function Partitions({ status }: { status: Status | undefined }) {
  const rows = status?.partitions ?? [];
  if (!status) return null;
  return (
    <>
      {rows.length === 0 ? <Empty title="It reads no partition." /> : <Table label="Partitions" columns={columns} rows={rows} id={(p) => `${p.table} ${p.partition}`} />}
      {(status.sources ?? []).filter((s) => s.advice).map((s) => <p key={s.table}>{s.table}: {s.advice}</p>)}
    </>
  );
}
