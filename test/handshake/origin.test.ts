import { describe, expect, it } from 'vitest';

import { isOriginAllowed } from '../../src/handshake/origin.js';
import type { OriginPolicy } from '../../src/options.js';

type Headers = Record<string, string | string[]>;

function allows(policy: OriginPolicy | undefined, headers: Headers, isSecure = false): boolean {
  return isOriginAllowed(policy, { headers }, isSecure);
}

const policies: OriginPolicy[] = ['same-origin', ['https://example.com'], () => false];

describe('every origin policy', () => {
  it.each(policies)('allows a request without an Origin (%s)', (policy) => {
    expect(allows(policy, { host: 'example.com' })).toBe(true);
  });

  it.each(
    [
      'https://example.com, https://example.com',
      'https://example.com https://example.com',
      'https://example.com/',
      'https://example.com/path',
      'https://example.com?query',
      'https://example.com#fragment',
      'https://user@example.com',
      'https://example.com\\evil',
      'example.com',
      '//example.com',
      '://example.com',
      '',
      'null null',
    ].flatMap((origin) => {
      const each: OriginPolicy[] = ['same-origin', [origin], () => true];
      return each.map((policy) => ({ origin, policy }));
    }),
  )('refuses $origin, which is no serialized origin ($policy)', ({ origin, policy }) => {
    expect(allows(policy, { origin, host: 'example.com' })).toBe(false);
  });

  it('refuses several Origin lines', () => {
    const origin = ['https://example.com', 'https://example.com'];
    expect(allows(['https://example.com'], { origin })).toBe(false);
  });
});

describe('no origin policy', () => {
  it('allows any Origin', () => {
    expect(allows(undefined, { origin: 'https://elsewhere.example' })).toBe(true);
    expect(allows(undefined, { origin: 'a, b' })).toBe(true);
  });
});

describe('a list of origins', () => {
  const list = ['https://example.com', 'HTTP://Localhost:8080'];

  it.each(['https://example.com', 'HTTPS://EXAMPLE.COM', 'http://localhost:8080'])('allows %s', (origin) => {
    expect(allows(list, { origin })).toBe(true);
  });

  it.each([
    'http://example.com',
    'https://example.com:8443',
    'https://www.example.com',
    'https://example.com.evil.example',
    'https://evil-example.com',
    'http://localhost',
    'null',
  ])('refuses %s', (origin) => {
    expect(allows(list, { origin })).toBe(false);
  });

  it('allows the opaque origin only when it is listed', () => {
    expect(allows(['null'], { origin: 'null' })).toBe(true);
  });

  it('allows an origin without a host that is listed', () => {
    expect(allows(['file://'], { origin: 'file://' })).toBe(true);
  });

  it('allows nothing when it is empty', () => {
    expect(allows([], { origin: 'https://example.com' })).toBe(false);
  });
});

describe('same-origin', () => {
  it.each([
    { origin: 'http://example.com', host: 'example.com' },
    { origin: 'http://example.com', host: 'Example.COM:80' },
    { origin: 'https://example.com', host: 'example.com:443' },
    { origin: 'http://example.com:8080', host: 'example.com:8080' },
    { origin: 'http://[::1]:8080', host: '[::1]:8080' },
    { origin: 'https://example.com', host: 'example.com' },
  ])('allows $origin at $host', ({ origin, host }) => {
    expect(allows('same-origin', { origin, host })).toBe(true);
  });

  it.each([
    { origin: 'http://example.com', host: 'example.com:8080' },
    { origin: 'http://example.com:8080', host: 'example.com' },
    { origin: 'http://example.com', host: 'example.com:443' },
    { origin: 'https://example.com', host: 'example.com:80' },
    { origin: 'http://evil.example', host: 'example.com' },
    { origin: 'http://example.com.evil.example', host: 'example.com' },
    { origin: 'null', host: 'example.com' },
    { origin: 'null', host: '' },
    { origin: 'ftp://example.com', host: 'example.com' },
    { origin: 'chrome-extension://example.com', host: 'example.com' },
  ])('refuses $origin at $host', ({ origin, host }) => {
    expect(allows('same-origin', { origin, host })).toBe(false);
  });

  it('refuses a request without Host', () => {
    expect(allows('same-origin', { origin: 'http://example.com' })).toBe(false);
  });

  it('requires https over TLS', () => {
    expect(allows('same-origin', { origin: 'https://example.com', host: 'example.com' }, true)).toBe(true);
    expect(allows('same-origin', { origin: 'http://example.com', host: 'example.com' }, true)).toBe(false);
  });
});

describe('a function', () => {
  it('is asked with the Origin and the request, and its answer holds', () => {
    const request = { headers: { origin: 'https://Example.com', cookie: 'a=b' } };
    const asked: unknown[] = [];
    const answer = (allowed: boolean) => (origin: string, given: unknown) => {
      asked.push(origin, given);
      return allowed;
    };
    expect(isOriginAllowed(answer(true), request, false)).toBe(true);
    expect(isOriginAllowed(answer(false), request, false)).toBe(false);
    expect(asked).toEqual(['https://Example.com', request, 'https://Example.com', request]);
  });

  it.each([Promise.resolve(true), undefined, 1, 'yes'])('that answers with %s is an error', (answer) => {
    const policy = (() => answer) as unknown as OriginPolicy;
    expect(() => allows(policy, { origin: 'https://example.com' })).toThrow(TypeError);
    expect(() => allows(policy, { origin: 'https://example.com' })).toThrow(/synchronously/);
  });
});
