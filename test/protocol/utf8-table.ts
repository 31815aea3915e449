/**
 * Well-formed UTF-8 by the table of the Unicode Standard (table 3-7): a slow second opinion, independent of src/ and of
 * the platform's decoder.
 */

const CONTINUATION = [0x80, 0xbf] as const;

// A row for each kind of character: the ranges of its bytes.
const ROWS: readonly (readonly (readonly [number, number])[])[] = [
  [[0x00, 0x7f]],
  [[0xc2, 0xdf], CONTINUATION],
  [[0xe0, 0xe0], [0xa0, 0xbf], CONTINUATION],
  [[0xe1, 0xec], CONTINUATION, CONTINUATION],
  [[0xed, 0xed], [0x80, 0x9f], CONTINUATION],
  [[0xee, 0xef], CONTINUATION, CONTINUATION],
  [[0xf0, 0xf0], [0x90, 0xbf], CONTINUATION, CONTINUATION],
  [[0xf1, 0xf3], CONTINUATION, CONTINUATION, CONTINUATION],
  [[0xf4, 0xf4], [0x80, 0x8f], CONTINUATION, CONTINUATION],
];

/**
 * How many bytes can be the beginning of well-formed UTF-8: the index of the first byte that cannot be right, or the
 * length. `isComplete` says whether the text may end after them.
 */
export function wellFormedPrefix(bytes: Uint8Array): { length: number; isComplete: boolean } {
  let index = 0;
  while (index < bytes.length) {
    const first = bytes[index] ?? 0;
    const row = ROWS.find(([range]) => isIn(range, first));
    if (row === undefined) return { length: index, isComplete: false };
    for (const range of row) {
      const byte = bytes[index];
      if (byte === undefined) return { length: index, isComplete: false };
      if (!isIn(range, byte)) return { length: index, isComplete: false };
      index++;
    }
  }
  return { length: index, isComplete: true };
}

function isIn(range: readonly [number, number] | undefined, byte: number): boolean {
  return range !== undefined && byte >= range[0] && byte <= range[1];
}
