// How two texts differ, line by line: the longest common subsequence.
export interface Line {
  sign: ' ' | '+' | '-';
  text: string;
}

/** Longer texts are shown one behind the other. */
const most = 2000;

export function differences(before: string, after: string): Line[] {
  const a = before.trimEnd().split('\n');
  const b = after.trimEnd().split('\n');
  if (a.length > most || b.length > most) return [...a.map((text): Line => ({ sign: '-', text })), ...b.map((text): Line => ({ sign: '+', text }))];
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let k = b.length - 1; k >= 0; k--) common[i]![k] = a[i] === b[k] ? common[i + 1]![k + 1]! + 1 : Math.max(common[i + 1]![k]!, common[i]![k + 1]!);
  }
  const out: Line[] = [];
  let i = 0;
  let k = 0;
  while (i < a.length || k < b.length) {
    if (i < a.length && k < b.length && a[i] === b[k]) {
      out.push({ sign: ' ', text: a[i++]! });
      k++;
    } else if (k === b.length || (i < a.length && common[i + 1]![k]! >= common[i]![k + 1]!)) out.push({ sign: '-', text: a[i++]! });
    else out.push({ sign: '+', text: b[k++]! });
  }
  return out;
}
