/**
 * Checks UTF-8 that arrives in pieces (RFC 6455 section 8.1), and says no at the first byte that cannot be right, even
 * where the piece ends in the middle of a character.
 */
import { isUtf8 } from 'node:buffer';

export class Utf8Validator {
  // The state of the UTF-8 decoder of the Encoding Standard (section 8.1.1): continuation bytes still needed, and
  // the bounds of the next one.
  #bytesNeeded = 0;
  #lowerBoundary = 0x80;
  #upperBoundary = 0xbf;

  /** Whether it is known that everything so far was ASCII. */
  isAscii = true;

  /**
   * Takes the bytes from `start` to `end`, of which it may be known that they are ASCII. Returns false when they cannot
   * go on what came before.
   */
  push(bytes: Buffer, start: number, end: number, isAscii = false): boolean {
    if (isAscii && this.#bytesNeeded === 0) return true;
    if (!isAscii) this.isAscii = false;
    // The character that the last piece left open.
    while (this.#bytesNeeded > 0 && start < end) {
      if (!this.#step(bytes[start++] as number)) return false;
    }
    // The characters that are whole go to the platform's validator, which is many times faster.
    const tail = startOfOpenCharacter(bytes, start, end);
    if (tail > start && !isUtf8(bytes.subarray(start, tail))) return false;
    // The character that this piece leaves open.
    for (let index = tail; index < end; index++) {
      if (!this.#step(bytes[index] as number)) return false;
    }
    return true;
  }

  /** Whether the text may end here. */
  get isComplete(): boolean {
    return this.#bytesNeeded === 0;
  }

  #step(byte: number): boolean {
    if (this.#bytesNeeded > 0) {
      if (byte < this.#lowerBoundary || byte > this.#upperBoundary) return false;
      this.#lowerBoundary = 0x80;
      this.#upperBoundary = 0xbf;
      this.#bytesNeeded--;
      return true;
    }
    if (byte >= 0xc2 && byte <= 0xdf) {
      this.#bytesNeeded = 1;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      if (byte === 0xe0) this.#lowerBoundary = 0xa0;
      if (byte === 0xed) this.#upperBoundary = 0x9f;
      this.#bytesNeeded = 2;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      if (byte === 0xf0) this.#lowerBoundary = 0x90;
      if (byte === 0xf4) this.#upperBoundary = 0x8f;
      this.#bytesNeeded = 3;
    } else {
      return false;
    }
    return true;
  }
}

/** Where the last character begins, if it is not complete within its range; else `end`. */
function startOfOpenCharacter(bytes: Buffer, start: number, end: number): number {
  for (let index = end - 1; index >= start && index >= end - 3; index--) {
    const byte = bytes[index] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return index + length > end ? index : end;
  }
  return end;
}
