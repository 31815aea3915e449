// The client's handshake by the Dispatchers of undici, against ws and against raw TCP servers.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { describe, expect, it, onTestFinished } from 'vitest';
import { Agent, type Dispatcher as UndiciDispatcher, EnvHttpProxyAgent, ProxyAgent } from 'undici';
import { WebSocketServer } from 'ws';

import { HandshakeError } from '../../src/errors.js';
import { freePort } from '../interop/daemon.js';
import {
  acceptFor,
  acceptingServer,
  closed,
  fieldOf,
  laterTick,
  open,
  rawServer,
  switchingProtocols,
} from './opening.js';

/** The same, spoken to as undici 6 is: undici 7 falls back to it for a handler without `onRequestStart`. */
class Undici6Agent extends Agent {
  override dispatch(options: UndiciDispatcher.DispatchOptions, handler: UndiciDispatcher.DispatchHandler): boolean {
    const ofUndici6 = Object.entries(handler).filter(([name]) => !/^on(Request|Response)/.test(name));
    return super.dispatch(options, Object.fromEntries(ofUndici6));
  }
}

const agents = [
  { name: 'undici 7', make: (): Agent => new Agent() },
  { name: 'undici 6', make: (): Agent => new Undici6Agent() },
];

function destroyedAfterwards<T extends UndiciDispatcher>(dispatcher: T): T {
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

describe.each(agents)('a handshake by a Dispatcher of $name', ({ make }) => {
  const agent = (): Agent => destroyedAfterwards(make());

  it('is accepted by a ws server, and hands the socket over', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'b' });
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const attempt = open(`ws://127.0.0.1:${String(port)}/chat?room=1`, { dispatcher: agent() }, ['a', 'b']);
    expect(attempt.reports).toEqual([]);
    const [[peer, request], { socket, subprotocol }] = (await Promise.all([
      once(server, 'connection'),
      attempt.established,
    ])) as [[import('ws').WebSocket, IncomingMessage], Awaited<typeof attempt.established>];
    expect(request.url).toBe('/chat?room=1');
    expect(subprotocol).toBe('b');
    socket.write(Buffer.of(0x81, 0x80, 1, 2, 3, 4));
    await once(peer, 'message');
    peer.send('hi');
    const [frame] = (await once(socket, 'data')) as [Buffer];
    expect(frame).toEqual(Buffer.from('\x81\x02hi', 'latin1'));
    peer.terminate();
    await closed(socket);
  });

  it('sends what RFC 6455 section 4.1 asks for', async () => {
    const { port, heads } = await acceptingServer('Sec-WebSocket-Protocol: a');
    const options = { dispatcher: agent(), origin: 'http://c', headers: { 'X-A': ['1', '2'] } };
    await open(`ws://a:b@127.0.0.1:${String(port)}`, options, ['a', 'b']).established;
    const [requestLine, ...lines] = (heads[0] ?? '').toLowerCase().split('\r\n');
    expect(requestLine).toBe('get / http/1.1');
    expect(lines.map((line) => line.replace(/(key: ).*/, '$1…')).sort()).toEqual([
      'authorization: basic ytpi',
      'connection: upgrade',
      `host: 127.0.0.1:${String(port)}`,
      'origin: http://c',
      'sec-websocket-key: …',
      'sec-websocket-protocol: a, b',
      'sec-websocket-version: 13',
      'upgrade: websocket',
      'x-a: 1',
      'x-a: 2',
    ]);
  });

  it('leaves what the server has sent behind its answer in the socket', async () => {
    const { port } = await rawServer((socket, head) => socket.write(`${switchingProtocols(head)}frames`));
    const { socket, head } = await open(`ws://127.0.0.1:${String(port)}`, { dispatcher: agent() }).established;
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(Buffer.concat([head, chunk]).toString()).toBe('frames');
  });

  it.each([
    {
      what: 'a refusal with a body that does not end',
      answer: () => `HTTP/1.1 401 No\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n`,
      error: {
        code: 'WATERSHED_UNEXPECTED_STATUS',
        statusCode: 401,
        message:
          'The server answered 401 Unauthorized instead of 101: it wants credentials, in the option headers or in the URL',
        headers: { 'set-cookie': ['a', 'b'], 'transfer-encoding': 'chunked' },
      },
    },
    {
      what: 'a redirect',
      answer: () => 'HTTP/1.1 301 Moved Permanently\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n',
      error: {
        code: 'WATERSHED_UNEXPECTED_STATUS',
        statusCode: 301,
        headers: { location: '/b', 'content-length': '0' },
      },
    },
    {
      what: 'a wrong accept value',
      answer: (head: string) => switchingProtocols(head).replace(acceptFor(head), acceptFor('')),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101 },
    },
    {
      what: 'two accept values',
      answer: (head: string) => switchingProtocols(head, `Sec-WebSocket-Accept: ${acceptFor(head)}`),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101 },
    },
    {
      what: 'a 101 without Upgrade',
      answer: (head: string) => switchingProtocols(head).replace('Upgrade: websocket\r\n', ''),
      error: { code: 'WATERSHED_UNEXPECTED_STATUS', statusCode: 101 },
    },
    {
      what: 'garbage',
      answer: () => 'SSH-2.0-OpenSSH\r\n',
      error: { code: 'WATERSHED_CONNECTION_FAILED', message: expect.stringContaining('Expected HTTP/') as unknown },
    },
  ])('is failed once, with its reason: $what', async ({ answer, error: expected }) => {
    const server = await rawServer((socket, head) => socket.write(answer(head)));
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`, { dispatcher: agent() });
    const error = await attempt.failure;
    expect(error).toMatchObject(expected);
    expect(error instanceof HandshakeError).toBe('statusCode' in expected);
    await closed(server.sockets[0]);
    await laterTick();
    expect(attempt.reports).toHaveLength(1);
  });

  it('takes provisional responses before the answer', async () => {
    const { port } = await rawServer((socket, head) => {
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${switchingProtocols(head)}`);
    });
    await open(`ws://127.0.0.1:${String(port)}`, { dispatcher: agent() }).established;
  });

  it('is failed with the code of the system when the connection is refused', async () => {
    const error = await open(`ws://127.0.0.1:${String(await freePort())}`, { dispatcher: agent() }).failure;
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('is failed when the server goes away', async () => {
    const { port } = await rawServer((socket) => socket.end());
    const error = await open(`ws://127.0.0.1:${String(port)}`, { dispatcher: agent() }).failure;
    expect(error.code).toBe('UND_ERR_SOCKET');
  });

  it('follows redirects', async () => {
    const target = await acceptingServer();
    const { port } = await rawServer((socket) => {
      socket.write(`HTTP/1.1 307 x\r\nLocation: ws://127.0.0.1:${String(target.port)}/b\r\nContent-Length: 0\r\n\r\n`);
    });
    const options = { dispatcher: agent(), followRedirects: true, headers: { Cookie: 'a=1' } };
    await open(`ws://127.0.0.1:${String(port)}`, options).established;
    expect(target.heads[0]).toMatch(/^GET \/b /);
    expect(fieldOf(target.heads[0], 'Cookie')).toBeUndefined();
  });

  it('closes its connection when it is aborted under way, and nothing is reported', async () => {
    const server = await rawServer();
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`, { dispatcher: agent() });
    attempt.handshake.unref();
    attempt.handshake.ref();
    await once(server.server, 'request');
    attempt.handshake.abort();
    await closed(server.sockets[0]);
    await laterTick();
    expect(attempt.reports).toEqual([]);
  });

  it('closes its connection when it is aborted before there is one', async () => {
    const server = await acceptingServer();
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`, { dispatcher: agent() });
    await new Promise((resolve) => { process.nextTick(resolve); });
    attempt.handshake.abort();
    const [socket] = (await once(server.server, 'connection')) as [Socket];
    // undici keeps the connection for other requests; this one never goes out on it.
    for (let i = 0; i < 20; i++) await laterTick();
    expect(server.heads).toEqual([]);
    expect(attempt.reports).toEqual([]);
    socket.destroy();
  });
});

