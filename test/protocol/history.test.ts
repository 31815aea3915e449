import { describe, expect, it } from 'vitest';
import { History } from '../../src/protocol/history.js';

/** Bytes that occur nowhere else, to see where each has gone. */
function counting(from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset < length; offset++) bytes[offset] = (from + offset) % 251;
  return bytes;
}

/** The bytes of memory that a history holds. */
function memoryOf(history: History): number {
  return history.bytes.buffer.byteLength;
}

describe('a history', () => {
  it.each([1, 7, 100, 255, 256, 257, 1000])('is the last 256 bytes of messages of up to %i bytes', (longest) => {
    const history = new History(256);
    let all = Buffer.alloc(0);
    for (let index = 0; index < 300; index++) {
      const message = counting(all.length, (index * 37) % (longest + 1));
      history.push(message);
      all = Buffer.concat([all, message]);
      expect(history.bytes).toEqual(all.subarray(-256));
    }
  });

  it('says what it would be after further messages, and stays what it is', () => {
    const history = new History(256);
    expect(history.with([counting(0, 10)])).toEqual(counting(0, 10));
    history.push(counting(0, 200));
    expect(history.with([counting(200, 50), counting(250, 300)])).toEqual(counting(0, 550).subarray(-256));
    expect(history.bytes).toEqual(counting(0, 200));
  });

  it('holds the length of the first message, and never more than its size and an eighth', () => {
    const history = new History(256);
    expect(history.bytes).toHaveLength(0);
    history.push(counting(0, 50));
    expect(memoryOf(history)).toBe(50);
    for (let index = 0; index < 1_000; index++) {
      history.push(counting(index, index % 400));
      expect(memoryOf(history)).toBeLessThanOrEqual(288);
    }
  });

  it('copies what it is given', () => {
    const history = new History(256);
    const message = counting(0, 100);
    history.push(message);
    message.fill(0);
    expect(history.bytes).toEqual(counting(0, 100));
  });
});
