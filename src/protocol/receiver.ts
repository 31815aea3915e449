/**
 * The receiving half of RFC 6455 section 5: bytes are pushed in, messages and control frames come out. It knows no
 * socket and no closing handshake.
 *
 * Any split of the same bytes gives the same events. The bytes pushed in are neither changed nor kept, unless they are
 * given away: what has to wait for more is copied, so that a few bytes never keep a socket's buffer alive. Memory follows
 * the bytes that have arrived, never the length that was announced.
 */
import { constants } from 'node:buffer';
import { ProtocolError } from '../errors.js';
import { parseClosePayload, type CloseFrame } from './close-code.js';
import { EMPTY, FIN, MASK, MAX_CONTROL_PAYLOAD, MAX_HEADER_LENGTH, Opcode, RSV1, RSV2, RSV3 } from './frame.js';
import {
  controlFrameTooLong,
  expectedContinuation,
  fragmentedControlFrame,
  invalidUtf8,
  lengthNotMinimal,
  lengthTopBit,
  messageTooBig,
  reservedBits,
  reservedOpcode,
  tooManyFragments,
  unexpectedContinuation,
  wrongMasking,
} from './frame-errors.js';
import {
  ENTRY_WORDS,
  type FrameScanner,
  frameScanner,
  IS_ASCII,
  IS_BINARY,
  KIND_BITS,
  SCAN_CAPACITY,
} from './frame-scanner.js';
import { mask, rotateKey, unmask } from './masking.js';
import { PartialMessage } from './partial-message.js';
import {
  allocatePayload,
  copyPayload,
  copyToArrayBuffer,
  copyTogether,
  isPooled,
  isShared,
  MIN_UNPOOLED,
  shareChunk,
  viewOf,
} from './payload-memory.js';
import { decodeUtf8 } from './text.js';

/** What a receiver reports. After `onClose` or `onProtocolError` nothing more comes. A handler does not throw. */
export interface ReceiverHandler {
  onText(text: string): void;
  /** The buffer belongs to the handler. */
  onBinary(data: Buffer): void;
  /** A message that permessage-deflate has compressed (RFC 7692 section 6.2). The buffer belongs to the handler. */
  onCompressed(opcode: number, payload: Buffer): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  onClose(frame: CloseFrame): void;
  onProtocolError(error: ProtocolError): void;
}

export interface ReceiverOptions {
  /** A server's receiver takes masked frames alone, a client's unmasked ones (RFC 6455 section 5.1). */
  readonly isServer: boolean;
  /** Bytes. */
  readonly maxPayload: number;
  readonly maxFragments: number;
}

/** Text that arrives whole is unmasked here and decoded before anything else can run. */
const SCRATCH_SIZE = 64 * 1024;
let scratch: Buffer | undefined;

/**
 * Neighbouring short messages are decoded together, as parts of one string: three to four times faster than one by one.
 * The part that a user keeps keeps the whole of it.
 */
const GROUP_LENGTH = 512;
const GROUPED_LENGTH = 128;

/** Up to so many bytes a frame that is all of a chunk costs less without the scanner. */
const MAX_ALONE = 128;

export class Receiver {
  readonly #handler: ReceiverHandler;
  readonly #isServer: boolean;
  readonly #maxText: number;
  readonly #maxBinary: number;
  readonly #maxFragments: number;
  readonly #maxScanned: number;

  /** Whether each binary message has an ArrayBuffer of exactly its length. */
  #isExact = false;
  /** RSV1 is an error until an extension claims it. */
  #takesCompressed = false;
  #isStopped = false;
  #isDone = false;
  #isParsing = false;
  /** The beginning of a header; and while stopped or inside a call of the handler, everything that came meanwhile. */
  #kept: Buffer = EMPTY;

  // The frame whose payload is being read.
  #inFrame = false;
  #isFinal = false;
  /** Whether it begins a message that is compressed. */
  #isCompressed = false;
  #opcode: number = Opcode.CONTINUATION;
  #payloadLength = 0;
  #payloadRead = 0;
  #maskingKey = 0;
  #controlPayload: Buffer = EMPTY;

  /** The message whose fragments are being read, or the parts of its only frame. */
  #message: PartialMessage | undefined;

