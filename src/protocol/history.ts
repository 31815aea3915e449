/**
 * The last bytes of the messages before, which context takeover refers to (RFC 7692 section 7.1.1). They are copies: it
 * holds nobody else's memory.
 */
import { EMPTY } from './frame.js';

export class History {
  readonly #size: number;
  /** The history is at its end, up to `#end`. It grows with what there is, to the size and an eighth. */
  #buffer = EMPTY;
  #end = 0;

  /** @param size How many bytes are kept. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The bytes, until the next `push`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(Math.max(0, this.#end - this.#size), this.#end);
  }

  push(data: Uint8Array): void {
    const added = data.length > this.#size ? data.subarray(-this.#size) : data;
    if (this.#end + added.length > this.#buffer.length) this.#makeRoom(added.length);
    this.#buffer.set(added, this.#end);
    this.#end += added.length;
  }

  /** The history if these were messages. */
  with(parts: readonly Uint8Array[]): Buffer {
    return Buffer.concat([this.bytes, ...parts]).subarray(-this.#size);
  }

  /**
   * Moves what will still be needed to the front. At its full size that is done once for each eighth of it that comes,
   * not for each message. The first message gets exactly its length: many connections see no more than one.
   */
  #makeRoom(length: number): void {
    const kept = this.#buffer.subarray(Math.max(0, this.#end - this.#size + length), this.#end);
    const capacity = Math.min(this.#end === 0 ? length : 2 * (kept.length + length), this.#size * 1.125);
    // Not a buffer of the pool, of which a small one would keep the whole.
    if (capacity > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(capacity);
    this.#buffer.set(kept, 0);
    this.#end = kept.length;
  }
}
