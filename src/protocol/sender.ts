/**
 * The sending half of RFC 6455 section 5: turns messages and control frames into bytes, in memory that the caller
 * provides. It knows no socket and decides nothing about when to send.
 */
import { FIN, MASK, Opcode, RSV1 } from './frame.js';
import { generateMaskingKey, mask } from './masking.js';

/** The bits of a frame's header that say which part of a message it is, and whether an extension claims it. */
export interface FrameBits {
  readonly fin: boolean;
  readonly rsv1: boolean;
}

const WHOLE_MESSAGE: FrameBits = { fin: true, rsv1: false };

export class Sender {
  /** A client masks every frame, a server none (RFC 6455 section 5.1). */
  readonly masks: boolean;
  /** The payload length of the text that `writeText` wrote last, in bytes. */
  textLength = 0;

  constructor(options: { readonly isServer: boolean }) {
    this.masks = !options.isServer;
  }

  /** The length of a frame with a payload of that many bytes. */
  frameLength(payloadLength: number): number {
    return this.#headerLength(payloadLength) + payloadLength;
  }

  /** The length of the longest frame that `writeText` can make of a string: 3 bytes for each UTF-16 code unit. */
  maxTextFrameLength(text: string): number {
    return this.frameLength(text.length * 3);
  }

  /**
   * Writes a frame to `target`, which has room for `frameLength` bytes from `offset` on. `payload` is left as it is.
   * @returns where the frame ends
   */
  writeFrame(
    target: Buffer,
    offset: number,
    opcode: Opcode,
    payload: Uint8Array,
    options: FrameBits = WHOLE_MESSAGE,
  ): number {
    const length = payload.length;
    const start = this.writeHeader(target, offset, opcode, length, options);
    if (this.masks) mask(payload, 0, length, target, start, target.readInt32LE(start - 4), 0);
    else target.set(payload, start);
    return start + length;
  }

  /**
   * Writes a whole text message to `target`, which has room for `maxTextFrameLength` bytes from `offset` on. Lone
   * surrogates become U+FFFD, as the Encoding Standard has it. Sets {@link textLength}.
   * @returns where the frame ends
   */
  writeText(target: Buffer, offset: number, text: string): number {
    // The text is written once, behind a header of the length it has if it is ASCII, and moved if it is not and the
    // header has to be longer: two to three times faster than encoding it elsewhere first.
    const guess = offset + this.#headerLength(text.length);
    const length = target.write(text, guess);
    const start = offset + this.#headerLength(length);
    if (start !== guess) target.copyWithin(start, guess, guess + length);
    this.writeHeader(target, offset, Opcode.TEXT, length);
    if (this.masks) mask(target, start, length, target, start, target.readInt32LE(start - 4), 0);
    this.textLength = length;
    return start + length;
  }

  /**
   * Writes the header of a frame alone; a client's has its masking key at the end.
   * @returns where the payload starts
   */
  writeHeader(
    target: Buffer,
    offset: number,
    opcode: Opcode,
    payloadLength: number,
    { fin, rsv1 }: FrameBits = WHOLE_MESSAGE,
  ): number {
    const maskBit = this.masks ? MASK : 0;
    let end = offset + 2;
    target[offset] = opcode | (fin ? FIN : 0) | (rsv1 ? RSV1 : 0);
    if (payloadLength < 126) {
      target[offset + 1] = payloadLength | maskBit;
    } else if (payloadLength <= 0xffff) {
      target[offset + 1] = 126 | maskBit;
      end = target.writeUInt16BE(payloadLength, end);
    } else {
      target[offset + 1] = 127 | maskBit;
      end = target.writeUInt32BE(Math.floor(payloadLength / 0x100000000), end);
      end = target.writeUInt32BE(payloadLength % 0x100000000, end);
    }
    if (this.masks) end = target.writeInt32LE(generateMaskingKey(), end);
    return end;
  }

  #headerLength(payloadLength: number): number {
    const lengthBytes = payloadLength < 126 ? 0 : payloadLength <= 0xffff ? 2 : 8;
    return 2 + lengthBytes + (this.masks ? 4 : 0);
  }
}
