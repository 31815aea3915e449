/**
 * The conversions of Web IDL that the WHATWG face needs (Web IDL section 3.2): from any value to what an operation is
 * declared to take. They know no socket.
 */
import { Blob } from 'node:buffer';
import { types, toUSVString as replaceLoneSurrogates } from 'node:util';

/** Web IDL section 3.2.10: a Symbol throws TypeError. */
export function toDOMString(value: unknown): string {
  // String() does not throw for a Symbol; joining strings does.
  return typeof value === 'string' ? value : ''.concat(value as string);
}

/** Web IDL section 3.2.12: lone surrogates become U+FFFD. */
export function toUSVString(value: unknown): string {
  return replaceLoneSurrogates(toDOMString(value));
}

/** `[Clamp] unsigned short` (Web IDL section 3.2.4.9): 0 to 65535, rounded to the nearest, halves to the even one. */
export function clampToUnsignedShort(value: unknown): number {
  const number = toNumber(value);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 0xffff);
  const floor = Math.floor(clamped);
  const rest = clamped - floor;
  if (rest < 0.5) return floor;
  return rest > 0.5 || floor % 2 === 1 ? floor + 1 : floor;
}

/** `unsigned short` (Web IDL section 3.2.4.9): an integer, modulo 65536. */
export function toUnsignedShort(value: unknown): number {
  return toNumber(value) & 0xffff;
}

/** ECMAScript's ToNumber, which throws TypeError for a BigInt or a Symbol, where Number() takes a BigInt. */
function toNumber(value: unknown): number {
  return Math.max(value as number);
}

/** `(DOMString or sequence<DOMString>)`: a string, or the strings of any iterable object (Web IDL section 3.2.24). */
export function toProtocols(value: unknown): string[] {
  if (!isIterableObject(value)) return [toDOMString(value)];
  return Array.from(value, toDOMString);
}

export function isIterableObject(value: unknown): value is Iterable<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const method: unknown = (value as Partial<Iterable<unknown>>)[Symbol.iterator];
  if (method === undefined || method === null) return false;
  if (typeof method !== 'function') throw new TypeError('Symbol.iterator must be a function');
  return true;
}

const NO_BYTES = new Uint8Array(0);

/** `(BufferSource or Blob or USVString)`: what `send` takes. The bytes are not copied. */
export function toMessage(value: unknown): string | Uint8Array | Blob {
  if (typeof value === 'string') return value;
  if (ArrayBuffer.isView(value)) {
    const buffer = checkBuffer(value.buffer);
    // A detached buffer has no bytes, and no view of it can be made.
    if (buffer.byteLength === 0) return NO_BYTES;
    return new Uint8Array(buffer, value.byteOffset, value.byteLength);
  }
  if (types.isAnyArrayBuffer(value)) {
    const buffer = checkBuffer(value);
    return buffer.byteLength === 0 ? NO_BYTES : new Uint8Array(buffer);
  }
  if (value instanceof Blob) return value;
  return toDOMString(value);
}

/** Web IDL section 3.2.25: without [AllowShared] or [AllowResizable] neither is allowed. */
function checkBuffer(buffer: ArrayBufferLike): ArrayBuffer {
  if (types.isSharedArrayBuffer(buffer)) throw new TypeError('data must not be backed by a SharedArrayBuffer');
  // Not in the types of ES2023.
  if ((buffer as { readonly resizable?: boolean }).resizable === true) {
    throw new TypeError('data must not be backed by a resizable ArrayBuffer');
  }
  return buffer;
}