  constructor(handler: ReceiverHandler, options: ReceiverOptions) {
    this.#handler = handler;
    this.#isServer = options.isServer;
    // Where the limit is lifted, what a string and a buffer can hold remains.
    this.#maxText = Math.min(options.maxPayload, constants.MAX_STRING_LENGTH);
    this.#maxBinary = Math.min(options.maxPayload, constants.MAX_LENGTH);
    this.#maxFragments = options.maxFragments;
    this.#maxScanned = Math.min(options.maxPayload, SCAN_CAPACITY);
  }

  /**
   * Takes the next bytes and reports what they complete. `isOwn` says that the chunk is memory that nobody else reads:
   * then its messages need no memory of their own.
   */
  push(chunk: Buffer, isOwn = false): void {
    if (this.#isDone) return;
    if (this.#isStopped || this.#isParsing) {
      this.#kept = Buffer.concat([this.#kept, chunk]);
      return;
    }
    if (this.#kept.length === 0) {
      this.#parse(chunk, 0, isOwn);
      return;
    }
    // A header that came in parts is put together by itself, so that the chunk need not be copied.
    const kept = this.#kept.length;
    this.#kept = Buffer.concat([this.#kept, chunk.subarray(0, MAX_HEADER_LENGTH)]);
    const end = this.#readHeader(this.#kept, 0);
    if (end === 0) return;
    this.#kept = EMPTY;
    this.#parse(chunk, end - kept, isOwn);
  }

  /** From now on RSV1 marks a message that is compressed (RFC 7692 section 6). */
  takeCompressed(): void {
    this.#takesCompressed = true;
  }

  /**
   * From now on binary messages come in ArrayBuffers of exactly their length, for who would copy them to such a one: most
   * of them do, and where one does not nothing is wrong.
   */
  useArrayBuffers(): void {
    this.#isExact = true;
  }

  /** Reports nothing more, from the next frame on, until `resume`. What is pushed meanwhile is kept. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Goes on after `stop`, with what was kept. */
  resume(): void {
    this.#isStopped = false;
    if (this.#isParsing || this.#kept.length === 0) return;
    const kept = this.#kept;
    this.#kept = EMPTY;
    this.#parse(kept, 0, true);
  }

  /** Parses from `start` on and keeps the rest. */
  #parse(chunk: Buffer, start: number, isOwn: boolean): void {
    for (;;) {
      this.#isParsing = true;
      const offset = this.#parseFrames(chunk, start, isOwn);
      this.#isParsing = false;
      if (this.#isDone) return;
      const rest = chunk.subarray(offset);
      if (this.#kept.length === 0) {
        if (rest.length === 0) return;
        // Most of what is ours already stays a view, unless it is the beginning of a header.
        const isView = isOwn && rest.length >= MAX_HEADER_LENGTH && rest.length * 2 >= chunk.length;
        this.#kept = isView ? rest : Buffer.from(rest);
        return;
      }
      // More was pushed while the handler ran.
      chunk = Buffer.concat([rest, this.#kept]);
      start = 0;
      isOwn = true;
      this.#kept = EMPTY;
    }
  }

  /** Returns how far it came. */
  #parseFrames(chunk: Buffer, start: number, isOwn: boolean): number {
    const end = chunk.length;
    const scanner = frameScanner();
    let isScanning = false;
    // The part of the chunk that the scanner has.
    let windowStart = 0;
    let windowEnd = 0;
    let offset = start;
    while (!this.#isDone) {
      if (!this.#inFrame) {
        if (offset === end || this.#isStopped) break;
        if (scanner !== undefined && (isScanning || !scanner.isTaken)) {
          const frameLength = this.#wholeMessageLength(chunk, offset);
          // A short message that came alone is read sooner than it is handed to the scanner.
          if (frameLength > (isScanning || offset + frameLength < end ? 0 : MAX_ALONE)) {
            if (offset + frameLength > windowEnd) {
              windowStart = offset;
              windowEnd = Math.min(end, offset + SCAN_CAPACITY);
              scanner.load(chunk.subarray(windowStart, windowEnd));
              isScanning = true;
              scanner.isTaken = true;
            }
            const count = scanner.scan(offset - windowStart, windowEnd - windowStart, this.#isServer, this.#maxScanned);
            if (count > 0) {
              offset = windowStart + this.#readMessages(scanner, count, isOwn ? chunk : undefined, windowStart);
              continue;
            }
          }
        }
        // Whatever else it is. This defines what a frame means; the scanner knows a part of it.
        const payloadStart = this.#readHeader(chunk, offset);
        if (payloadStart === 0) break;
        offset = payloadStart;
      }
      const length = Math.min(end - offset, this.#payloadLength - this.#payloadRead);
      if (length === 0 && this.#payloadLength > 0) break;
      this.#readPayload(chunk, offset, length, isOwn);
      offset += length;
    }
    if (isScanning) (scanner as FrameScanner).isTaken = false;
    return offset;
  }

  /** The length of the frame at `offset` if it looks like a whole message that the scanner takes; otherwise 0. */
  #wholeMessageLength(chunk: Buffer, offset: number): number {
    const opcode = (chunk[offset] as number) ^ FIN;
    if ((opcode !== Opcode.TEXT && opcode !== Opcode.BINARY) || this.#message !== undefined) return 0;
    const available = chunk.length - offset;
    if (available < 4) return 0;
    let length = (chunk[offset + 1] as number) & 0x7f;
    if (length === 127) return 0;
    let header = this.#isServer ? 6 : 2;
    if (length === 126) {
      length = chunk.readUInt16BE(offset + 2);
      header += 2;
    }
    const frameLength = header + length;
    return frameLength <= available && frameLength <= SCAN_CAPACITY ? frameLength : 0;
  }

  /**
   * Reports the messages in the scanner's table. `chunk` is where its input came from, `windowStart` where in it, if the
   * messages may stay there. Returns how far in its input it came.
   */
  #readMessages(scanner: FrameScanner, count: number, chunk: Buffer | undefined, windowStart: number): number {
    const { table, memory } = scanner;
    const handler = this.#handler;
    let group = '';
    let groupStart = 0;
    let groupEnd = 0;
    let copied: ArrayBufferLike = EMPTY.buffer;
    let copiedEnd = 0;
    let shift = 0;
    let shared: ArrayBufferLike | undefined;
    const last = count * ENTRY_WORDS;
    for (let entry = ENTRY_WORDS; entry <= last; entry += ENTRY_WORDS) {
      const start = table[entry] as number;
      const kind = table[entry + 1] as number;
      const length = kind >>> KIND_BITS;
      const end = start + length;
      if ((kind & IS_BINARY) !== 0) {
        let data: Buffer;
        if (this.#isExact) data = copyToArrayBuffer(memory, start, length);
        else if (isPooled(length)) {
          if (end > copiedEnd) {
            copiedEnd = pooledEnd(table, entry, last);
            const copy = copyTogether(memory, start, copiedEnd - start);
            copied = copy.buffer;
            shift = copy.byteOffset - start;
          }
          data = viewOf(copied, start + shift, length);
        }
        else if (chunk === undefined || !isShared(length)) data = copyPayload(memory, start, length);
        else {
          shared ??= shareChunk(chunk);
          const offset = windowStart + (table[entry + 2] as number) - length;
          memory.copy(chunk, offset, start, end);
          data = viewOf(shared, chunk.byteOffset + offset, length);
        }
        handler.onBinary(data);
      } else if ((kind & IS_ASCII) === 0) {
        this.#reportText(decodeUtf8(memory, start, end));
      } else if (length > GROUPED_LENGTH) {
        handler.onText(memory.toString('latin1', start, end));
      } else {
        if (end > groupEnd) {
          groupStart = start;
          groupEnd = Math.min(start + GROUP_LENGTH, (table[last] as number) + ((table[last + 1] as number) >>> KIND_BITS));
          group = memory.toString('latin1', groupStart, groupEnd);
        }
        handler.onText(group.substring(start - groupStart, end - groupStart));
      }
      // A handler may have stopped us.
      if (this.#isStopped || this.#isDone) return table[entry + 2] as number;
    }
    return table[0] as number;
  }

  /** Reads a header at `offset`. Returns where its payload starts; 0 when it is incomplete or wrong. */
  #readHeader(chunk: Buffer, offset: number): number {
    const available = chunk.length - offset;
    if (available < 2) return 0;
    const first = chunk[offset] as number;
    const second = chunk[offset + 1] as number;
    const opcode = first & 0x0f;
    const isFinal = (first & FIN) !== 0;
    const isCompressed = (first & (RSV1 | RSV2 | RSV3)) !== 0;
    if (isCompressed && !this.#claims(first)) return this.#fail(reservedBits(first));
    if (((second & MASK) !== 0) !== this.#isServer) return this.#fail(wrongMasking(this.#isServer));

    let length = second & 0x7f;
    if (opcode >= Opcode.CLOSE) {
      if (opcode > Opcode.PONG) return this.#fail(reservedOpcode(opcode));
      if (!isFinal) return this.#fail(fragmentedControlFrame(opcode));
      if (length > MAX_CONTROL_PAYLOAD) return this.#fail(controlFrameTooLong(opcode));
    } else if (opcode === Opcode.CONTINUATION) {
      if (this.#message === undefined) return this.#fail(unexpectedContinuation());
    } else {
      if (opcode > Opcode.BINARY) return this.#fail(reservedOpcode(opcode));
      if (this.#message !== undefined) return this.#fail(expectedContinuation(opcode));
    }

    let end = offset + 2;
    if (length === 126) {
      if (available < 4) return 0;
      length = chunk.readUInt16BE(end);
      end += 2;
      if (length < 126) return this.#fail(lengthNotMinimal(length));
    } else if (length === 127) {
      if (available < 10) return 0;
      const high = chunk.readUInt32BE(end);
      const low = chunk.readUInt32BE(end + 4);
      end += 8;
      // Checked before there is any arithmetic with it.
      if (high >= 0x80000000) return this.#fail(lengthTopBit());
      length = high * 0x100000000 + low;
      if (length <= 0xffff) return this.#fail(lengthNotMinimal(length));
    }

    if (opcode < Opcode.CLOSE) {
      const message = this.#message;
      const limit = this.#limit(message?.opcode ?? opcode);
      const total = (message?.length ?? 0) + length;
      if (total > limit) return this.#fail(messageTooBig(total, limit));
      if (message?.fragments === this.#maxFragments) return this.#fail(tooManyFragments(this.#maxFragments));
    }

    if (this.#isServer) {
      if (chunk.length - end < 4) return 0;
      this.#maskingKey = chunk.readInt32LE(end);
      end += 4;
    }
    this.#opcode = opcode;
    this.#isFinal = isFinal;
    this.#isCompressed = isCompressed;
    this.#payloadLength = length;
    this.#payloadRead = 0;
    this.#inFrame = true;
    return end;
  }

  /** Whether the reserved bits of a frame are those of an extension: RSV1 of a message's first frame. */
  #claims(first: number): boolean {
    const opcode = first & 0x0f;
    const isFirst = opcode === Opcode.TEXT || opcode === Opcode.BINARY;
    return this.#takesCompressed && isFirst && (first & (RSV2 | RSV3)) === 0;
  }

  /** Takes `length` bytes of the frame's payload. */
  #readPayload(chunk: Buffer, offset: number, length: number, isOwn: boolean): void {
    if (this.#opcode >= Opcode.CLOSE) {
      this.#readControlPayload(chunk, offset, length);
      return;
    }
    const isWhole = length === this.#payloadLength;
    if (isWhole && this.#isFinal && this.#opcode !== Opcode.CONTINUATION) {
      this.#inFrame = false;
      if (this.#isCompressed) this.#handler.onCompressed(this.#opcode, this.#copyPayload(chunk, offset, length));
      else if (this.#opcode === Opcode.TEXT) this.#readWholeText(chunk, offset, length);
      else this.#handler.onBinary(this.#copyPayload(chunk, offset, length));
      return;
    }
    this.#readPart(chunk, offset, length, isOwn);
  }

  #readWholeText(chunk: Buffer, offset: number, length: number): void {
    let bytes = chunk;
    let start = offset;
    let mayBeNonAscii = true;
    if (this.#isServer) {
      if (length <= SCRATCH_SIZE) bytes = scratch ??= Buffer.allocUnsafeSlow(SCRATCH_SIZE);
      else bytes = Buffer.allocUnsafeSlow(length);
      start = 0;
      mayBeNonAscii = mask(chunk, offset, length, bytes, 0, this.#maskingKey, 0) !== 0;
    }
    const end = start + length;
    // What is ASCII is Latin-1 too, which needs no decoding.
    this.#reportText(mayBeNonAscii ? decodeUtf8(bytes, start, end) : bytes.toString('latin1', start, end));
  }

  /** A part of a message's frame, or a frame that is a part of a message. */
  #readPart(chunk: Buffer, offset: number, length: number, isOwn: boolean): void {
    const message = (this.#message ??= new PartialMessage(this.#opcode, this.#isCompressed));
    // The length of the message is known when this is its last frame.
    const most = this.#isFinal
      ? message.length + this.#payloadLength - this.#payloadRead
      : this.#limit(message.opcode);
    const key = this.#isServer ? rotateKey(this.#maskingKey, this.#payloadRead) : undefined;
    this.#payloadRead += length;
    if (!message.push(chunk, offset, length, key, most, this.#isFinal, isOwn)) {
      this.#fail(invalidUtf8());
      return;
    }
    if (this.#payloadRead < this.#payloadLength) return;
    this.#inFrame = false;
    message.fragments++;
    if (this.#isFinal) this.#endMessage(message);
  }

  #endMessage(message: PartialMessage): void {
    this.#message = undefined;
    if (message.isCompressed) this.#handler.onCompressed(message.opcode, message.take());
    else if (message.opcode === Opcode.BINARY) this.#handler.onBinary(message.take());
    else this.#reportText(message.takeText());
  }

  #reportText(text: string | undefined): void {
    if (text === undefined) this.#fail(invalidUtf8());
    else this.#handler.onText(text);
  }

  /** The largest message of that opcode, in bytes. */
  #limit(opcode: number): number {
    return opcode === Opcode.TEXT ? this.#maxText : this.#maxBinary;
  }

  #readControlPayload(chunk: Buffer, offset: number, length: number): void {
    let payload: Buffer;
    if (length === this.#payloadLength) {
      payload = this.#copyPayload(chunk, offset, length);
    } else {
      // At most 125 bytes, whatever was announced.
      if (this.#payloadRead === 0) this.#controlPayload = Buffer.allocUnsafe(this.#payloadLength);
      this.#copyPart(chunk, offset, length, this.#controlPayload, this.#payloadRead);
      this.#payloadRead += length;
      if (this.#payloadRead < this.#payloadLength) return;
      payload = this.#controlPayload;
      this.#controlPayload = EMPTY;
    }
    this.#inFrame = false;
    if (this.#opcode === Opcode.PING) this.#handler.onPing(payload);
    else if (this.#opcode === Opcode.PONG) this.#handler.onPong(payload);
    else this.#endWithClose(payload);
  }

  #endWithClose(payload: Buffer): void {
    const frame = parseClosePayload(payload);
    this.#finish();
    if (frame instanceof ProtocolError) this.#handler.onProtocolError(frame);
    else this.#handler.onClose(frame);
  }

  /** The payload of a frame that arrived whole, in memory of its own: a view would keep the chunk alive. */
  #copyPayload(chunk: Buffer, offset: number, length: number): Buffer {
    if (!this.#isServer && !this.#isExact) return copyPayload(chunk, offset, length);
    const payload = this.#isExact ? Buffer.allocUnsafeSlow(length) : allocatePayload(length);
    this.#copyPart(chunk, offset, length, payload, 0);
    return payload;
  }

  /** Copies a part of the frame's payload. */
  #copyPart(chunk: Buffer, offset: number, length: number, target: Buffer, targetStart: number): void {
    unmask(chunk, offset, length, target, targetStart, this.#isServer ? this.#maskingKey : undefined, this.#payloadRead);
  }

  /** Nothing more is read: what was put together so far is let go. */
  #finish(): void {
    this.#isDone = true;
    this.#kept = EMPTY;
    this.#message = undefined;
    this.#controlPayload = EMPTY;
  }

  #fail(error: ProtocolError): 0 {
    this.#finish();
    this.#handler.onProtocolError(error);
    return 0;
  }
}

/** Where the short binary messages end that follow each other in the scanner's table, and are copied together. */
function pooledEnd(table: Int32Array, first: number, last: number): number {
  const start = table[first] as number;
  let end = start;
  for (let entry = first; entry <= last; entry += ENTRY_WORDS) {
    const kind = table[entry + 1] as number;
    const next = (table[entry] as number) + (kind >>> KIND_BITS);
    if (entry > first && ((kind & IS_BINARY) === 0 || next - start >= MIN_UNPOOLED)) break;
    end = next;
  }
  return end;
}
