import { describe, expect, it } from 'vitest';
import {
  allocatePayload,
  copyPayload,
  copyToArrayBuffer,
  isPooled,
  isShared,
  putBack,
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

  it('that is put back lies in the chunk, which cannot be transferred any more', () => {
    const mine = Buffer.from(new ArrayBuffer(64));
    const payload = putBack(chunk, 3, 10, mine, 20);
    expect(payload.equals(chunk.subarray(3, 13))).toBe(true);
    expect([payload.buffer, payload.byteOffset, payload.length]).toEqual([mine.buffer, 20, 10]);
    expect(mine.subarray(0, 20).equals(Buffer.alloc(20))).toBe(true);
    expect(mine.subarray(30).equals(Buffer.alloc(34))).toBe(true);
    expect(canBeTransferred(mine)).toBe(false);
  });
});
