// Redirects of the client's handshake, against raw TCP servers.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { HandshakeError } from '../../src/errors.js';
import { redirectTarget } from '../../src/handshake/redirect.js';
import { acceptingServer, fieldOf, open, rawServer, type RawServer, switchingProtocols } from './opening.js';

/** A server that sends every request somewhere else. */
function redirectingServer(location: string, status = 302): Promise<RawServer> {
  return rawServer((socket) => {
    socket.write(`HTTP/1.1 ${String(status)} Elsewhere\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
  });
}

const followRedirects = true;

describe('followRedirects', () => {
  it.each([301, 302, 303, 307, 308])('follows a %i, with a new key', async (status) => {
    const { port, heads } = await rawServer((socket, head) => {
      socket.write(
        head.startsWith('GET /b?c ')
          ? switchingProtocols(head)
          : `HTTP/1.1 ${String(status)} Elsewhere\r\nLocation: /b?c#fragment\r\n\r\n`,
      );
    });
    await open(`ws://127.0.0.1:${String(port)}/a`, { followRedirects }).established;
    expect(heads.map((head) => head.split('\r\n')[0])).toEqual(['GET /a HTTP/1.1', 'GET /b?c HTTP/1.1']);
    expect(fieldOf(heads[0], 'Sec-WebSocket-Key')).not.toBe(fieldOf(heads[1], 'Sec-WebSocket-Key'));
  });

  it.each(['http', 'ws'])('follows an absolute URL with the scheme %s to another server', async (scheme) => {
    const target = await acceptingServer('Sec-WebSocket-Protocol: a');
    const { port } = await redirectingServer(`${scheme}://127.0.0.1:${String(target.port)}/b`);
    const attempt = open(`ws://127.0.0.1:${String(port)}`, { followRedirects, origin: 'http://c' }, ['a']);
    expect((await attempt.established).subprotocol).toBe('a');
    expect(target.heads[0]).toMatch(/^GET \/b /);
    expect(fieldOf(target.heads[0], 'Host')).toBe(`127.0.0.1:${String(target.port)}`);
    expect(fieldOf(target.heads[0], 'Origin')).toBe('http://c');
  });

  it('follows from ws to wss', async () => {
    const cert = readFileSync(new URL('../fixtures/localhost-cert.pem', import.meta.url));
    const key = readFileSync(new URL('../fixtures/localhost-key.pem', import.meta.url));
    const secure = createHttpsServer({ cert, key });
    secure.on('upgrade', (request, socket) => {
      const head = `\r\nSec-WebSocket-Key: ${String(request.headers['sec-websocket-key'])}`;
      socket.end(switchingProtocols(head));
    });
    secure.listen(0, '127.0.0.1');
    await once(secure, 'listening');
    onTestFinished(() => {
      secure.close();
    });
    const { port } = await redirectingServer(`https://127.0.0.1:${String((secure.address() as AddressInfo).port)}/`);
    await open(`ws://127.0.0.1:${String(port)}`, { followRedirects, ca: cert }).established;
  });

  const credentials = {
    Authorization: 'Bearer x',
    Cookie: 'a=1',
    Host: 'example.com',
    'Proxy-Authorization': 'Basic y',
    'X-Other': 'z',
  };

  it('keeps credentials on the same origin', async () => {
    const { port, heads } = await rawServer((socket, head) => {
      socket.write(
        head.startsWith('GET /b ') ? switchingProtocols(head) : 'HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n',
      );
    });
    await open(`ws://127.0.0.1:${String(port)}`, { followRedirects, headers: credentials }).established;
    for (const [name, value] of Object.entries(credentials)) expect(fieldOf(heads[1], name)).toBe(value);
  });

  it('drops credentials when the origin changes', async () => {
    const target = await acceptingServer();
    const { port, heads } = await redirectingServer(`ws://127.0.0.1:${String(target.port)}/`);
    await open(`ws://127.0.0.1:${String(port)}`, { followRedirects, headers: credentials }).established;
    expect(fieldOf(heads[0], 'Cookie')).toBe('a=1');
    const sent = Object.keys(credentials).map((name) => fieldOf(target.heads[0], name));
    expect(sent).toEqual([undefined, undefined, `127.0.0.1:${String(target.port)}`, undefined, 'z']);
  });

  it("keeps the URL's credentials on the same origin alone", async () => {
    const target = await acceptingServer();
    const { port, heads } = await rawServer((socket, head) => {
      const elsewhere = `ws://127.0.0.1:${String(target.port)}`;
      const location = head.startsWith('GET /b ') ? elsewhere : `ws://127.0.0.1:${String(port)}/b`;
      socket.write(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
    });
    await open(`ws://a:b@127.0.0.1:${String(port)}`, { followRedirects }).established;
    expect(heads.map((head) => fieldOf(head, 'Authorization'))).toEqual(['Basic YTpi', 'Basic YTpi']);
    expect(fieldOf(target.heads[0], 'Authorization')).toBeUndefined();
  });

  it('leaves the Unix socket when the origin changes, and stays with it otherwise', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'watershed-'));
    onTestFinished(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    const target = await acceptingServer();
    const path = join(directory, 'socket');
    const { heads } = await rawServer((socket, head) => {
      const location = head.startsWith('GET /b ') ? `ws://127.0.0.1:${String(target.port)}` : '/b';
      socket.write(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
    }, { path });
    await open('ws://127.0.0.1:1', { followRedirects, socketPath: path }).established;
    await open(`ws+unix:${path}`, { followRedirects }).established;
    expect(heads).toHaveLength(4);
    expect(target.heads).toHaveLength(2);
  });

  it('checks the ports that are blocked each time', async () => {
    const { port } = await redirectingServer('ws://127.0.0.1:22/');
    const error = await open(`ws://127.0.0.1:${String(port)}`, { followRedirects }).failure;
    expect(error.code).toBe('WATERSHED_BLOCKED_PORT');
  });

  it.each([
    { maxRedirects: undefined, requests: 11 },
    { maxRedirects: 2, requests: 3 },
    { maxRedirects: 0, requests: 1 },
  ])('fails after $maxRedirects redirects in a row', async ({ maxRedirects, requests }) => {
    const { port, heads } = await redirectingServer('/');
    const error = await open(`ws://127.0.0.1:${String(port)}`, { followRedirects, maxRedirects }).failure;
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ code: 'WATERSHED_INVALID_REDIRECT', statusCode: 302, headers: { location: '/' } });
    expect(error.message).toContain(`more than ${String(requests - 1)} times`);
    expect(heads).toHaveLength(requests);
  });

  it.each([
    '304 Not Modified\r\nLocation: /b',
    '302 Found\r\nX: y',
  ])('does not take "%s" for a redirect', async (lines) => {
    const { port } = await rawServer((socket) => socket.write(`HTTP/1.1 ${lines}\r\n\r\n`));
    const error = await open(`ws://127.0.0.1:${String(port)}`, { followRedirects }).failure;
    expect(error.code).toBe('WATERSHED_UNEXPECTED_STATUS');
  });

  it('has one deadline for all requests', async () => {
    const { port } = await rawServer((socket) => {
      setTimeout(() => socket.write('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'), 40);
    });
    const options = { followRedirects, maxRedirects: 1000, handshakeTimeout: 200 };
    const error = await open(`ws://127.0.0.1:${String(port)}`, options).failure;
    expect(error.code).toBe('WATERSHED_HANDSHAKE_TIMEOUT');
  });
});

