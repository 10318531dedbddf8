// How many detections came when, of those that are shown.
import { useMemo } from 'preact/hooks';

import type { Detection } from '../../api/schema';
import { time } from '../../format';

const bars = 60;
const height = 44;

export function Density({ of }: { of: Detection[] }) {
  const at = useMemo(() => histogram(of.map((d) => Date.parse(d.time ?? '')).filter((t) => !Number.isNaN(t)), bars), [of]);
  if (!at) return null;
  const most = Math.max(...at.counts);
  const label = `${of.length} detections from ${iso(at.from)} to ${iso(at.to)}`;
  return (
    <figure class="panel">
      <svg width="100%" height={height} viewBox={`0 0 ${bars} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {at.counts.map((n, i) => (
          <rect key={i} class="bar" x={i + 0.1} width="0.8" y={height - (height * n) / most} height={(height * n) / most} />
        ))}
      </svg>
      <figcaption class="hint">{label}</figcaption>
    </figure>
  );
}

const iso = (t: number) => time(new Date(t).toISOString());

export function histogram(times: number[], bins: number): { from: number; to: number; counts: number[] } | null {
  if (times.length < 2) return null;
  let from = Infinity;
  let to = -Infinity;
  for (const t of times) {
    from = Math.min(from, t);
    to = Math.max(to, t);
  }
  if (to === from) return null;
  const counts = new Array<number>(bins).fill(0);
  for (const t of times) counts[Math.min(bins - 1, Math.floor(((t - from) / (to - from)) * bins))]!++;
  return { from, to, counts };
}
