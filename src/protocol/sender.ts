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

/** The longest text that can stand in a run: one whose length takes a single byte. */
export const MAX_RUN_TEXT = 125;

/**
 * What stands before a text in a run: room for the frame's header, its second byte in place, which is ASCII as the rest
 * is.
 */
const serverPrefixes = prefixes(0);
const clientPrefixes = prefixes(4);

function prefixes(maskingKeyLength: number): readonly string[] {
  return Array.from({ length: MAX_RUN_TEXT + 1 }, (_, length) => {
    return `\0${String.fromCharCode(length)}${'\0'.repeat(maskingKeyLength)}`;
  });
}

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

  // A run: short texts, one behind the other in one string, with room for their headers. If all of it is ASCII, one call
  // of the platform encodes it, which takes half the time of one for each text.

  /** A run with one more text, of at most {@link MAX_RUN_TEXT} UTF-16 code units. */
  addToRun(run: string, text: string): string {
    return run + ((this.masks ? clientPrefixes : serverPrefixes)[text.length] as string) + text;
  }

  /** The length of what {@link writeRun} makes of a run, and 4 bytes that it needs to see that it is ASCII. */
  maxRunLength(run: string): number {
    return run.length + 4;
  }

  /**
   * Writes the texts of a run, as {@link writeText} would. Sets {@link textLength}, to that of all of them.
   * @returns where the last frame ends; `offset` if a text is not ASCII, and then nothing was written
   */
  writeRun(target: Buffer, offset: number, run: string): number {
    const end = offset + run.length;
    if (target.write(run, offset, this.maxRunLength(run)) !== run.length) return offset;
    const header = this.masks ? 6 : 2;
    let payloads = 0;
    for (let frame = offset; frame < end;) {
      const length = target[frame + 1] as number;
      const start = frame + header;
      target[frame] = Opcode.TEXT | FIN;
      if (this.masks) {
        const key = generateMaskingKey();
        target[frame + 1] = length | MASK;
        target.writeInt32LE(key, frame + 2);
        mask(target, start, length, target, start, key, 0);
      }
      payloads += length;
      frame = start + length;
    }
    this.textLength = payloads;
    return end;
  }

  /** The texts of a run. */
  *textsOf(run: string): Iterable<string> {
    const header = this.masks ? 6 : 2;
    for (let frame = 0; frame < run.length;) {
      const start = frame + header;
      frame = start + run.charCodeAt(frame + 1);
      yield run.slice(start, frame);
    }
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

// One for all connections of an end: nothing in a sender outlives a call but `textLength`, which is read at once.
export const serverSender = new Sender({ isServer: true });
export const clientSender = new Sender({ isServer: false });
