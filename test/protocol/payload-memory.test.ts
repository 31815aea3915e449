import { describe, expect, it } from 'vitest';
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
} from '../../src/protocol/payload-memory.js';

const KIB = 1024;
const LENGTHS = [0, 1, 63, 64, 65, 66, 1023, 1024, 1025, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 100 * KIB];

/** Whether somebody who transfers a message to a thread takes away the memory around it. */
function canBeTransferred(buffer: Buffer): boolean {
  try {
    structuredClone(buffer, { transfer: [buffer.buffer as ArrayBuffer] });
  } catch {
    // Newer versions of Node refuse it, older ones make a copy.
  }
  return buffer.buffer.byteLength === 0;
}

describe('memory for a message', () => {
  it.each(LENGTHS)('has %i bytes, and shares them with nobody', (length) => {
    const payloads = Array.from({ length: 20 }, (_, index) => allocatePayload(length).fill(index + 1));
    for (const [index, payload] of payloads.entries()) {
      expect(payload.length).toBe(length);
      expect(payload.equals(Buffer.alloc(length, index + 1))).toBe(true);
    }
  });

  it('is an ArrayBuffer of its own where that is cheap, or where the message is large', () => {
    for (const length of [1, 64, 16 * KIB, 100 * KIB]) {
      expect(allocatePayload(length).buffer.byteLength).toBe(length);
    }
  });

  it('is a part of the pool of Node where it is short', () => {
    expect(allocatePayload(500).buffer.byteLength).toBeGreaterThan(4 * KIB);
  });

  it('is shared from 1 KiB on, in words, and cannot be transferred then', () => {
    const first = allocatePayload(2 * KIB + 1);
    const second = allocatePayload(2 * KIB);
    expect(first.buffer.byteLength).toBe(64 * KIB);
    expect(second.buffer === first.buffer || second.byteOffset === 0).toBe(true);
    for (let i = 0; i < 40; i++) expect(allocatePayload(2 * KIB + i).byteOffset % 8).toBe(0);
    expect(canBeTransferred(first)).toBe(false);
  });

  it('is used to its end before there is more', () => {
    // Until one begins a new piece.
    while (allocatePayload(8 * KIB).byteOffset !== 0);
    const offsets = Array.from({ length: 8 }, () => allocatePayload(8 * KIB).byteOffset / KIB);
    expect(offsets).toEqual([8, 16, 24, 32, 40, 48, 56, 0]);
  });

  it('is where isPooled and isShared say', () => {
    expect(LENGTHS.filter(isPooled)).toEqual([65, 66, 1023]);
    expect(LENGTHS.filter(isShared)).toEqual([1024, 1025, 16 * KIB - 1]);
  });
});

describe('a copy', () => {
  const chunk = Buffer.from(Array.from({ length: 200 * KIB }, (_, index) => index % 251));

  it.each(LENGTHS)('of %i bytes of a chunk is what was there, and no view', (length) => {
    for (const copy of [copyPayload(chunk, 7, length), copyToArrayBuffer(chunk, 7, length)]) {
      expect(copy.equals(chunk.subarray(7, 7 + length))).toBe(true);
      expect(copy.buffer).not.toBe(chunk.buffer);
    }
    expect(copyToArrayBuffer(chunk, 7, length).buffer.byteLength).toBe(length);
  });

  it('of short neighbours lies in the pool, which goes to no thread', () => {
    const copy = copyTogether(chunk, 7, MIN_UNPOOLED - 1);
    expect(copy.equals(chunk.subarray(7, 7 + copy.length))).toBe(true);
    expect(copy.length).toBe(MIN_UNPOOLED - 1);
    // Node 26 has a few bytes more.
    expect(copy.buffer.byteLength).toBeGreaterThanOrEqual(Buffer.poolSize);
    expect(canBeTransferred(copy)).toBe(false);
  });
});

describe('a view', () => {
  it('is the Buffer that `subarray` makes', () => {
    const memory = Buffer.from(new ArrayBuffer(64)).fill('abcdefgh');
    const view = viewOf(memory.buffer, 3, 10);
    expect(view).toStrictEqual(memory.subarray(3, 13));
    expect(Object.getPrototypeOf(view)).toBe(Buffer.prototype);
    expect([view.buffer, view.byteOffset, view.length]).toEqual([memory.buffer, 3, 10]);
  });

  it('of a chunk that is shared cannot be transferred any more', () => {
    const chunk = Buffer.from(new ArrayBuffer(64));
    expect(shareChunk(chunk)).toBe(chunk.buffer);
    expect(canBeTransferred(chunk)).toBe(false);
  });
});
