import { describe, expect, it } from 'vitest';
import { acquireBuffer, MAX_BATCH, MIN_BATCH, releaseBuffer } from '../../src/connection/buffer-pool.js';

describe('the buffer pool', () => {
  it('gives a buffer of at least the size that was asked for, a power of two, 2 to 64 KiB', () => {
    expect([1, MIN_BATCH, MIN_BATCH + 1, 30_000, MAX_BATCH].map((size) => acquireBuffer(size).length)).toEqual([
      2048, 2048, 4096, 32_768, 65_536,
    ]);
  });

  it('gives a buffer that was released again, and to nobody else meanwhile', () => {
    const buffer = acquireBuffer(10_000);
    expect(acquireBuffer(10_000)).not.toBe(buffer);
    releaseBuffer(buffer);
    expect(acquireBuffer(10_000)).toBe(buffer);
    expect(acquireBuffer(10_000)).not.toBe(buffer);
  });

  it('keeps a bounded amount of what is released at once', () => {
    const released = new Set(Array.from({ length: 100 }, () => acquireBuffer(MAX_BATCH)));
    for (const buffer of released) releaseBuffer(buffer);
    const kept = Array.from({ length: 100 }, () => acquireBuffer(MAX_BATCH)).filter((buffer) => released.has(buffer));
    expect(kept).toHaveLength(8);
  });

  it('does not take a buffer of another size', () => {
    const foreign = Buffer.allocUnsafeSlow(3000);
    releaseBuffer(foreign);
    expect(acquireBuffer(3000)).not.toBe(foreign);
  });
});
