// Numbers, times and values as text.

/** count shortens large numbers: 1234567 is 1.23 M. */
export function count(n: number): string {
  for (const [unit, name] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']] as const) {
    if (Math.abs(n) >= unit) {
      const x = n / (unit === 1e4 ? 1e3 : unit);
      return `${x.toFixed(x >= 100 ? 0 : x >= 10 ? 1 : 2)} ${name}`;
    }
  }
  return Number.isInteger(n) ? String(n) : n.toFixed(n < 10 ? 1 : 0);
}

export function bytes(n: number): string {
  for (const [unit, name] of [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']] as const) {
    if (n >= unit) return `${(n / unit).toFixed(n / unit >= 10 ? 0 : 1)} ${name}`;
  }
  return `${n} B`;
}

export const percent = (share: number) => `${Math.round(100 * share)} %`;

export const rate = (perSecond: number | undefined) => (perSecond === undefined ? '–' : `${count(perSecond)}/s`);

export const lag = (n: number) => (n < 0 ? 'unknown' : count(n));

/** time is an RFC 3339 time, shortened to milliseconds, in UTC. */
export function time(text: string | undefined): string {
  if (!text) return '–';
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : at.toISOString().replace('T', ' ').replace(/\.000Z$|Z$/, '');
}

/** ago is how long a time is past. */
export function ago(text: string | undefined, now = Date.now()): string {
  if (!text) return '–';
  const seconds = (now - new Date(text).getTime()) / 1000;
  return seconds < 0 ? `in ${span(-seconds)}` : `${span(seconds)} ago`;
}

const units: Record<string, number> = { s: 1, min: 60, h: 3600, d: 86400 };

/** pastOf is the time of an age, such as 10 min; another text stays as it is. */
export function pastOf(text: string, now = Date.now()): string {
  const age = text.trim().match(/^(\d+(?:\.\d+)?)\s*(s|min|h|d)$/);
  return age ? new Date(now - Number(age[1]) * units[age[2]!]! * 1000).toISOString() : text.trim();
}

export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** show is a value of a row. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export const pairs = (values: Record<string, unknown> | undefined) =>
  Object.entries(values ?? {})
    .map(([name, value]) => `${name}=${show(value)}`)
    .join(', ');

/** compare orders values of a column: numbers by size, others as text. */
export function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const x = String(a ?? '');
  const y = String(b ?? '');
  return x < y ? -1 : x > y ? 1 : 0;
}
