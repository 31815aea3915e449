/** The conversions of Web IDL, for every value: those that the interface's members show are in idl.test.ts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clampToUnsignedShort, toMessage, toProtocols, toUnsignedShort, toUSVString } from '../../src/websocket/conversions.js';

describe('[Clamp] unsigned short', () => {
  it('is the nearest integer of 0 to 65535, and the even one of two', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.double({ min: -2, max: 65_540 }), fc.integer({ min: -9, max: 140_000 }).map((n) => n / 2)), (value) => {
        const clamped = Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), 65_535);
        const result = clampToUnsignedShort(value);
        expect(Number.isInteger(result)).toBe(true);
        const distance = Math.abs(result - clamped);
        expect(distance).toBeLessThanOrEqual(0.5);
        if (distance === 0.5) expect(result % 2).toBe(0);
      }),
    );
  });
});

describe('unsigned short', () => {
  it('is cut off, and taken modulo 65536', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), (value) => {
        expect(toUnsignedShort(value)).toBe(Number(BigInt.asUintN(16, BigInt(Math.trunc(value)))));
      }),
    );
    for (const value of [NaN, Infinity, -Infinity, undefined, 'x', {}]) expect(toUnsignedShort(value)).toBe(0);
  });
});

describe('USVString', () => {
  it('has no lone surrogates, and is what it was where there are none', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.integer({ min: 0xd7f0, max: 0xe00f }).map((unit) => String.fromCharCode(unit)) }), (value) => {
        expect(toUSVString(value)).toBe(Buffer.from(value).toString());
      }),
    );
  });
});

describe('(DOMString or sequence<DOMString>)', () => {
  it('is one string, or the strings of anything iterable', () => {
    expect(toProtocols('ab')).toEqual(['ab']);
    expect(toProtocols(null)).toEqual(['null']);
    expect(toProtocols({})).toEqual(['[object Object]']);
    expect(toProtocols(new Set([1, 'b']))).toEqual(['1', 'b']);
    expect(toProtocols(new String('ab'))).toEqual(['a', 'b']);
    expect(toProtocols(Object.assign(() => 0, { [Symbol.iterator]: () => ['a'].values() }))).toEqual(['a']);
  });
});

describe('(BufferSource or Blob or USVString)', () => {
  it('is the bytes of a buffer source, not a copy of them', () => {
    const buffer = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7).buffer;
    for (const view of [new Uint8Array(buffer, 2, 4), new Uint16Array(buffer, 2, 2), new DataView(buffer, 2, 4), Buffer.from(buffer, 2, 4)]) {
      const message = toMessage(view) as Uint8Array;
      expect([...message]).toEqual([2, 3, 4, 5]);
      expect(message.buffer).toBe(buffer);
    }
    expect([...(toMessage(buffer) as Uint8Array)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('is a Blob as it is, and anything else a string', () => {
    const blob = new File(['x'], 'name');
    expect(toMessage(blob)).toBe(blob);
    expect(toMessage({ buffer: new ArrayBuffer(1), byteLength: 1 })).toBe('[object Object]');
    expect(toMessage(12n)).toBe('12');
  });
});
