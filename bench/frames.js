/** Frames of RFC 6455 as the load needs them: written beforehand, and read once to see what has come back. */
import { randomBytes } from 'node:crypto';

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;

const FIN = 0x80;
const RSV1 = 0x40;
const MASKED = 0x80;

/**
 * @param {{ opcode: number, payload: Buffer, masked: boolean, fin?: boolean, rsv1?: boolean }} frame
 * @returns {Buffer}
 */
export function makeFrame({ opcode, payload, masked, fin = true, rsv1 = false }) {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const bytes = Buffer.alloc(2 + lengthBytes + (masked ? 4 : 0) + length);
  bytes[0] = (fin ? FIN : 0) | (rsv1 ? RSV1 : 0) | opcode;
  bytes[1] = (masked ? MASKED : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) bytes.writeUInt16BE(length, 2);
  if (lengthBytes === 8) bytes.writeBigUInt64BE(BigInt(length), 2);
  const start = bytes.length - length;
  payload.copy(bytes, start);
  if (masked) {
    const key = randomBytes(4);
    key.copy(bytes, start - 4);
    for (let offset = 0; offset < length; offset++) bytes[start + offset] ^= key[offset % 4];
  }
  return bytes;
}

/**
 * A message in this many frames.
 * @param {{ opcode: number, payload: Buffer, masked: boolean }} message
 * @param {number} fragments
 */
export function makeFragments({ opcode, payload, masked }, fragments) {
  const size = Math.ceil(payload.length / fragments);
  return Buffer.concat(Array.from({ length: fragments }, (_, index) => makeFrame({
    opcode: index === 0 ? opcode : CONTINUATION,
    payload: payload.subarray(index * size, (index + 1) * size),
    masked,
    fin: index === fragments - 1,
  })));
}

/** How many bytes a frame has with a payload of this length. */
export function frameLength(length, masked) {
  return 2 + (length < 126 ? 0 : length < 65_536 ? 2 : 8) + (masked ? 4 : 0) + length;
}

/**
 * The whole frames that these bytes begin with, unmasked.
 * @param {Buffer} bytes
 */
export function readFrames(bytes) {
  const frames = [];
  let offset = 0;
  while (bytes.length - offset >= 2) {
    const masked = (bytes[offset + 1] & MASKED) !== 0;
    let length = bytes[offset + 1] & 0x7f;
    let start = offset + 2;
    if (length === 126) {
      if (start + 2 > bytes.length) break;
      length = bytes.readUInt16BE(start);
      start += 2;
    } else if (length === 127) {
      if (start + 8 > bytes.length) break;
      length = Number(bytes.readBigUInt64BE(start));
      start += 8;
    }
    if (masked) start += 4;
    if (start + length > bytes.length) break;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (masked) for (let index = 0; index < length; index++) payload[index] ^= bytes[start - 4 + (index % 4)];
    frames.push({
      fin: (bytes[offset] & FIN) !== 0,
      rsv1: (bytes[offset] & RSV1) !== 0,
      opcode: bytes[offset] & 0x0f,
      payload,
    });
    offset = start + length;
  }
  return frames;
}

/** Counts whole frames in a stream of chunks, by their headers alone. */
export class FrameCounter {
  #header = Buffer.alloc(14);
  #headerLength = 0;
  #payloadLeft = 0;

  /**
   * @param {Buffer} chunk
   * @returns {number}  how many frames ended in it
   */
  push(chunk) {
    let frames = 0;
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#payloadLeft > 0) {
        const skipped = Math.min(this.#payloadLeft, chunk.length - offset);
        this.#payloadLeft -= skipped;
        offset += skipped;
        if (this.#payloadLeft === 0) frames++;
        continue;
      }
      this.#header[this.#headerLength++] = chunk[offset++];
      if (this.#headerLength < 2 || this.#headerLength < this.#wholeHeader()) continue;
      const short = this.#header[1] & 0x7f;
      this.#payloadLeft = short < 126
        ? short
        : short === 126 ? this.#header.readUInt16BE(2) : Number(this.#header.readBigUInt64BE(2));
      this.#headerLength = 0;
      if (this.#payloadLeft === 0) frames++;
    }
    return frames;
  }

  #wholeHeader() {
    return frameLength(0, (this.#header[1] & MASKED) !== 0) + [0, 2, 8][Math.max((this.#header[1] & 0x7f) - 125, 0)];
  }
}
