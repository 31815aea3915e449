/** The payload of a CLOSE frame (RFC 6455 section 5.5.1), whatever is in it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../src/errors.js';
import { encodeClosePayload, parseClosePayload } from '../../src/protocol/close-code.js';
import { closePayload } from './frame-bytes.js';

/** Mostly near the borders of what may be sent (section 7.4). */
const code = fc.oneof(fc.integer({ min: 990, max: 1020 }), fc.integer({ min: 2990, max: 5010 }), fc.nat(0xffff));
const reason = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 140 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  // Lone surrogates.
  fc.array(fc.nat(0xffff), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
);

function maySend(value: number): boolean {
  return (value >= 1000 && value <= 1014 && ![1004, 1005, 1006].includes(value)) || (value >= 3000 && value < 5000);
}

describe('encodeClosePayload', () => {
  it('writes what is read again as it was, or throws a RangeError that names what is wrong', () => {
    fc.assert(
      fc.property(code, reason, (value, text) => {
        const bytes = Buffer.from(text);
        const isRight = maySend(value) && bytes.length <= 123;
        if (isRight) {
          const payload = encodeClosePayload(value, text);
          expect(payload).toEqual(closePayload(value, bytes));
          expect(parseClosePayload(payload)).toEqual({ code: value, reason: bytes.toString() });
        } else {
          const name = maySend(value) ? 'reason' : 'code';
          expect(() => encodeClosePayload(value, text)).toThrow(RangeError);
          expect(() => encodeClosePayload(value, text)).toThrow(new RegExp(`^${name} must be`));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('parseClosePayload', () => {
  it('reads any bytes, or gives an error with the close code that they deserve', () => {
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 123 }),
      reason.map((value) => Buffer.from(value).subarray(0, 123)),
    );
    const payload = fc.oneof(
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 125 }).map((bytes) => Buffer.from(bytes)) },
      { weight: 4, arbitrary: fc.tuple(code, text).map(([value, bytes]) => closePayload(value, bytes)) },
    );
    fc.assert(
      fc.property(payload, (bytes) => {
        const parsed = parseClosePayload(bytes);
        if (bytes.length === 0) {
          expect(parsed).toEqual({ code: undefined, reason: '' });
        } else if (bytes.length === 1 || !maySend(bytes.readUInt16BE())) {
          expect(parsed).toBeInstanceOf(ProtocolError);
          expect(parsed).toMatchObject({ closeCode: 1002 });
        } else {
          let expected: unknown = expect.objectContaining({ closeCode: 1007 });
          try {
            const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
            expected = { code: bytes.readUInt16BE(), reason: decoder.decode(bytes.subarray(2)) };
          } catch {
            expect(parsed).toBeInstanceOf(ProtocolError);
          }
          expect(parsed).toEqual(expected);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
