/**
 * The memory in which frames are put together before they are written: buffers of 2 to 64 KiB, used again and again.
 */

export const MIN_BATCH = 2 * 1024;
export const MAX_BATCH = 64 * 1024;

/** So much of each size is kept; what is released beyond it is left to the garbage collector. */
const KEPT_BYTES = 512 * 1024;

/** The free buffers, by their size as a power of two. */
const free = new Map<number, Buffer[]>();
for (let size = MIN_BATCH; size <= MAX_BATCH; size *= 2) free.set(size, []);

/** A buffer of at least `size` bytes, which must not be more than `MAX_BATCH`. Its contents are left-overs. */
export function acquireBuffer(size: number): Buffer {
  let capacity = MIN_BATCH;
  while (capacity < size) capacity *= 2;
  return free.get(capacity)?.pop() ?? Buffer.allocUnsafeSlow(capacity);
}

/** Gives a buffer back that nobody refers to any more. */
export function releaseBuffer(buffer: Buffer): void {
  const buffers = free.get(buffer.length);
  if (buffers !== undefined && (buffers.length + 1) * buffer.length <= KEPT_BYTES) buffers.push(buffer);
}
