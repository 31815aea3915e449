import { describe, expect, it } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../src/protocol/text.js';

const LONG = 1024;

describe('encodeUtf8', () => {
  it.each([
    ['of two bytes', 'Ā'],
    ['of three bytes', '水'],
    ['of four bytes', '🌊'],
    ['of all lengths', 'aé水🌊'],
  ])('gives the bytes of a long text with characters %s', (_, characters) => {
    for (const length of [LONG, LONG + 1, 5000, 32 * 1024, 32 * 1024 + 1, 100_000]) {
      const text = characters.repeat(length / characters.length + 1);
      expect(encodeUtf8(text)?.equals(Buffer.from(text))).toBe(true);
    }
  });

  it('gives nothing for a text that is short', () => {
    expect(encodeUtf8('水'.repeat(LONG - 1))).toBeUndefined();
    expect(encodeUtf8('水'.repeat(LONG))).toEqual(Buffer.from('水'.repeat(LONG)));
    expect(encodeUtf8('')).toBeUndefined();
  });

  it('gives nothing for Latin-1', () => {
    expect(encodeUtf8('a'.repeat(LONG))).toBeUndefined();
    expect(encodeUtf8('\u00ff'.repeat(5000))).toBeUndefined();
  });

  it('looks at eight places, the first one at the start', () => {
    const text = 'a'.repeat(8 * LONG);
    for (let place = 0; place < 8; place++) {
      const at = place * LONG;
      const wide = `${text.slice(0, at)}水${text.slice(at + 1)}`;
      expect(encodeUtf8(wide)?.equals(Buffer.from(wide))).toBe(true);
      expect(encodeUtf8(`${text.slice(0, at + 1)}水${text.slice(at + 2)}`)).toBeUndefined();
    }
  });

  it('gives nothing where there is a lone surrogate', () => {
    expect(encodeUtf8(`${'水'.repeat(LONG)}\ud800`)).toBeUndefined();
    expect(encodeUtf8(`${'水'.repeat(40 * LONG)}\udc00`)).toBeUndefined();
  });
});

describe('decodeUtf8', () => {
  it('gives the text of a part, however long, and nothing for what is not UTF-8', () => {
    for (const length of [0, 1, 2046, 2047, 2048, 2049, 16_383, 16_384, 16_385, 70_000]) {
      const text = 'aé水🌊'.repeat(length / 10 + 1).slice(0, length).replace(/\p{Surrogate}$/u, '');
      const bytes = Buffer.from(`--${text}\xff`, 'utf8');
      const end = bytes.length - 2;
      expect(decodeUtf8(bytes, 2, end) === text).toBe(true);
      // The first byte of the last character alone.
      expect(decodeUtf8(bytes, 2, end + 1)).toBeUndefined();
    }
  });
});
