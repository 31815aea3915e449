import { describe, expect, it } from 'vitest';
import { MessageBuffer } from '../../src/protocol/message-buffer.js';

const KIB = 1024;

const chunkOf = (length: number): Buffer => Buffer.from(new ArrayBuffer(length));

describe('a part of a message', () => {
  it('is kept as it is when it is long, and most of what it would keep', () => {
    const buffer = new MessageBuffer();
    expect(buffer.isKeeping(chunkOf(4 * KIB), 4 * KIB)).toBe(true);
    expect(buffer.isKeeping(chunkOf(4 * KIB), 4 * KIB - 1)).toBe(false);
    expect(buffer.isKeeping(chunkOf(64 * KIB), 16 * KIB)).toBe(true);
    expect(buffer.isKeeping(chunkOf(64 * KIB + 1), 16 * KIB)).toBe(false);
  });

  it('is kept beside another one of the same chunk', () => {
    const buffer = new MessageBuffer();
    const chunk = chunkOf(64 * KIB);
    buffer.keep(chunk, 0, 16 * KIB, 0);
    expect(buffer.isKeeping(chunk, 4 * KIB)).toBe(true);
    expect(buffer.isKeeping(chunk, 4 * KIB - 1)).toBe(false);
    expect(buffer.isKeeping(chunkOf(64 * KIB), 4 * KIB)).toBe(false);
  });

  it('is copied when there is room for the whole message', () => {
    const buffer = new MessageBuffer();
    buffer.reserve(20 * KIB, 36 * KIB, true);
    buffer.wrote(20 * KIB);
    expect(buffer.isKeeping(chunkOf(16 * KIB), 16 * KIB)).toBe(false);
  });
});

describe('what was kept and what was copied', () => {
  it('is joined in its order, and a block goes on behind what was kept', () => {
    const buffer = new MessageBuffer();
    const copy = (text: string): void => {
      expect(buffer.reserve(text.length, 100, false)).toBe(text.length);
      buffer.block.write(text, buffer.used);
      buffer.wrote(text.length);
    };
    copy('abcd');
    copy('ef');
    const { block } = buffer;
    buffer.keep(Buffer.from('..ghi..'), 2, 3, 0);
    copy('jk');
    // The first byte of the key is the lowest.
    buffer.keep(Buffer.from([0x6c ^ 1, 0x6d ^ 2]), 0, 2, 0x0201);
    expect(buffer.block).toBe(block);
    expect(buffer.length).toBe(13);
    expect(buffer.take().toString()).toBe('abcdefghijklm');
  });

  it('goes to the memory of the whole once half of that has come', () => {
    const buffer = new MessageBuffer();
    buffer.keep(Buffer.from('abcd'), 0, 4, 0);
    expect(buffer.reserve(2, 10, true)).toBe(2);
    expect([buffer.block.length, buffer.used]).toEqual([10, 4]);
    buffer.block.write('efghij', buffer.used);
    buffer.wrote(6);
    expect(buffer.take()).toBe(buffer.block);
    expect(buffer.block.toString()).toBe('abcdefghij');
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
