/**
 * The receiving half of RFC 6455 section 5: bytes are pushed in, messages and control frames come out. It knows no
 * socket and no closing handshake.
 *
 * Any split of the same bytes gives the same events. The bytes pushed in are neither changed nor kept: what has to
 * wait for more is copied, so that a few bytes never keep a socket's buffer alive. Memory follows the bytes that have
 * arrived, never the length that was announced.
 */
import { constants, isUtf8 } from 'node:buffer';
import { ProtocolError, type WatershedErrorCode } from '../errors.js';
import { CloseCode, parseClosePayload, type CloseFrame } from './close-code.js';
import { EMPTY, FIN, MASK, MAX_CONTROL_PAYLOAD, MAX_HEADER_LENGTH, Opcode, RSV1, RSV2, RSV3 } from './frame.js';
import { mask } from './masking.js';
import { Utf8Validator } from './utf8-validator.js';

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

export class Receiver {
  readonly #handler: ReceiverHandler;
  readonly #isServer: boolean;
  readonly #maxText: number;
  readonly #maxBinary: number;
  readonly #maxFragments: number;

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
  /** Whether the message is compressed: its first frame says so. */
  #isCompressed = false;
  #opcode: number = Opcode.CONTINUATION;
  #payloadLength = 0;
  #payloadRead = 0;
  #maskingKey = 0;
  #controlPayload: Buffer = EMPTY;

  // The message that its fragments, or the parts of its only frame, are joined to. CONTINUATION says: none.
  #messageOpcode: number = Opcode.CONTINUATION;
  #message: Buffer = EMPTY;
  #messageLength = 0;
  #fragments = 0;
  #validator: Utf8Validator | undefined;

  constructor(handler: ReceiverHandler, options: ReceiverOptions) {
    this.#handler = handler;
    this.#isServer = options.isServer;
    // Where the limit is lifted, what a string and a buffer can hold remains.
    this.#maxText = Math.min(options.maxPayload, constants.MAX_STRING_LENGTH);
    this.#maxBinary = Math.min(options.maxPayload, constants.MAX_LENGTH);
    this.#maxFragments = options.maxFragments;
  }