describe('the target of a redirect', () => {
  const follow = (url: string, location: string): string =>
    redirectTarget(new URL(url), { statusCode: 302, headers: { location } }).href;

  it.each([
    ['ws://a/b/c', 'd', 'ws://a/b/d'],
    ['ws://a/b', '//c/d', 'ws://c/d'],
    ['ws://a/b', 'https://a/b', 'wss://a/b'],
    ['wss://a/b', 'https://c:444/b#d', 'wss://c:444/b'],
    ['wss://a/b', 'wss://c', 'wss://c/'],
    ['ws://u:p@a/b', '/c', 'ws://u:p@a/c'],
    ['ws://u:p@a/b', 'http://a/c', 'ws://u:p@a/c'],
    ['ws://u:p@a/b', 'http://v:@a/c', 'ws://v@a/c'],
    ['ws://u:p@a/b', 'http://:q@a/c', 'ws://:q@a/c'],
    ['ws://u:p@a/b', 'http://c', 'ws://c/'],
    ['ws://u:p@a/b', 'wss://a', 'wss://a/'],
    ['ws://u:p@a/b', 'http://v:q@c', 'ws://v:q@c/'],
  ])('of %s and %s is %s', (url, location, target) => {
    expect(follow(url, location)).toBe(target);
  });

  it.each([
    ['ws://a', 'http://[', /no URL/],
    ['ws://a', 'ftp://b', /^A redirect to the scheme ftp is not followed$/],
    ['ws://a', 'javascript:1', /^A redirect to the scheme javascript is not followed$/],
    ['wss://a', 'ws://a', /from wss to ws/],
    ['wss://a', 'http://b', /from wss to ws/],
  ])('is refused: from %s to %s', (url, location, message) => {
    expect(() => follow(url, location)).toThrow(HandshakeError);
    expect(() => follow(url, location)).toThrow(message);
  });
});
