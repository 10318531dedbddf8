// Plots, drawn by uPlot in the colours of the page.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

interface Props {
  label: string;
  names: string[];
  series: Array<{ name: string; values: number[] }>;
}

const height = 220;

/** Bars are numbers of named parts; the table beside it has them for readers of the screen. */
export function Bars({ label, names, series }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const key = JSON.stringify([names, series]);
  useEffect(() => {
    const at = host.current!;
    const colour = (name: string) => getComputedStyle(at).getPropertyValue(name);
    const axis = { stroke: colour('--faint'), grid: { stroke: colour('--line') }, ticks: { stroke: colour('--line') } };
    const n = series.length;
    const plot = new uPlot(
      {
        width: at.clientWidth,
        height,
        scales: { x: { time: false, range: [-0.6, names.length - 0.4] }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
        axes: [{ ...axis, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100], values: (_, at) => at.map((i) => names[i] ?? '') }, { ...axis, size: 60 }],
        series: [
          { label: 'Part', value: (_, i) => (i === null ? '–' : (names[i] ?? '')) },
          ...series.map((s, i) => {
            const bars = uPlot.paths.bars!({ size: [0.7 / n, 60], align: n === 1 ? 0 : i === 0 ? -1 : 1 });
            return { label: s.name, stroke: colour(i === 0 ? '--accent' : '--faint'), fill: colour(i === 0 ? '--accent' : '--faint'), paths: bars, points: { show: false } };
          }),
        ],
      },
      [names.map((_, i) => i), ...series.map((s) => s.values)],
      at,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: at.clientWidth, height }));
    resized.observe(at);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [key]);
  return <div class="plot" ref={host} role="img" aria-label={label} />;
}