  /** Takes the next bytes and reports what they complete. */
  push(chunk: Buffer): void {
    if (this.#isDone) return;
    if (this.#isStopped || this.#isParsing) {
      this.#kept = Buffer.concat([this.#kept, chunk]);
      return;
    }
    if (this.#kept.length === 0) {
      this.#parse(chunk, 0, false);
      return;
    }
    // A header that came in parts is put together by itself, so that the chunk need not be copied.
    const kept = this.#kept.length;
    this.#kept = Buffer.concat([this.#kept, chunk.subarray(0, MAX_HEADER_LENGTH)]);
    const end = this.#readHeader(this.#kept, 0);
    if (end === 0) return;
    this.#kept = EMPTY;
    this.#parse(chunk, end - kept, false);
  }

  /** From now on RSV1 marks a message that is compressed (RFC 7692 section 6). */
  takeCompressed(): void {
    this.#takesCompressed = true;
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

  /** Parses from `start` on and keeps the rest. `isOwn` says that the chunk is memory of ours. */
  #parse(chunk: Buffer, start: number, isOwn: boolean): void {
    for (;;) {
      this.#isParsing = true;
      const offset = this.#parseFrames(chunk, start);
      this.#isParsing = false;
      if (this.#isDone) return;
      const rest = chunk.subarray(offset);
      if (this.#kept.length === 0) {
        // Copied once: a rest that is ours already stays a view, unless it is the beginning of a header.
        if (rest.length > 0) this.#kept = isOwn && rest.length >= MAX_HEADER_LENGTH ? rest : Buffer.from(rest);
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
  #parseFrames(chunk: Buffer, start: number): number {
    const end = chunk.length;
    let offset = start;
    while (!this.#isDone) {
      if (!this.#inFrame) {
        if (offset === end || this.#isStopped) break;
        const payloadStart = this.#readHeader(chunk, offset);
        if (payloadStart === 0) break;
        offset = payloadStart;
      }
      const length = Math.min(end - offset, this.#payloadLength - this.#payloadRead);
      if (length === 0 && this.#payloadLength > 0) break;
      this.#readPayload(chunk, offset, length);
      offset += length;
    }
    return offset;
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
    if (isCompressed && !this.#claims(first)) return this.#failReservedBits(first);
    if (((second & MASK) !== 0) !== this.#isServer) return this.#failMasking();

    let length = second & 0x7f;
    if (opcode >= Opcode.CLOSE) {
      if (opcode > Opcode.PONG) return this.#failOpcode(opcode);
      if (!isFinal) return this.#failFragmentedControlFrame(opcode);
      if (length > MAX_CONTROL_PAYLOAD) return this.#failControlFrameLength(opcode);
    } else if (opcode === Opcode.CONTINUATION) {
      if (this.#messageOpcode === Opcode.CONTINUATION) return this.#failUnexpectedContinuation();
    } else {
      if (opcode > Opcode.BINARY) return this.#failOpcode(opcode);
      if (this.#messageOpcode !== Opcode.CONTINUATION) return this.#failExpectedContinuation(opcode);
    }

    let end = offset + 2;
    if (length === 126) {
      if (available < 4) return 0;
      length = chunk.readUInt16BE(end);
      end += 2;
      if (length < 126) return this.#failLength(length);
    } else if (length === 127) {
      if (available < 10) return 0;
      const high = chunk.readUInt32BE(end);
      const low = chunk.readUInt32BE(end + 4);
      end += 8;
      // Checked before there is any arithmetic with it.
      if (high >= 0x80000000) return this.#failLengthTopBit();
      length = high * 0x100000000 + low;
      if (length <= 0xffff) return this.#failLength(length);
    }

    if (opcode < Opcode.CLOSE) {
      const limit = this.#limit(opcode === Opcode.CONTINUATION ? this.#messageOpcode : opcode);
      if (this.#messageLength + length > limit) return this.#failMessageLength(this.#messageLength + length, limit);
      if (this.#fragments >= this.#maxFragments) return this.#failFragments();
    }

    if (this.#isServer) {
      if (chunk.length - end < 4) return 0;
      this.#maskingKey = chunk.readInt32LE(end);
      end += 4;
    }
    this.#opcode = opcode;
    this.#isFinal = isFinal;
    if (opcode !== Opcode.CONTINUATION && opcode < Opcode.CLOSE) this.#isCompressed = isCompressed;
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
  #readPayload(chunk: Buffer, offset: number, length: number): void {
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
    this.#readPart(chunk, offset, length);
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
    if (mayBeNonAscii && !isUtf8(bytes.subarray(start, end))) {
      this.#failUtf8();
      return;
    }
    // What is ASCII is Latin-1 too, which needs no decoding.
    this.#handler.onText(bytes.toString(mayBeNonAscii ? 'utf8' : 'latin1', start, end));
  }

  /** A part of a message's frame, or a frame that is a part of a message. */
  #readPart(chunk: Buffer, offset: number, length: number): void {
    if (this.#payloadRead === 0 && this.#opcode !== Opcode.CONTINUATION) {
      this.#messageOpcode = this.#opcode;
      if (this.#opcode === Opcode.TEXT && !this.#isCompressed) this.#validator = new Utf8Validator();
    }
    const start = this.#messageLength;
    const end = start + length;
    if (end > this.#message.length) this.#grow(end);
    this.#copyMasked(chunk, offset, length, this.#message, start);
    this.#messageLength = end;
    this.#payloadRead += length;
    if (this.#validator !== undefined && !this.#validator.push(this.#message, start, end)) {
      this.#failUtf8();
      return;
    }
    if (this.#payloadRead < this.#payloadLength) return;
    this.#inFrame = false;
    this.#fragments++;
    if (this.#isFinal) this.#endMessage();
  }

  #endMessage(): void {
    const message = this.#message;
    const length = this.#messageLength;
    const opcode = this.#messageOpcode;
    const validator = this.#validator;
    this.#messageOpcode = Opcode.CONTINUATION;
    this.#message = EMPTY;
    this.#messageLength = 0;
    this.#fragments = 0;
    this.#validator = undefined;
    if (validator === undefined) {
      const data = length === message.length ? message : message.subarray(0, length);
      if (this.#isCompressed) this.#handler.onCompressed(opcode, data);
      else this.#handler.onBinary(data);
    } else if (validator.isComplete) {
      this.#handler.onText(message.toString('utf8', 0, length));
    } else {
      this.#failUtf8();
    }
  }

  /** The largest message of that opcode, in bytes. */
  #limit(opcode: number): number {
    return opcode === Opcode.TEXT ? this.#maxText : this.#maxBinary;
  }

  /** Makes room for `needed` bytes of the message, doubling so that many small parts are not copied over and over. */
  #grow(needed: number): void {
    // Never more than the message can have: beyond what a buffer can hold the allocation would throw.
    const most = this.#isFinal
      ? this.#messageLength + this.#payloadLength - this.#payloadRead
      : this.#limit(this.#messageOpcode);
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(needed, this.#message.length * 2), most));
    this.#message.copy(grown, 0, 0, this.#messageLength);
    this.#message = grown;
  }

  #readControlPayload(chunk: Buffer, offset: number, length: number): void {
    let payload: Buffer;
    if (length === this.#payloadLength) {
      payload = this.#copyPayload(chunk, offset, length);
    } else {
      // At most 125 bytes, whatever was announced.
      if (this.#payloadRead === 0) this.#controlPayload = Buffer.allocUnsafe(this.#payloadLength);
      this.#copyMasked(chunk, offset, length, this.#controlPayload, this.#payloadRead);
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
    const payload = Buffer.allocUnsafe(length);
    this.#copyMasked(chunk, offset, length, payload, 0);
    return payload;
  }

  #copyMasked(chunk: Buffer, offset: number, length: number, target: Buffer, targetStart: number): void {
    if (this.#isServer) mask(chunk, offset, length, target, targetStart, this.#maskingKey, this.#payloadRead);
    else chunk.copy(target, targetStart, offset, offset + length);
  }

  /** Nothing more is read: what was put together so far is let go. */
  #finish(): void {
    this.#isDone = true;
    this.#kept = EMPTY;
    this.#message = EMPTY;
    this.#controlPayload = EMPTY;
    this.#validator = undefined;
  }

  #fail(code: WatershedErrorCode, closeCode: number, message: string): 0 {
    this.#finish();
    this.#handler.onProtocolError(new ProtocolError(code, closeCode, message));
    return 0;
  }

  #failReservedBits(first: number): 0 {
    const names = [first & RSV1 ? 'RSV1' : '', first & RSV2 ? 'RSV2' : '', first & RSV3 ? 'RSV3' : ''];
    return this.#fail(
      'WATERSHED_RESERVED_BITS',
      CloseCode.PROTOCOL_ERROR,
      `RFC 6455 section 5.2: ${names.filter(Boolean).join(', ')} must be 0 in this frame, as far as was negotiated`,
    );
  }

  #failOpcode(opcode: number): 0 {
    return this.#fail(
      'WATERSHED_RESERVED_OPCODE',
      CloseCode.PROTOCOL_ERROR,
      `RFC 6455 section 5.2: the opcode 0x${opcode.toString(16)} is reserved`,
    );
  }

  #failMasking(): 0 {
    return this.#isServer
      ? this.#fail(
          'WATERSHED_UNMASKED_FRAME',
          CloseCode.PROTOCOL_ERROR,
          'RFC 6455 section 5.1: a client masks every frame, this one is not masked',
        )
      : this.#fail(
          'WATERSHED_MASKED_FRAME',
          CloseCode.PROTOCOL_ERROR,
          'RFC 6455 section 5.1: a server masks no frame, this one is masked',
        );
  }

  #failFragmentedControlFrame(opcode: number): 0 {
    return this.#fail(
      'WATERSHED_FRAGMENTED_CONTROL_FRAME',
      CloseCode.PROTOCOL_ERROR,
      `RFC 6455 section 5.5: a control frame must not be fragmented, this one (opcode 0x${opcode.toString(16)}) is`,
    );
  }

  #failControlFrameLength(opcode: number): 0 {
    return this.#fail(
      'WATERSHED_CONTROL_FRAME_TOO_LONG',
      CloseCode.PROTOCOL_ERROR,
      `RFC 6455 section 5.5: a control frame's payload is at most 125 bytes, this one ` +
        `(opcode 0x${opcode.toString(16)}) has more`,
    );
  }

  #failUnexpectedContinuation(): 0 {
    return this.#fail(
      'WATERSHED_UNEXPECTED_CONTINUATION',
      CloseCode.PROTOCOL_ERROR,
      'RFC 6455 section 5.4: a continuation frame came, but there is no message to continue',
    );
  }

  #failExpectedContinuation(opcode: number): 0 {
    return this.#fail(
      'WATERSHED_EXPECTED_CONTINUATION',
      CloseCode.PROTOCOL_ERROR,
      `RFC 6455 section 5.4: a new message (opcode 0x${opcode.toString(16)}) began before the last one was complete`,
    );
  }

  #failLength(length: number): 0 {
    return this.#fail(
      'WATERSHED_INVALID_LENGTH',
      CloseCode.PROTOCOL_ERROR,
      `RFC 6455 section 5.2: a length is written in the fewest bytes, ${String(length)} is not`,
    );
  }

  #failLengthTopBit(): 0 {
    return this.#fail(
      'WATERSHED_INVALID_LENGTH',
      CloseCode.PROTOCOL_ERROR,
      'RFC 6455 section 5.2: the most significant bit of a 64-bit length must be 0',
    );
  }

  #failMessageLength(length: number, limit: number): 0 {
    return this.#fail(
      'WATERSHED_MESSAGE_TOO_BIG',
      CloseCode.TOO_BIG,
      `maxPayload: a message may have at most ${String(limit)} bytes, this one has at least ${String(length)} ` +
        '(RFC 6455 section 10.4)',
    );
  }

  #failFragments(): 0 {
    return this.#fail(
      'WATERSHED_TOO_MANY_FRAGMENTS',
      CloseCode.POLICY_VIOLATION,
      `maxFragments: a message may have at most ${String(this.#maxFragments)} frames, this one has more ` +
        '(RFC 6455 section 10.4)',
    );
  }

  #failUtf8(): void {
    this.#finish();
    this.#handler.onProtocolError(invalidUtf8());
  }
}

/** The error for a text message that is not UTF-8. */
export function invalidUtf8(): ProtocolError {
  return new ProtocolError(
    'WATERSHED_INVALID_UTF8',
    CloseCode.MALFORMED,
    'RFC 6455 section 8.1: a text message is UTF-8, this one is not',
  );
}
