/**
 * A message that arrives in parts: its fragments, or the parts of a frame that is longer than what was read. It knows
 * payloads alone; the receiver knows frames and their limits.
 */
import { Opcode } from './frame.js';
import { unmask } from './masking.js';
import { MessageBuffer } from './message-buffer.js';
import { decodeUtf8 } from './text.js';
import { Utf8Validator } from './utf8-validator.js';

export class PartialMessage {
  readonly opcode: number;
  /** Its first frame says so. */
  readonly isCompressed: boolean;
  /** The frames that have come to their end. */
  fragments = 0;
  readonly #buffer = new MessageBuffer();
  readonly #validator: Utf8Validator | undefined;

  constructor(opcode: number, isCompressed: boolean) {
    this.opcode = opcode;
    this.isCompressed = isCompressed;
    // What a compressed text is cannot be seen before it is inflated.
    if (opcode === Opcode.TEXT && !isCompressed) this.#validator = new Utf8Validator();
  }

  /** The bytes so far. */
  get length(): number {
    return this.#buffer.length;
  }

  /**
   * Takes the next bytes, masked with `key`, whose lowest byte is that of the first of them; undefined where they are not
   * masked.
   * @param most how many bytes the message can have in all
   * @param isKnown whether it will have as many as that
   * @param isOwn whether the chunk is memory that nobody else reads
   * @returns false when they cannot be UTF-8, and have to be
   */
  push(
    chunk: Buffer,
    offset: number,
    length: number,
    key: number | undefined,
    most: number,
    isKnown: boolean,
    isOwn: boolean,
  ): boolean {
    const buffer = this.#buffer;
    if (isOwn && buffer.isKeeping(chunk, length)) {
      // Text is looked at as it comes, and so it is unmasked where it is.
      const isUnmasked = key === undefined || this.#validator !== undefined;
      const isAscii = key !== undefined && isUnmasked && unmask(chunk, offset, length, chunk, offset, key, 0);
      buffer.keep(chunk, offset, length, isUnmasked ? 0 : key);
      return this.#isValid(chunk, offset, offset + length, isAscii);
    }
    for (let read = 0; read < length;) {
      const part = buffer.reserve(length - read, most, isKnown);
      const { block, used } = buffer;
      const isAscii = unmask(chunk, offset + read, part, block, used, key, read);
      buffer.wrote(part);
      read += part;
      if (!this.#isValid(block, used, used + part, isAscii)) return false;
    }
    return true;
  }

  /** Whether the next bytes may stand in the message. */
  #isValid(bytes: Buffer, start: number, end: number, isAscii: boolean): boolean {
    return this.#validator === undefined || this.#validator.push(bytes, start, end, isAscii);
  }

  /** All of the bytes; nothing is pushed after that. */
  take(): Buffer {
    return this.#buffer.take();
  }

  /** All of the bytes as text; undefined when they are not UTF-8. */
  takeText(): string | undefined {
    const data = this.take();
    const validator = this.#validator as Utf8Validator;
    // What is ASCII is Latin-1 too, which needs no decoding.
    if (validator.isAscii) return data.toString('latin1');
    return validator.isComplete ? decodeUtf8(data, 0, data.length) : undefined;
  }
}
