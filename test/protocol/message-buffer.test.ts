import { describe, expect, it } from 'vitest';
import { MessageBuffer } from '../../src/protocol/message-buffer.js';

const KIB = 1024;

const chunkOf = (length: number): Buffer => Buffer.from(new ArrayBuffer(length));

describe('a part of a message', () => {
  it('is kept as it is when it is long, and most of what it would keep', () => {
    const buffer = new MessageBuffer();
    expect(buffer.isKeeping(chunkOf(16 * KIB), 16 * KIB)).toBe(true);
    expect(buffer.isKeeping(chunkOf(16 * KIB), 16 * KIB - 1)).toBe(false);
    expect(buffer.isKeeping(chunkOf(64 * KIB), 16 * KIB)).toBe(true);
    expect(buffer.isKeeping(chunkOf(64 * KIB + 1), 16 * KIB)).toBe(false);
  });

  it('is copied while there is room for it', () => {
    const buffer = new MessageBuffer();
    // More than half of the message: there is room for all of it.
    buffer.reserve(20 * KIB, 36 * KIB, true);
    buffer.wrote(20 * KIB);
    expect(buffer.isKeeping(chunkOf(16 * KIB), 16 * KIB)).toBe(false);
    expect(buffer.isKeeping(chunkOf(16 * KIB + 1), 16 * KIB + 1)).toBe(true);
  });
});

describe('the room for the next bytes', () => {
  it('is that of the whole message once half of it has come', () => {
    const buffer = new MessageBuffer();
    expect(buffer.reserve(10, 20, true)).toBe(10);
    expect(buffer.block.length).toBe(20);
  });

  it('is that of what has come, before that or where the length is not known', () => {
    for (const [most, isKnown] of [[21, true], [20, false]] as const) {
      const buffer = new MessageBuffer();
      expect(buffer.reserve(10, most, isKnown)).toBe(10);
      expect(buffer.block.length).toBe(10);
    }
  });

  it('doubles, up to 64 KiB, and never beyond what the message can have', () => {
    const buffer = new MessageBuffer();
    const sizes: number[] = [];
    for (let i = 0; i < 12; i++) {
      buffer.reserve(KIB, 300 * KIB, false);
      sizes.push(buffer.block.length / KIB);
      buffer.wrote(buffer.block.length - buffer.used);
    }
    expect(sizes).toEqual([1, 1, 2, 4, 8, 16, 32, 64, 64, 64, 44, 0]);
  });

  it('is what is left of a block, if that is less than is wanted', () => {
    const buffer = new MessageBuffer();
    buffer.reserve(10, 100, false);
    buffer.wrote(8);
    expect(buffer.reserve(10, 100, false)).toBe(2);
    expect([buffer.length, buffer.used]).toEqual([8, 8]);
  });
});
