import { describe, expect, it } from 'vitest';

import { hostOf, parseUnixURL, portOf } from '../../src/handshake/target.js';

describe('portOf', () => {
  it.each([
    ['ws://example.com/', 80],
    ['wss://example.com/', 443],
    ['ws://example.com:443/', 443],
    ['wss://example.com:80/', 80],
    ['wss://example.com:8080/', 8080],
  ])('is what %s says, or the default of its scheme', (url, port) => {
    expect(portOf(new URL(url))).toBe(port);
  });
});

describe('hostOf', () => {
  it.each([
    ['ws://example.com/', 'example.com'],
    ['ws://[::1]:8080/', '::1'],
  ])('takes no brackets along from %s', (url, host) => {
    expect(hostOf(new URL(url))).toBe(host);
  });
});

describe('parseUnixURL', () => {
  it('refuses a URL without the path of a socket', () => {
    expect(() => parseUnixURL(new URL('ws+unix::/path'))).toThrow('A ws+unix: URL must have the path of a socket');
  });
});
