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

/** Shorter parts are copied: each that is kept keeps all of its chunk. */
const MIN_KEPT = 16 * 1024;
/** So many times as much as a part is what it may keep. */
const MAX_KEPT = 4;

/** Blocks double what there is, up to this many bytes. */
const MAX_BLOCK = 64 * 1024;

export class MessageBuffer {
  /** The bytes so far. */
  length = 0;
  /** Where the next bytes go: into `block`, from `used` on. */
  block: Buffer = EMPTY;
  used = 0;
  readonly #full: Buffer[] = [];
  /** The masking key of each of them: 0 for what is unmasked. */
  readonly #keys: number[] = [];

  /** Whether a part of a chunk of ours is to be kept as it is: then it is {@link keep | kept}, and not copied. */
  isKeeping(chunk: Buffer, length: number): boolean {
    return (
      length >= MIN_KEPT &&
      length * MAX_KEPT >= chunk.buffer.byteLength &&
      this.block.length - this.used < length
    );
  }

  /** A part whose first byte is masked with the lowest byte of the key: it is unmasked on its way to the whole. */
  keep(part: Buffer, key: number): void {
    this.#closeBlock();
    this.#full.push(part);
    this.#keys.push(key);
    this.length += part.length;
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
        const whole = Buffer.allocUnsafeSlow(most);
        this.#join(whole);
        this.block = whole;
        this.used = this.length;
      } else {
        this.#closeBlock();
        const size = Math.max(wanted, Math.min(this.length, MAX_BLOCK));
        this.block = Buffer.allocUnsafeSlow(Math.min(size, most - this.length));
      }
    }
    return Math.min(wanted, this.block.length - this.used);
  }

  /** So many bytes have been written to the block. */
  wrote(length: number): void {
    this.used += length;
    this.length += length;
  }

  /** All of the bytes, one behind the other. */
  take(): Buffer {
    if (this.#full.length === 0 && this.used === this.block.length) return this.block;
    const whole = Buffer.allocUnsafeSlow(this.length);
    this.#join(whole);
    return whole;
  }

  #closeBlock(): void {
    if (this.used > 0) {
      this.#full.push(this.block.subarray(0, this.used));
      this.#keys.push(0);
    }
    this.block = EMPTY;
    this.used = 0;
  }

  /** Writes the bytes so far to `whole`, and lets the blocks go. */
  #join(whole: Buffer): void {
    this.#closeBlock();
    let offset = 0;
    for (const [index, part] of this.#full.entries()) {
      const key = this.#keys[index] as number;
      if (key === 0) whole.set(part, offset);
      else mask(part, 0, part.length, whole, offset, key, 0);
      offset += part.length;
    }
    this.#full.length = 0;
    this.#keys.length = 0;
  }
}
