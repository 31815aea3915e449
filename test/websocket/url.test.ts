/** The URL of a WebSocket: what a client's is made of, and what a server's is read from. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from '../../src/index.js';
import { requestURL } from '../../src/websocket/url.js';
import { handMadeRequest } from '../classic/ends.js';
import { setGlobal } from './ends.js';

/** The URL of a client of a blocked port, which connects to nothing. */
async function urlOf(url: string): Promise<string> {
  const webSocket = new WebSocket(url);
  await once(webSocket, 'close');
  return webSocket.url;
}

const syntaxError: unknown = expect.objectContaining({ name: 'SyntaxError', code: DOMException.SYNTAX_ERR });

describe("a client's URL", () => {
  it.each([
    ['ws://127.0.0.1:1', 'ws://127.0.0.1:1/'],
    ['  WS://127.0.0.1:1/a/../b \n', 'ws://127.0.0.1:1/b'],
    ['http://127.0.0.1:1/?q', 'ws://127.0.0.1:1/?q'],
    ['https://127.0.0.1:1/', 'wss://127.0.0.1:1/'],
    ['http://127.0.0.1:443/', 'ws://127.0.0.1:443/'],
    ['https://127.0.0.1:80/', 'wss://127.0.0.1:80/'],
    ['http://127.0.0.1:80/', 'ws://127.0.0.1/'],
    ['https://127.0.0.1:443/', 'wss://127.0.0.1/'],
    ['ws://us er:pass@127.0.0.1:1/ż', 'ws://us%20er:pass@127.0.0.1:1/%C5%BC'],
    ['ws://EXAMPLE.com:1/', 'ws://example.com:1/'],
    ['ws:127.0.0.1:1', 'ws://127.0.0.1:1/'],
  ])('%j becomes %j', (url, expected) => {
    const webSocket = new WebSocket(url, { signal: AbortSignal.abort() });
    expect(webSocket.url).toBe(expected);
  });

  it.each([
    [''],
    ['foo'],
    ['/relative'],
    ['//127.0.0.1:1/'],
    ['ws://'],
    ['ws://127.0.0.1:65536/'],
    ['ws://127.0.0.1:1/#fragment'],
    ['ws://127.0.0.1:1/#'],
    ['http://127.0.0.1:1/#'],
    ['ftp://127.0.0.1:1/'],
    ['file:///etc/hosts'],
    ['javascript:1'],
    ['wsx://127.0.0.1:1/'],
    ['ws+unix:'],
    ['ws+unix::/path'],
  ])('%j is a SyntaxError', (url) => {
    expect(() => new WebSocket(url)).toThrow(syntaxError);
  });

  it('is resolved against the location, where a program has made one', async () => {
    setGlobal('location', { href: 'https://127.0.0.1:1/dir/page?query#fragment' });
    expect(await urlOf('socket')).toBe('wss://127.0.0.1:1/dir/socket');
    expect(await urlOf('/?q')).toBe('wss://127.0.0.1:1/?q');
    expect(await urlOf('//127.0.0.1:7/')).toBe('wss://127.0.0.1:7/');
    expect(await urlOf('')).toBe('wss://127.0.0.1:1/dir/page?query');
    expect(() => new WebSocket('#')).toThrow(syntaxError);
  });

  it('is resolved against the document first', async () => {
    setGlobal('location', { href: 'http://127.0.0.1:7/' });
    setGlobal('document', { baseURI: 'http://127.0.0.1:1/base/' });
    expect(await urlOf('socket')).toBe('ws://127.0.0.1:1/base/socket');
  });

  it.each([
    ['empty', ''],
    ['no URL', 'somewhere'],
    ['no string', new URL('http://127.0.0.1:1/')],
    ['null', null],
  ])('does without a location that is %s', async (_, href) => {
    setGlobal('location', { href });
    setGlobal('document', null);
    expect(await urlOf('ws://127.0.0.1:1/x')).toBe('ws://127.0.0.1:1/x');
    expect(() => new WebSocket('x')).toThrow(syntaxError);
  });
});

describe("a server's URL", () => {
  const urlOfRequest = (host: string | undefined, url: string | undefined, isSecure = false): string =>
    requestURL(Object.assign(handMadeRequest({ host }), { url }), isSecure);

  it('is made of the Host and the path', () => {
    expect(urlOfRequest('example.com', '/chat?a=b')).toBe('ws://example.com/chat?a=b');
    expect(urlOfRequest('EXAMPLE.com:8080', '/')).toBe('ws://example.com:8080/');
    expect(urlOfRequest('[::1]:8080', '//double')).toBe('ws://[::1]:8080//double');
  });

  it('is a wss: URL where the socket is TLS', () => {
    expect(urlOfRequest('example.com:443', '/', true)).toBe('wss://example.com/');
    expect(urlOfRequest('example.com:80', '/', true)).toBe('wss://example.com:80/');
  });

  it('is that of a request target in absolute form', () => {
    expect(urlOfRequest('proxy.example', 'http://example.com:8080/chat')).toBe('ws://example.com:8080/chat');
    expect(urlOfRequest('proxy.example', 'http://example.com/chat', true)).toBe('wss://example.com/chat');
  });

  it('is the path / where a request that was made by hand has none', () => {
    expect(urlOfRequest('example.com', undefined)).toBe('ws://example.com/');
  });

  it.each([
    ['there is no Host', undefined, '/chat'],
    ['the Host is empty', '', '/chat'],
    ['the Host has a path', 'evil.example/?', '/chat'],
    ['the Host has credentials', 'user@evil.example', '/chat'],
    ['the Host has a fragment', 'evil.example#', '/chat'],
    ['the Host has a port that is none', 'example.com:port', '/chat'],
    ['the target is *', 'example.com', '*'],
  ])('is empty when %s', (_, host, url) => {
    expect(urlOfRequest(host, url)).toBe('');
  });
});
