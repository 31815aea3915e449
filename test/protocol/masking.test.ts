import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateMaskingKey, mask } from '../../src/protocol/masking.js';

/** The definition of RFC 6455 section 5.3: byte i of the payload is XORed with byte i modulo 4 of the key. */
function definition(source: Uint8Array, key: readonly number[], phase: number): Buffer {
  return Buffer.from(source.map((byte, index) => byte ^ (key[(phase + index) % 4] ?? 0)));
}

const keyNumber = (key: readonly number[]): number => Buffer.from(key).readInt32LE(0);
const hasNonAscii = (bytes: Uint8Array): boolean => bytes.some((byte) => byte >= 0x80);

/** Memory that starts anywhere in its ArrayBuffer, filled so that a stray write shows. */
function memory(length: number, alignment: number): Buffer {
  return Buffer.from(new ArrayBuffer(length + alignment + 8), alignment, length).fill(0xa5);
}

const cases = fc.record({
  // Short payloads, those around the length from which on whole words are taken, and long ones.
  length: fc.oneof(fc.nat(20), fc.integer({ min: 120, max: 140 }), fc.nat(2000)),
  seed: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  isAsciiSource: fc.boolean(),
  key: fc.oneof(
    fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
    fc.array(fc.nat(127), { minLength: 4, maxLength: 4 }),
    fc.constantFrom([0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0x80]),
  ),
  phase: fc.oneof(fc.nat(7), fc.constantFrom(2 ** 31, 2 ** 31 + 1, 2 ** 32 + 2, 2 ** 40 + 3)),
  sourceAlignment: fc.nat(7),
  targetAlignment: fc.nat(7),
  sourceStart: fc.nat(9),
  targetStart: fc.nat(9),
});

function payloadOf(seed: Uint8Array, length: number, isAscii: boolean): Buffer {
  return Buffer.alloc(length, seed).map((byte) => (isAscii ? byte & 0x7f : byte)) as Buffer;
}

describe('mask', () => {
  it('writes what the definition says, and nothing beside it, at any offset, alignment, phase and length', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { length, key, phase, sourceStart, targetStart } = given;
        const payload = payloadOf(given.seed, length, given.isAsciiSource);
        const source = memory(sourceStart + length + 5, given.sourceAlignment);
        source.set(payload, sourceStart);
        const before = Buffer.from(source);
        const target = memory(targetStart + length + 5, given.targetAlignment);
        const expected = Buffer.from(target);
        expected.set(definition(payload, key, phase), targetStart);

        const bits = mask(source, sourceStart, length, target, targetStart, keyNumber(key), phase);

        expect(target.equals(expected)).toBe(true);
        expect(source.equals(before)).toBe(true);
        expect((bits & 0x80) !== 0).toBe(hasNonAscii(definition(payload, key, phase)));
        expect(bits === 0).toBe((bits & 0x80) === 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('masks in place', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { length, key, phase, targetStart } = given;
        const payload = payloadOf(given.seed, length, given.isAsciiSource);
        const bytes = memory(targetStart + length + 5, given.targetAlignment);
        bytes.set(payload, targetStart);
        const expected = Buffer.from(bytes);
        expected.set(definition(payload, key, phase), targetStart);

        const bits = mask(bytes, targetStart, length, bytes, targetStart, keyNumber(key), phase);

        expect(bytes.equals(expected)).toBe(true);
        expect((bits & 0x80) !== 0).toBe(hasNonAscii(definition(payload, key, phase)));
      }),
      { numRuns: 2000 },
    );
  });

  it('masks from one place of a buffer to another', () => {
    for (const length of [7, 200]) {
      const bytes = Buffer.alloc(1000, 'Watershed');
      const expected = definition(bytes.subarray(3, 3 + length), [1, 2, 3, 4], 0);
      mask(bytes, 3, length, bytes, 501, keyNumber([1, 2, 3, 4]), 0);
      expect(bytes.subarray(501, 501 + length).equals(expected)).toBe(true);
    }
  });

  it('finds the only byte that is not ASCII, wherever it is', () => {
    for (const length of [1, 3, 4, 7, 127, 128, 129, 130, 131, 135]) {
      for (let index = 0; index < length; index++) {
        const source = Buffer.alloc(length, 0x41);
        source[index] = 0xc1;
        const target = memory(length, index & 3);
        expect(mask(source, 0, length, target, 0, 0, 0) & 0x80).toBe(0x80);
      }
      expect(mask(Buffer.alloc(length, 0x41), 0, length, memory(length, 1), 0, 0, 0) & 0x80).toBe(0);
    }
  });

  it('finds none in ASCII of any length, though the key has bytes above it', () => {
    const key = [0x80, 0xff, 0xc1, 0xfe];
    for (let length = 0; length < 300; length++) {
      const source = definition(Buffer.alloc(length, 'Watershed'), key, 0);
      const target = memory(length, 0);
      expect(mask(source, 0, length, target, 0, keyNumber(key), 0) & 0x80).toBe(0);
      expect(target.toString()).toBe('Watershed'.repeat(34).slice(0, length));
    }
  });

  it('takes the bytes of any typed array', () => {
    const target = Buffer.alloc(300);
    const source = new Uint8Array(new ArrayBuffer(310), 3, 300).fill(0x55);
    mask(source, 0, 300, target, 0, keyNumber([1, 2, 3, 4]), 0);
    expect(target.equals(definition(source, [1, 2, 3, 4], 0))).toBe(true);
  });
});

describe('generateMaskingKey', () => {
  it('gives 32-bit keys that do not repeat', () => {
    const keys = Array.from({ length: 20_000 }, generateMaskingKey);
    expect(keys.every((key) => key === (key | 0))).toBe(true);
    // 20,000 draws from 2^32 have 0.05 pairs in common on average; five pairs come once in 10^8 times.
    expect(new Set(keys).size).toBeGreaterThan(19_995);
  });

  it('varies in every bit', () => {
    const keys = Array.from({ length: 200 }, generateMaskingKey);
    for (let bit = 0; bit < 32; bit++) expect(new Set(keys.map((key) => (key >>> bit) & 1)).size).toBe(2);
  });
});
