// The client's handshake over node:http, against ws and against raw TCP servers.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';

import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';

import { type WebSocketOptions } from '../../src/handshake/client-options.js';
import { openHandshake } from '../../src/handshake/request.js';
import { acceptingServer, closed, fieldOf, open, rawServer, type RawServer, switchingProtocols } from './opening.js';

describe('an opening handshake', () => {
  it('is accepted by a ws server, and hands the socket over', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'b' });
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const attempt = open(`ws://127.0.0.1:${String(port)}/chat?room=1`, {}, ['a', 'b']);
    expect(attempt.reports).toEqual([]);
    const [[peer, request], { socket, subprotocol, extensions }] = (await Promise.all([
      once(server, 'connection'),
      attempt.established,
    ])) as [[import('ws').WebSocket, http.IncomingMessage], Awaited<typeof attempt.established>];
    expect(request.url).toBe('/chat?room=1');
    expect({ subprotocol, extensions }).toEqual({ subprotocol: 'b', extensions: '' });
    // An empty masked text message.
    socket.write(Buffer.of(0x81, 0x80, 1, 2, 3, 4));
    const [message] = (await once(peer, 'message')) as [Buffer];
    expect(message.length).toBe(0);
    peer.terminate();
    await closed(socket);
  });

  it('sends what RFC 6455 section 4.1 asks for, and nothing else', async () => {
    const { port, heads } = await acceptingServer('Sec-WebSocket-Protocol: a');
    await open(`ws://127.0.0.1:${String(port)}`, { origin: 'http://example.com' }, ['a', 'b']).established;
    const [requestLine, ...lines] = (heads[0] ?? '').split('\r\n');
    expect(requestLine).toBe('GET / HTTP/1.1');
    expect(lines.map((line) => line.replace(/(Key: ).*/, '$1…')).sort()).toEqual([
      'Connection: Upgrade',
      `Host: 127.0.0.1:${String(port)}`,
      'Origin: http://example.com',
      'Sec-WebSocket-Key: …',
      'Sec-WebSocket-Protocol: a, b',
      'Sec-WebSocket-Version: 13',
      'Upgrade: websocket',
    ]);
  });

  it('hands over what the server has sent behind its answer', async () => {
    const { port } = await rawServer((socket, head) => socket.write(`${switchingProtocols(head)}frames`));
    const { head } = await open(`ws://127.0.0.1:${String(port)}`).established;
    expect(head.toString()).toBe('frames');
  });

  it('takes provisional responses before the answer', async () => {
    const { port } = await rawServer((socket, head) => {
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${switchingProtocols(head)}`);
    });
    await open(`ws://127.0.0.1:${String(port)}`).established;
  });

  it.each<{ form: string; headers: NonNullable<WebSocketOptions['headers']> }>([
    { form: 'a Headers', headers: new Headers([['X-A', '1'], ['X-A', '2'], ['x-b', '3']]) },
    { form: 'an object', headers: { 'X-A': '1, 2', 'x-b': '3' } },
    { form: 'an object with arrays', headers: { 'X-A': ['1', '2'], 'x-b': ['3'] } },
    { form: 'an array of pairs', headers: [['X-A', '1'], ['x-a', '2'], ['x-b', '3']] },
  ])('sends further header fields given as $form', async ({ headers }) => {
    const { port, heads } = await acceptingServer();
    await open(`ws://127.0.0.1:${String(port)}`, { headers }).established;
    const values = (name: string): string =>
      (heads[0] ?? '').split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name}: `))
        .map((line) => line.slice(name.length + 2)).join(', ');
    expect([values('x-a'), values('x-b')]).toEqual(['1, 2', '3']);
  });

  it("lets the caller's Host and Origin take the place of its own", async () => {
    const { port, heads } = await acceptingServer();
    const headers = { host: 'example.com', ORIGIN: 'http://a' };
    await open(`ws://127.0.0.1:${String(port)}`, { headers, origin: 'http://b' }).established;
    expect([fieldOf(heads[0], 'Host'), fieldOf(heads[0], 'Origin')]).toEqual(['example.com', 'http://a']);
    expect(heads[0]?.match(/^(host|origin):/gim)).toHaveLength(2);
  });

  it.each([
    { credentials: 'user:pass', sent: 'user:pass' },
    { credentials: 'user', sent: 'user:' },
    { credentials: ':pass', sent: ':pass' },
    { credentials: 'us%3Aer:p%C3%A4ss%zz%4', sent: 'us:er:päss%zz%4' },
    { credentials: 'üser:%ff', sent: Buffer.concat([Buffer.from('üser:'), Buffer.of(0xff)]) },
  ])('sends the credentials $credentials of the URL with the first request', async ({ credentials, sent }) => {
    const { port, heads } = await acceptingServer();
    await open(`ws://${credentials}@127.0.0.1:${String(port)}`).established;
    expect(fieldOf(heads[0], 'Authorization')).toBe(`Basic ${Buffer.from(sent).toString('base64')}`);
  });

  it("sends the caller's Authorization rather than the URL's credentials", async () => {
    const { port, heads } = await acceptingServer();
    await open(`ws://user:pass@127.0.0.1:${String(port)}`, { headers: { authorization: 'Bearer x' } }).established;
    expect(heads[0]?.match(/^authorization:.*/gim)).toEqual(['authorization: Bearer x']);
  });

  it('connects to an IPv6 address', async () => {
    const addresses: unknown[] = [];
    const { port, heads } = await acceptingServer();
    await open(`ws://[::1]:${String(port)}`, {
      createConnection: (options) => {
        addresses.push(options.host);
        return connect(port, '127.0.0.1');
      },
    }).established;
    expect(addresses).toEqual(['::1']);
    expect(fieldOf(heads[0], 'Host')).toBe(`[::1]:${String(port)}`);
  });

  it('does not see what becomes of the options after the call', async () => {
    const { port, heads } = await acceptingServer();
    const options = { headers: { 'x-a': '1' }, origin: 'http://a' };
    const attempt = open(`ws://127.0.0.1:${String(port)}`, options);
    options.headers['x-a'] = '2';
    options.origin = 'http://b';
    await attempt.established;
    expect([fieldOf(heads[0], 'x-a'), fieldOf(heads[0], 'Origin')]).toEqual(['1', 'http://a']);
  });
});