describe('a proxy', () => {
  /** An HTTP proxy that knows CONNECT alone. */
  async function connectProxy(): Promise<{ url: string; targets: string[] }> {
    const targets: string[] = [];
    const sockets: Duplex[] = [];
    const proxy = createServer();
    proxy.on('connect', (request: IncomingMessage, socket: Duplex) => {
      targets.push(request.url ?? '');
      const [host = '', port] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      for (const each of [socket, upstream]) each.on('error', () => undefined);
      sockets.push(socket, upstream);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    });
    return { url: `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`, targets };
  }

  it.each([
    { name: 'a ProxyAgent', make: (uri: string): UndiciDispatcher => new ProxyAgent(uri) },
    {
      name: 'an EnvHttpProxyAgent',
      make: (httpProxy: string): UndiciDispatcher => new EnvHttpProxyAgent({ httpProxy, noProxy: '' }),
    },
  ])('is gone through by $name', async ({ make }) => {
    const proxy = await connectProxy();
    const { port, heads } = await acceptingServer();
    const dispatcher = destroyedAfterwards(make(proxy.url));
    await open(`ws://127.0.0.1:${String(port)}/a`, { dispatcher }).established;
    expect(proxy.targets).toEqual([`127.0.0.1:${String(port)}`]);
    expect(heads[0]).toMatch(/^GET \/a HTTP/);
    expect(fieldOf(heads[0], 'Connection')).toBe('upgrade');
  });

  it('that refuses fails the handshake', async () => {
    const refusing = await rawServer((socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'));
    const dispatcher = destroyedAfterwards(new ProxyAgent(`http://127.0.0.1:${String(refusing.port)}`));
    expect(await open('ws://example.com/', { dispatcher }).failure).toMatchObject({ code: 'UND_ERR_ABORTED' });
  });
});
