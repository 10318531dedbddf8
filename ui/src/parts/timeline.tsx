// Rows on a line of time.
import { time } from '../format';

export interface Moment {
  at: string;
  label: string;
  end?: boolean;
}

const width = 720;

export function TimeLine({ moments, label }: { moments: Moment[]; label: string }) {
  const times = moments.map((m) => Date.parse(m.at)).filter((t) => !Number.isNaN(t));
  if (times.length === 0) return null;
  const from = Math.min(...times);
  const length = Math.max(...times) - from || 1;
  const shown = moments.slice(0, 40);
  const height = 34 + 17 * shown.length;
  return (
    <div class="timeline" tabIndex={0} role="region" aria-label={label}>
      <svg width={width} height={height} role="img" aria-label={`${label}: ${shown.map((m) => `${m.label} at ${time(m.at)}`).join('; ')}`}>
        <line class="axis" x1="20" x2={width - 300} y1="14" y2="14" />
        {shown.map((m, i) => {
          const x = 20 + ((width - 320) * (Date.parse(m.at) - from)) / length;
          const y = 34 + 17 * i;
          return (
            <g key={i}>
              <line class="axis" x1={x} x2={x} y1="14" y2={y} stroke-dasharray="2 3" />
              <line class="axis" x1={x} x2={width - 292} y1={y} y2={y} stroke-dasharray="1 4" />
              <circle class={m.end ? 'dot end' : 'dot'} cx={x} cy="14" r="5" />
              <text x={width - 286} y={y + 4}>
                {m.label} <tspan class="faint">{time(m.at)}</tspan>
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
