/**
 * The memory that a message is put together in, from its fragments or from the parts of a large frame. It knows bytes and
 * lengths alone.
 *
 * Blocks are filled one after the other and joined at the end, so that nothing is copied twice. As soon as an eighth of
 * a message whose length is known has come, the rest goes into the memory that the whole will have. So memory follows
 * what has come, and never what was announced; and what nobody has written to yet is no memory of the machine's.
 */
import { EMPTY } from './frame.js';

/** The part of a message that has to be there before there is memory for the whole. */
const WHOLE_FROM = 1 / 8;

/** Blocks double what there is, up to this many bytes. */
const MAX_BLOCK = 1024 * 1024;

export class MessageBuffer {
  /** The bytes so far. */
  length = 0;
  /** Where the next bytes go: into `block`, from `used` on. */
  block: Buffer = EMPTY;
  used = 0;
  readonly #full: Buffer[] = [];

  /**
   * Makes room for the next bytes.
   * @param wanted how many have come
   * @param most how many the message can have in all
   * @param isKnown whether it will have as many as that
   * @returns how many of them there is room for now
   */
  reserve(wanted: number, most: number, isKnown: boolean): number {
    if (this.used === this.block.length) {
      if (isKnown && this.length + wanted >= most * WHOLE_FROM) {
        const whole = Buffer.allocUnsafeSlow(most);
        this.#join(whole);
        this.block = whole;
        this.used = this.length;
      } else {
        if (this.used > 0) this.#full.push(this.block);
        const size = Math.max(wanted, Math.min(this.length, MAX_BLOCK));
        this.block = Buffer.allocUnsafeSlow(Math.min(size, most - this.length));
        this.used = 0;
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
    // A block is made for bytes that have come, or for all of them: a single one is full.
    if (this.#full.length === 0) return this.block;
    const whole = Buffer.allocUnsafeSlow(this.length);
    this.#join(whole);
    return whole;
  }

  /** Writes the bytes so far to `whole`, and lets the blocks go. */
  #join(whole: Buffer): void {
    let offset = 0;
    for (const block of this.#full) {
      whole.set(block, offset);
      offset += block.length;
    }
    whole.set(this.block.subarray(0, this.used), offset);
    this.#full.length = 0;
  }
}
