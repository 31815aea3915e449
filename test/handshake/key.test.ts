import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { acceptValue, generateKey, isKey } from '../../src/handshake/key.js';

describe('generateKey', () => {
  it('gives the base64 of 16 bytes', () => {
    const key = generateKey();
    expect(isKey(key)).toBe(true);
    expect(Buffer.from(key, 'base64')).toHaveLength(16);
    expect(Buffer.from(key, 'base64').toString('base64')).toBe(key);
  });

  it('gives another key each time', () => {
    const keys = new Set(Array.from({ length: 100 }, () => generateKey()));
    expect(keys.size).toBe(100);
  });
});

describe('isKey', () => {
  it('takes the base64 of any 16 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(isKey(Buffer.from(bytes).toString('base64'))).toBe(true);
      }),
    );
  });

  it('refuses the base64 of any other number of bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }).filter((bytes) => bytes.length !== 16), (bytes) => {
        expect(isKey(Buffer.from(bytes).toString('base64'))).toBe(false);
      }),
    );
  });

  it.each([
    '',
    'dGhlIHNhbXBsZSBub25jZQ',
    'dGhlIHNhbXBsZSBub25jZQ=',
    'dGhlIHNhbXBsZSBub25jZQ===',
    ' dGhlIHNhbXBsZSBub25jZQ==',
    'dGhlIHNhbXBsZSBub25jZQ==\n',
    'dGhlIHNhbXBsZSBub25j-Q==',
    'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==',
  ])('refuses %j', (value) => {
    expect(isKey(value)).toBe(false);
  });
});

describe('acceptValue', () => {
  it('answers the key of RFC 6455 section 1.3 as the section does', () => {
    expect(acceptValue('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('is the base64 of the SHA-1 of the key and the GUID', () => {
    const key = generateKey();
    const digest = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    expect(acceptValue(key)).toBe(digest);
  });
});
