/**
 * The receiver's and the sender's work on many bytes at once, in WebAssembly (wasm/frames.ts): unmasking, finding the
 * whole messages in what was read, decoding UTF-8. It knows what a plain message looks like and nothing else of the
 * protocol.
 *
 * Messages of 32 bytes take a quarter of the time that JavaScript takes for them, unmasking 64 KiB a third. The memory is
 * one for all connections: what is read out of it is copied, and whoever reads has it to itself.
 */
import { WASM_MODULE } from './wasm-module.js';

/** The most bytes that the scanner takes at once. */
export const SCAN_CAPACITY = 64 * 1024;

/** The bits of a message's kind, which stand below its length in the table. */
export const IS_BINARY = 1;
export const IS_ASCII = 2;
export const KIND_BITS = 2;

/** The most bytes of UTF-8 that are decoded at once. */
export const DECODE_CAPACITY = 16 * 1024;

/** The table has three words for each message: the address of its payload, its length and kind, and its end. */
export const ENTRY_WORDS = 3;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Where in memory the input is, what is to be masked, and what is to be decoded. */
  readonly INPUT: { readonly value: number };
  readonly MASKING: { readonly value: number };
  readonly DECODING: { readonly value: number };
  scan(offset: number, end: number, isMasked: boolean, maxPayload: number): number;
  mask(length: number, key: number): number;
  decode(address: number, length: number): number;
}

export class FrameScanner {
  /** All of the memory, for the payloads that the table leads to. */
  readonly memory: Buffer;
  /** Where the last scan stopped, and from {@link ENTRY_WORDS} on its messages. */
  readonly table: Int32Array;
  /** Whether somebody reads the table: a listener may feed another connection meanwhile, which must not change it. */
  isTaken = false;

  readonly #exports: Exports;
  readonly #input: Uint8Array;
  readonly #masking: Uint8Array;

  constructor(exports: Exports) {
    this.#exports = exports;
    const { buffer } = exports.memory;
    this.memory = Buffer.from(buffer);
    this.table = new Int32Array(buffer, 0, exports.INPUT.value >>> 2);
    this.#input = new Uint8Array(buffer, exports.INPUT.value, SCAN_CAPACITY);
    this.#masking = new Uint8Array(buffer, exports.MASKING.value, SCAN_CAPACITY);
  }

  /** Takes what was read: at most {@link SCAN_CAPACITY} bytes. */
  load(bytes: Uint8Array): void {
    this.#input.set(bytes);
  }

  /**
   * Finds whole, unfragmented messages of at most `maxPayload` bytes in what was loaded, from `offset` on. It stops at
   * whatever else it finds.
   * @returns how many there are in the table
   */
  scan(offset: number, end: number, isMasked: boolean, maxPayload: number): number {
    return this.#exports.scan(offset, end, isMasked, maxPayload);
  }

  /**
   * Writes `source` XORed with the key to `target`, which may be the same bytes.
   * @returns whether any byte that was written is not ASCII
   */
  mask(source: Uint8Array, target: Uint8Array, key: number): boolean {
    let isAscii = true;
    // The capacity is a multiple of the key's length.
    for (let start = 0; start < source.length; start += SCAN_CAPACITY) {
      const part = source.length <= SCAN_CAPACITY ? source : source.subarray(start, start + SCAN_CAPACITY);
      this.#masking.set(part);
      if (this.#exports.mask(part.length, key) !== 0) isAscii = false;
      target.set(this.#masking.subarray(0, part.length), start);
    }
    return !isAscii;
  }

  /**
   * Decodes at most {@link DECODE_CAPACITY} bytes of UTF-8, in {@link memory} or elsewhere.
   * @returns undefined for what is not UTF-8
   */
  decode(bytes: Buffer, start: number, end: number): string | undefined {
    let address = start;
    if (bytes !== this.memory) {
      address = this.#exports.DECODING.value;
      this.memory.set(bytes.subarray(start, end), address);
    }
    const length = end - start;
    const units = this.#exports.decode(address, length);
    if (units < 0) return undefined;
    // As many as bytes: it is ASCII, and as a string of UTF-16 it would take twice the memory.
    if (units === length) return this.memory.toString('latin1', address, address + length);
    const decoded = this.#exports.MASKING.value;
    return this.memory.toString('utf16le', decoded, decoded + units * 2);
  }
}

interface Platform {
  readonly WebAssembly?: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object) => { readonly exports: unknown };
  };
}

let isMade = false;
let shared: FrameScanner | undefined;

/** The scanner of the process, made when it is first asked for; undefined where there is no WebAssembly (or no SIMD). */
export function frameScanner(): FrameScanner | undefined {
  if (!isMade) {
    isMade = true;
    shared = makeFrameScanner();
  }
  return shared;
}

function makeFrameScanner(): FrameScanner | undefined {
  const { WebAssembly } = globalThis as Platform;
  if (WebAssembly === undefined) return undefined;
  try {
    const module = new WebAssembly.Module(Buffer.from(WASM_MODULE, 'base64'));
    return new FrameScanner(new WebAssembly.Instance(module).exports as Exports);
  } catch {
    // A processor without SIMD, or a policy against code that is made at run time: JavaScript does the same.
    return undefined;
  }
}