describe('a Unix socket', () => {
  async function unixServer(): Promise<RawServer & { path: string }> {
    const directory = mkdtempSync(join(tmpdir(), 'watershed '));
    const path = join(directory, 'socket');
    const server = await rawServer((socket, head) => socket.write(switchingProtocols(head)), { path });
    onTestFinished(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    return { ...server, path };
  }

  it('is connected to by socketPath', async () => {
    const { path, heads } = await unixServer();
    await open('ws://example.com:22/a?b', { socketPath: path }).established;
    expect(heads[0]).toMatch(/^GET \/a\?b HTTP/);
    expect(fieldOf(heads[0], 'Host')).toBe('example.com:22');
  });

  it.each([
    { rest: ':/a/b:c?d=e', target: '/a/b:c?d=e' },
    { rest: '', target: '/' },
    { rest: ':/', target: '/' },
    { rest: '?q', target: '/?q' },
  ])('is connected to by a ws+unix: URL that ends with "$rest"', async ({ rest, target }) => {
    const { path, heads } = await unixServer();
    await open(`ws+unix:${path}${rest}`).established;
    expect(/^GET (\S+)/.exec(heads[0] ?? '')?.[1]).toBe(target);
    expect(fieldOf(heads[0], 'Host')).toBe('localhost');
  });

  it('takes the credentials of a ws+unix: URL', async () => {
    const { path, heads } = await unixServer();
    await open(`ws+unix://a:b@localhost${path}:/`).established;
    expect(fieldOf(heads[0], 'Authorization')).toBe('Basic YTpi');
  });

  it('must be named by a ws+unix: URL', () => {
    expect(() => open('ws+unix::/a')).toThrow(expect.objectContaining({ name: 'SyntaxError' }) as Error);
  });

  it('cannot be combined with a dispatcher', () => {
    const dispatcher = { dispatch: () => true };
    const handler = { onEstablished: () => undefined, onFailure: () => undefined };
    expect(() => openHandshake(new URL('ws+unix:/a:/'), [], { dispatcher }, handler)).toThrow(
      new TypeError('A ws+unix: URL cannot be used with options.dispatcher'),
    );
  });
});

describe('ref and unref', () => {
  function socketsThatKeepAlive(): number {
    return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  }

  it('decide whether a connection that is being made keeps the process alive', async () => {
    const server = await rawServer();
    const { handshake } = open(`ws://127.0.0.1:${String(server.port)}`);
    await once(server.server, 'request');
    const before = socketsThatKeepAlive();
    handshake.unref();
    expect(socketsThatKeepAlive()).toBe(before - 1);
    handshake.ref();
    expect(socketsThatKeepAlive()).toBe(before);
  });

  it('hold from before there is a socket', async () => {
    const server = await rawServer();
    const { handshake: first } = open(`ws://127.0.0.1:${String(server.port)}`);
    first.unref();
    await once(server.server, 'request');
    const before = socketsThatKeepAlive();
    first.ref();
    expect(socketsThatKeepAlive()).toBe(before + 1);
    const { handshake: second } = open(`ws://127.0.0.1:${String(server.port)}`);
    second.unref();
    second.ref();
    await once(server.server, 'request');
    expect(socketsThatKeepAlive()).toBe(before + 3);
  });

  it('have no effect on a stream that knows neither', async () => {
    const written: string[] = [];
    const stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, callback) => {
        written.push(chunk.toString());
        callback();
        const head = written.join('');
        if (head.endsWith('\r\n\r\n')) stream.push(switchingProtocols(head));
      },
    });
    const attempt = open('ws://example.com/', { createConnection: () => stream });
    attempt.handshake.unref();
    const { socket } = await attempt.established;
    attempt.handshake.unref();
    attempt.handshake.ref();
    expect(socket).toBe(stream);
  });
});
