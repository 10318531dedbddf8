// Places in texts: the server counts bytes of UTF-8, the editor UTF-16 units.

/** unitOf is the editor's place of a byte. */
export function unitOf(text: string, byte: number): number {
  let at = 0;
  let units = 0;
  for (const c of text) {
    if (at >= byte) break;
    const code = c.codePointAt(0)!;
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    units += c.length;
  }
  return units;
}

/** byteOf is the server's place of a unit. */
export const byteOf = (text: string, unit: number): number => new TextEncoder().encode(text.slice(0, unit)).length;
