/**
 * Frames as the raw peer writes and reads them (RFC 6455 section 5.2): any bits can be sent, and what comes in is
 * reported as it stood on the wire. It imports nothing from src/, so that it is a second opinion on the framing.
 */

import { randomBytes } from 'node:crypto';

export const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** A frame to send, or a whole message or control frame that is expected back. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly fin: boolean;
  /** RSV1, RSV2 and RSV3 as one number: 4, 2 and 1. */
  readonly rsv: number;
}

/** A frame that came in, its payload unmasked. */
export interface ReceivedFrame extends Frame {
  readonly isMasked: boolean;
  /** Whether the payload length was written in the shortest form, as section 5.2 demands. */
  readonly isLengthMinimal: boolean;
}

type Payload = string | Buffer;
type Bits = Partial<Pick<Frame, 'fin' | 'rsv'>>;

export function frame(opcode: number, payload: Payload, { fin = true, rsv = 0 }: Bits = {}): Frame {
  return { opcode, payload: typeof payload === 'string' ? Buffer.from(payload) : payload, fin, rsv };
}

export const text = (payload: Payload, bits?: Bits): Frame => frame(opcodes.text, payload, bits);
export const binary = (payload: Payload, bits?: Bits): Frame => frame(opcodes.binary, payload, bits);
export const continuation = (payload: Payload, bits?: Bits): Frame => frame(opcodes.continuation, payload, bits);
export const ping = (payload: Payload, bits?: Bits): Frame => frame(opcodes.ping, payload, bits);
export const pong = (payload: Payload, bits?: Bits): Frame => frame(opcodes.pong, payload, bits);

/** A CLOSE frame; an empty one if there is no code. Codes and reasons that the RFC forbids are written all the same. */
export function close(code?: number, reason: Payload = ''): Frame {
  if (code === undefined) {
    return frame(opcodes.close, '');
  }
  const statusCode = Buffer.alloc(2);
  statusCode.writeUInt16BE(code);
  return frame(opcodes.close, Buffer.concat([statusCode, Buffer.from(reason)]));
}

/**
 * One message in fragments of `size` octets. A message whose length is a multiple of `size` ends with an empty frame;
 * one that is not longer than `size` is not fragmented.
 */
export function fragments(message: Frame, size: number): Frame[] {
  const { payload } = message;
  if (payload.length <= size) {
    return [message];
  }
  const frames: Frame[] = [];
  for (let offset = 0; offset <= payload.length; offset += size) {
    // What the first frame says of the message, the others do not say again: its opcode, and its reserved bits.
    const { opcode, rsv } = offset === 0 ? message : { opcode: opcodes.continuation, rsv: 0 };
    frames.push(frame(opcode, payload.subarray(offset, offset + size), { fin: offset + size > payload.length, rsv }));
  }
  return frames;
}

/** The octets of a frame, the length in its shortest form; masked with a random key if `isMasked`. */
export function encodeFrame({ opcode, payload, fin, rsv }: Frame, isMasked: boolean): Buffer {
  const header = Buffer.alloc(10);
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  let headerLength = 2;
  if (payload.length < 126) {
    header[1] = payload.length;
  } else if (payload.length < 65536) {
    header[1] = 126;
    headerLength = header.writeUInt16BE(payload.length, 2);
  } else {
    header[1] = 127;
    headerLength = header.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  if (!isMasked) {
    return Buffer.concat([header.subarray(0, headerLength), payload]);
  }
  header[1] |= 0x80;
  const maskingKey = randomBytes(4);
  return Buffer.concat([header.subarray(0, headerLength), maskingKey, masked(payload, maskingKey)]);
}

/** Reads frames from a stream of octets, however it was cut. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;
  #lengthNeeded = 2;

  /** Whether octets of an unfinished frame are left. */
  get isInFrame(): boolean {
    return this.#length > 0;
  }

  /** Takes octets in, and gives the frames that are complete with them. */
  read(chunk: Buffer): ReceivedFrame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: ReceivedFrame[] = [];
    if (this.#length < this.#lengthNeeded) {
      return frames;
    }
    let bytes = Buffer.concat(this.#chunks);
    for (;;) {
      const layout = frameLayout(bytes);
      this.#lengthNeeded = layout.length;
      if (bytes.length < layout.length) {
        this.#chunks = [bytes];
        this.#length = bytes.length;
        return frames;
      }
      frames.push(decodeFrame(bytes.subarray(0, layout.length), layout.payloadOffset));
      bytes = bytes.subarray(layout.length);
    }
  }
}

/** Where the payload starts, and the frame's length as far as the octets tell: ask again when that many are there. */
function frameLayout(bytes: Buffer): { payloadOffset: number; length: number } {
  if (bytes.length < 2) {
    return { payloadOffset: 2, length: 2 };
  }
  const length7 = bytes.readUInt8(1) & 0x7f;
  const lengthOctets = length7 === 126 ? 2 : length7 === 127 ? 8 : 0;
  const payloadOffset = 2 + lengthOctets + (bytes.readUInt8(1) & 0x80 ? 4 : 0);
  if (bytes.length < payloadOffset) {
    return { payloadOffset, length: payloadOffset };
  }
  return { payloadOffset, length: payloadOffset + payloadLength(bytes) };
}

function payloadLength(bytes: Buffer): number {
  const length7 = bytes.readUInt8(1) & 0x7f;
  return length7 === 126 ? bytes.readUInt16BE(2) : length7 === 127 ? Number(bytes.readBigUInt64BE(2)) : length7;
}

function decodeFrame(bytes: Buffer, payloadOffset: number): ReceivedFrame {
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  const length7 = second & 0x7f;
  const isMasked = (second & 0x80) !== 0;
  const payload = bytes.subarray(payloadOffset);
  return {
    fin: (first & 0x80) !== 0,
    rsv: (first >> 4) & 0x7,
    opcode: first & 0xf,
    isMasked,
    isLengthMinimal: length7 < 126 || payload.length > (length7 === 126 ? 125 : 65535),
    payload: isMasked ? masked(payload, bytes.subarray(payloadOffset - 4, payloadOffset)) : payload,
  };
}

/** Masks or unmasks, octet by octet as RFC 6455 section 5.3 writes it down. */
function masked(payload: Buffer, maskingKey: Buffer): Buffer {
  const result = Buffer.alloc(payload.length);
  for (let i = 0; i < payload.length; i += 1) {
    result[i] = (payload[i] ?? 0) ^ (maskingKey[i % 4] ?? 0);
  }
  return result;
}
