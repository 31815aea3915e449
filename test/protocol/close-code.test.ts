import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../src/errors.js';
import { encodeClosePayload, isValidCloseCode, parseClosePayload } from '../../src/protocol/close-code.js';
import { closePayload } from './frame-bytes.js';

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const INVALID = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];

function parseError(payload: Buffer): ProtocolError {
  const error = parseClosePayload(payload);
  if (!(error instanceof ProtocolError)) throw new Error('no error');
  return error;
}

describe('isValidCloseCode', () => {
  it('is true for what may be sent, of all 16-bit numbers', () => {
    const valid = Array.from({ length: 65536 }, (_, code) => code).filter(isValidCloseCode);
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
    expect(valid).toEqual([...range(1000, 1003), ...range(1007, 1014), ...range(3000, 4999)]);
  });

  it.each([1000.5, 3000.000001, NaN, Infinity, -1000])('is false for %s', (code) => {
    expect(isValidCloseCode(code)).toBe(false);
  });
});

describe('parseClosePayload', () => {
  it('reads an empty payload as a close without a code', () => {
    expect(parseClosePayload(Buffer.alloc(0))).toEqual({ code: undefined, reason: '' });
  });

  it.each(VALID)('reads the code %i, with and without a reason', (code) => {
    expect(parseClosePayload(closePayload(code))).toEqual({ code, reason: '' });
    expect(parseClosePayload(closePayload(code, 'bye 🌊'))).toEqual({ code, reason: 'bye 🌊' });
  });

  it('reads a reason of 123 bytes', () => {
    expect(parseClosePayload(closePayload(1000, 'x'.repeat(123)))).toEqual({ code: 1000, reason: 'x'.repeat(123) });
  });

  it.each(INVALID)('refuses the code %i with 1002, whatever the reason', (code) => {
    for (const reason of ['', 'reason', Buffer.from([0xff])]) {
      expect(parseError(closePayload(code, reason))).toMatchObject({
        code: 'WATERSHED_INVALID_CLOSE_CODE',
        closeCode: 1002,
        message: `RFC 6455 section 7.4: the close code ${String(code)} must not be sent`,
      });
    }
  });

  it.each([0x00, 0x03, 0xff])('refuses a payload of the single byte %i with 1002', (byte) => {
    const error = parseError(Buffer.from([byte]));
    expect(error).toMatchObject({ code: 'WATERSHED_INVALID_CLOSE_PAYLOAD', closeCode: 1002 });
    expect(error.message).toContain('RFC 6455 section 5.5.1');
  });

  it.each([
    ['a byte that is never in UTF-8', [0xff]],
    ['a lone continuation byte', [0x61, 0x80]],
    ['an overlong form', [0xc0, 0x80]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a character that is cut off', [0x61, 0xe2, 0x82]],
  ])('refuses a reason with %s with 1007', (_, reason) => {
    const error = parseError(closePayload(1000, Buffer.from(reason)));
    expect(error).toMatchObject({ code: 'WATERSHED_INVALID_UTF8', closeCode: 1007 });
    expect(error.message).toContain('RFC 6455 section 5.5.1');
  });
});

describe('encodeClosePayload', () => {
  it('writes nothing without a code', () => {
    expect(encodeClosePayload(undefined, '')).toHaveLength(0);
  });

  it.each(VALID)('writes the code %i in two bytes, high byte first, then the reason as UTF-8', (code) => {
    expect(encodeClosePayload(code, '')).toEqual(closePayload(code));
    expect(encodeClosePayload(code, 'Überlauf')).toEqual(closePayload(code, 'Überlauf'));
  });

  it('makes U+FFFD of a lone surrogate in the reason', () => {
    expect(encodeClosePayload(1000, 'a\ud800b')).toEqual(closePayload(1000, 'a\ufffdb'));
  });

  it.each([...INVALID, -1, 1000.5, NaN, Infinity, 65536 + 1000])('throws a RangeError that names the code %d', (code) => {
    expect(() => encodeClosePayload(code, '')).toThrow(
      new RangeError(
        'code must be a close code that may be sent: 1000 to 1003, 1007 to 1014 or 3000 to 4999 ' +
          `(RFC 6455 section 7.4), but is ${String(code)}`,
      ),
    );
  });

  it('takes a reason of 123 bytes and throws a RangeError for 124, counted in UTF-8', () => {
    expect(encodeClosePayload(1000, 'x'.repeat(123))).toHaveLength(125);
    expect(encodeClosePayload(1000, '€'.repeat(41))).toHaveLength(125);
    const message = 'reason must be at most 123 bytes of UTF-8 (RFC 6455 section 5.5), but has ';
    expect(() => encodeClosePayload(1000, 'x'.repeat(124))).toThrow(new RangeError(`${message}124`));
    expect(() => encodeClosePayload(1000, '€'.repeat(42))).toThrow(new RangeError(`${message}126`));
  });

  it.each([
    ['1000', 'code must be a number, but is "1000"'],
    [null, 'code must be a number, but is null'],
    [1000n, 'code must be a number, but is 1000n'],
  ])('throws a TypeError for a code of the wrong type (%#)', (code, message) => {
    expect(() => encodeClosePayload(code as never, '')).toThrow(new TypeError(message));
  });

  it.each([
    [42, 'reason must be a string, but is 42'],
    [null, 'reason must be a string, but is null'],
    [Buffer.from('bye'), 'reason must be a string, but is an object'],
  ])('throws a TypeError for a reason of the wrong type (%#), with a code and without', (reason, message) => {
    expect(() => encodeClosePayload(1000, reason as never)).toThrow(new TypeError(message));
    expect(() => encodeClosePayload(undefined, reason as never)).toThrow(new TypeError(message));
  });
});
