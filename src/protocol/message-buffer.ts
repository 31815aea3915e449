/**
 * The memory that a message is put together in, from its fragments or from the parts of a large frame. It knows bytes and
 * lengths alone.
 *
 * Parts that may stay where they came in are kept as they are, the others are copied to blocks; all are joined at the
 * end. As soon as half of a message whose length is known has come, what is copied goes into the memory that the whole
 * will have. So memory follows what has come, and never what was announced.
 */
import { EMPTY } from './frame.js';
import { mask } from './masking.js';

/** Shorter parts are copied. */
const MIN_KEPT = 4 * 1024;
/** A part keeps all of its chunk: so many times as much as its own length it may be. */
const MAX_KEPT = 4;

/** Blocks double what was copied, up to this many bytes. */
const MAX_BLOCK = 64 * 1024;

export class MessageBuffer {
  /** The bytes so far. */
  length = 0;
  /** Where the next bytes go that are copied: into `block`, from `used` on. */
  block: Buffer = EMPTY;
  used = 0;
  /** From here on the block is not among the parts yet. */
  #partStart = 0;
  #copied = 0;
  #isWhole = false;
  /** The chunk of the last part that was kept. */
  #chunk: Buffer | undefined;
  readonly #parts: Buffer[] = [];
  /** The masking key of each of them: 0 for what is unmasked. */
  readonly #keys: number[] = [];

  /** Whether a part of a chunk of ours is to be kept as it is: then it is {@link keep | kept}, and not copied. */
  isKeeping(chunk: Buffer, length: number): boolean {
    if (length < MIN_KEPT || this.#isWhole) return false;
    return chunk === this.#chunk || length * MAX_KEPT >= chunk.buffer.byteLength;
  }

  /** A part of a chunk whose first byte is masked with the lowest byte of the key: it is unmasked on its way to the whole. */
  keep(chunk: Buffer, offset: number, length: number, key: number): void {
    this.#endPart();
    this.#chunk = chunk;
    this.#parts.push(chunk.subarray(offset, offset + length));
    this.#keys.push(key);
    this.length += length;
  }

  /**
   * Makes room for the next bytes.
   * @param wanted how many have come
   * @param most how many the message can have in all
   * @param isKnown whether it will have as many as that
   * @returns how many of them there is room for now
   */
  reserve(wanted: number, most: number, isKnown: boolean): number {
    if (this.used === this.block.length) {
      if (isKnown && (this.length + wanted) * 2 >= most) {
        this.#startBlock(this.#join(Buffer.allocUnsafeSlow(most)));
        this.used = this.length;
        this.#isWhole = true;
      } else {
        this.#endPart();
        const size = Math.max(wanted, Math.min(this.#copied, MAX_BLOCK));
        this.#startBlock(Buffer.allocUnsafeSlow(Math.min(size, most - this.length)));
      }
    }
    return Math.min(wanted, this.block.length - this.used);
  }

  /** So many bytes have been written to the block. */
  wrote(length: number): void {
    this.used += length;
    this.#copied += length;
    this.length += length;
  }

  /** All of the bytes, one behind the other. */
  take(): Buffer {
    if (this.#parts.length === 0 && this.used === this.block.length) return this.block;
    return this.#join(Buffer.allocUnsafeSlow(this.length));
  }

  #startBlock(block: Buffer): void {
    this.block = block;
    this.used = 0;
    this.#partStart = 0;
  }

  /** What was written to the block since the last part is one. */
  #endPart(): void {
    if (this.used === this.#partStart) return;
    this.#parts.push(this.block.subarray(this.#partStart, this.used));
    this.#keys.push(0);
    this.#partStart = this.used;
  }

  /** Writes the bytes so far to `whole`, and lets the parts go. */
  #join(whole: Buffer): Buffer {
    this.#endPart();
    let offset = 0;
    for (const [index, part] of this.#parts.entries()) {
      const key = this.#keys[index] as number;
      if (key === 0) whole.set(part, offset);
      else mask(part, 0, part.length, whole, offset, key, 0);
      offset += part.length;
    }
    this.#parts.length = 0;
    this.#keys.length = 0;
    this.#chunk = undefined;
    return whole;
  }
}
