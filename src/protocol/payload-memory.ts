/**
 * The memory of binary messages that are given away: each message is a copy, so that it never keeps a socket's buffer.
 *
 * An ArrayBuffer outside V8's heap costs up to 5 µs to make and to collect, whatever its size, so messages share it,
 * unless they are large: a message of 4 KiB takes 0.5 µs then. One that is kept keeps what it shares.
 */
import { markAsUntransferable } from 'node:worker_threads';

/** Arrays up to this many bytes live in V8's heap: the cheapest of all, and kept they keep nothing else. */
const MAX_HEAP_ARRAY = 64;

/** From here on Node's own pool of 8 KiB is too small to be shared by many. */
const SLAB_FROM = 1024;
/** Nothing lies in it from half of its length on. */
export const MIN_UNPOOLED = 4 * 1024;
const SLAB_LENGTH = 64 * 1024;
/** From here on a message has memory of its own. */
const SLAB_BELOW = 16 * 1024;

let slab = Buffer.alloc(0);
let slabUsed = 0;

/**
 * The constructor that a TypedArray's own methods make a Buffer with (ECMA-262 section 23.2.4.1), called as they call it.
 * Buffer's methods look up each time what is known here: a view takes 40 ns so, with `subarray` 110.
 */
const BufferView = (Buffer as unknown as BufferSpecies)[Symbol.species];

interface BufferSpecies {
  readonly [Symbol.species]: new (memory: ArrayBufferLike, byteOffset: number, length: number) => Buffer;
}

/** A part of an ArrayBuffer as a Buffer. */
export function viewOf(memory: ArrayBufferLike, byteOffset: number, length: number): Buffer {
  return new BufferView(memory, byteOffset, length);
}

/** Memory for a message. What is in it is left-overs. */
export function allocatePayload(length: number): Buffer {
  if (length <= MAX_HEAP_ARRAY) return Buffer.alloc(length);
  if (!isShared(length)) return length < SLAB_FROM ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
  if (slabUsed + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_LENGTH);
    // As Node's own pool is: whoever transfers one message to a thread must not take its neighbours along.
    markAsUntransferable(slab.buffer);
    slabUsed = 0;
  }
  const payload = slab.subarray(slabUsed, slabUsed + length);
  // Whole words, so that the next one is aligned.
  slabUsed += (length + 7) & ~7;
  return payload;
}

/** A part of a chunk, in memory of its own or shared with other messages. */
export function copyPayload(chunk: Buffer, start: number, length: number): Buffer {
  // The method of Uint8Array copies; that of Buffer, of the same name, does not.
  if (length <= MAX_HEAP_ARRAY) return Uint8Array.prototype.slice.call(chunk, start, start + length) as Buffer;
  const copy = allocatePayload(length);
  chunk.copy(copy, 0, start, start + length);
  return copy;
}

/** Short neighbours, of less than {@link MIN_UNPOOLED} bytes in all, in Node's pool. */
export function copyTogether(chunk: Buffer, start: number, length: number): Buffer {
  const copy = Buffer.allocUnsafe(length);
  chunk.copy(copy, 0, start, start + length);
  return copy;
}

/** Whether a message of that length lies in Node's pool. */
export function isPooled(length: number): boolean {
  return length > MAX_HEAP_ARRAY && length < SLAB_FROM;
}

/** Whether a message of that length shares an ArrayBuffer with a few others. */
export function isShared(length: number): boolean {
  return length >= SLAB_FROM && length < SLAB_BELOW;
}

/**
 * The memory of a chunk of which messages become a part: they are written back to it, unmasked, so that they share it and
 * need no memory that was not in use a moment ago. Receiving 4 KiB takes 1.6 times less so.
 */
export function shareChunk(chunk: Buffer): ArrayBufferLike {
  const { buffer } = chunk;
  markAsUntransferable(buffer);
  return buffer;
}

/** A part of a chunk, in an ArrayBuffer of exactly its length. */
export function copyToArrayBuffer(chunk: Buffer, start: number, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length);
  chunk.copy(copy, 0, start, start + length);
  return copy;
}
