// How the client's handshake fails, against raw TCP servers that do everything wrong.
import http from 'node:http';
import type { Socket } from 'node:net';

import { describe, expect, it } from 'vitest';

import { HandshakeError, WatershedError } from '../../src/errors.js';
import { freePort } from '../interop/daemon.js';
import { acceptFor, closed, laterTick, open, rawServer, switchingProtocols } from './opening.js';

describe('a failed handshake', () => {
  const failures: {
    what: string;
    answer: (head: string) => string | undefined;
    protocols?: string[];
    error: { code: string; statusCode?: number; message: string | RegExp };
  }[] = [
    {
      what: 'a 200 with a body',
      answer: () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      error: {
        code: 'WATERSHED_UNEXPECTED_STATUS',
        statusCode: 200,
        message: /^The server answered 200 OK instead of 101: nothing speaks WebSocket at this path, the server has no /,
      },
    },
    {
      what: 'a redirect',
      answer: () => 'HTTP/1.1 301 Moved Permanently\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n',
      error: {
        code: 'WATERSHED_UNEXPECTED_STATUS',
        statusCode: 301,
        message: /^The server answered 301 Moved Permanently instead of 101: the option followRedirects would follow it$/,
      },
    },
    {
      what: 'a 401 whose body does not end',
      answer: () => `HTTP/1.1 401 Nope\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n${'a'.repeat(1024)}\r\n`,
      error: {
        code: 'WATERSHED_UNEXPECTED_STATUS',
        statusCode: 401,
        message: /^The server answered 401 Unauthorized instead of 101: it wants credentials, in the option headers or /,
      },
    },
    {
      what: 'a status that nobody knows',
      answer: () => 'HTTP/1.1 599 Hm\r\n\r\n',
      error: {
        code: 'WATERSHED_UNEXPECTED_STATUS',
        statusCode: 599,
        message: /^The server answered 599 instead of 101$/,
      },
    },
    {
      what: 'a 101 without Upgrade',
      answer: (head) => switchingProtocols(head).replace('Upgrade: websocket\r\n', ''),
      error: { code: 'WATERSHED_UNEXPECTED_STATUS', statusCode: 101, message: /without switching protocols/ },
    },
    {
      what: 'a 101 without Connection',
      answer: (head) => switchingProtocols(head).replace('Connection: Upgrade\r\n', ''),
      error: { code: 'WATERSHED_UNEXPECTED_STATUS', statusCode: 101, message: /without switching protocols/ },
    },
    {
      what: 'an upgrade to something else',
      answer: (head) => switchingProtocols(head).replace('Upgrade: websocket', 'Upgrade: h2c'),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101, message: /Upgrade/ },
    },
    {
      what: 'a wrong accept value',
      answer: (head) => switchingProtocols(head).replace(acceptFor(head), acceptFor('')),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101, message: /Sec-WebSocket-Accept/ },
    },
    {
      what: 'two accept values',
      answer: (head) => switchingProtocols(head, `Sec-WebSocket-Accept: ${acceptFor(head)}`),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101, message: /Sec-WebSocket-Accept/ },
    },
    {
      what: 'an extension that was not offered',
      answer: (head) => switchingProtocols(head, 'Sec-WebSocket-Extensions: x'),
      error: { code: 'WATERSHED_EXTENSION_MISMATCH', statusCode: 101, message: /extension that was not asked for/ },
    },
    {
      what: 'a subprotocol, when none was asked for',
      answer: (head) => switchingProtocols(head, 'Sec-WebSocket-Protocol: a'),
      error: { code: 'WATERSHED_SUBPROTOCOL_MISMATCH', statusCode: 101, message: /subprotocol a/ },
    },
    {
      what: 'a subprotocol in another case',
      protocols: ['a'],
      answer: (head) => switchingProtocols(head, 'Sec-WebSocket-Protocol: A'),
      error: { code: 'WATERSHED_SUBPROTOCOL_MISMATCH', statusCode: 101, message: /subprotocol A/ },
    },
    {
      what: 'no subprotocol, when one was asked for',
      protocols: ['a'],
      answer: (head) => switchingProtocols(head),
      error: { code: 'WATERSHED_SUBPROTOCOL_MISMATCH', statusCode: 101, message: /none of the subprotocols/ },
    },
    {
      what: 'two subprotocols in one line',
      protocols: ['a', 'b'],
      answer: (head) => switchingProtocols(head, 'Sec-WebSocket-Protocol: a, b'),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101, message: /single token/ },
    },
    {
      what: 'the subprotocol on two lines',
      protocols: ['a'],
      answer: (head) => switchingProtocols(head, 'Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: a'),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101, message: /single token/ },
    },
    {
      what: 'an empty subprotocol',
      protocols: ['a'],
      answer: (head) => switchingProtocols(head, 'Sec-WebSocket-Protocol:'),
      error: { code: 'WATERSHED_INVALID_RESPONSE', statusCode: 101, message: /single token/ },
    },
    {
      what: 'garbage',
      answer: () => 'SSH-2.0-OpenSSH\r\n',
      error: { code: 'HPE_INVALID_CONSTANT', message: /^What answers at 127\.0\.0\.1:\d+ does not speak HTTP/ },
    },
    {
      what: 'a head that is too long',
      answer: () => `HTTP/1.1 101 Switching Protocols\r\nX: ${'a'.repeat(20_000)}`,
      error: { code: 'HPE_HEADER_OVERFLOW', message: /Parse Error/ },
    },
  ];

  it.each(failures)('is reported once, with its reason, and the connection is closed: $what', async (failure) => {
    const server = await rawServer((socket, head) => {
      const answer = failure.answer(head);
      if (answer !== undefined) socket.write(answer);
    });
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`, {}, failure.protocols);
    const error = await attempt.failure;
    expect(error.message).toMatch(failure.error.message);
    expect(error.code).toBe(failure.error.code);
    expect(error.statusCode).toBe(failure.error.statusCode);
    expect(error instanceof HandshakeError).toBe(failure.error.statusCode !== undefined);
    await closed(server.sockets[0]);
    expect(attempt.reports).toHaveLength(1);
  });

  it("has the server's header fields", async () => {
    const { port } = await rawServer((socket) => {
      socket.write('HTTP/1.1 302 Found\r\nLocation: /b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n');
    });
    const { headers } = await open(`ws://127.0.0.1:${String(port)}`).failure;
    expect(headers).toEqual({ location: '/b', 'set-cookie': ['a=1', 'b=2'] });
  });

  it.each([
    { what: 'no answer at all', end: (socket: Socket) => socket.end() },
    { what: 'half a head', end: (socket: Socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgr') },
    { what: 'a reset', end: (socket: Socket) => socket.resetAndDestroy() },
    { what: 'half a head and a reset', end: (socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgr', () => socket.resetAndDestroy());
    } },
  ])('is reported once when the server goes away: $what', async ({ end }) => {
    const server = await rawServer((socket) => {
      end(socket);
    });
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`);
    const error = await attempt.failure;
    expect(error.message).not.toBe('');
    expect(error.code).toMatch(/^(ECONNRESET|HPE_\w+)$/);
    await closed(server.sockets[0]);
    await laterTick();
    expect(attempt.reports).toHaveLength(1);
  });

  it('has the code of the system when the connection is refused', async () => {
    const port = await freePort();
    const error = await open(`ws://127.0.0.1:${String(port)}`).failure;
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      message: `Nothing listens at 127.0.0.1:${String(port)} (ECONNREFUSED): is the server running, and is this its port?`,
      cause: { message: `connect ECONNREFUSED 127.0.0.1:${String(port)}` },
    });
  });

  it('has what happened at each address as its cause, when all refuse', async () => {
    const port = await freePort();
    const error = await open(`ws://example.com:${String(port)}`, {
      lookup: (_host, _options, callback) => {
        callback(null, [{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.2', family: 4 }]);
      },
    }).failure;
    expect(error.code).toBe('ECONNREFUSED');
    expect(error.message).toMatch(/^Nothing listens at example\.com:\d+ /);
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect((error.cause as AggregateError).errors).toMatchObject([{ address: '127.0.0.1' }, { address: '127.0.0.2' }]);
  });

  /** Fails with what it is given, as an agent may. */
  class FailingAgent extends http.Agent {
    readonly #failure: unknown;

    constructor(failure: unknown) {
      super();
      this.#failure = failure;
    }

    override createConnection(): never {
      throw this.#failure;
    }
  }

  it.each([
    ['ENOTFOUND', 'The host example.com is not known (ENOTFOUND): is its name right?'],
    ['ECONNRESET', 'The server at example.com:80 closed the connection before its answer (ECONNRESET): does it want wss: instead of ws:?'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'The certificate of example.com:80 is self-signed (SELF_SIGNED_CERT_IN_CHAIN): if you trust it, give it as the option ca'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', "Nobody known here has signed the certificate of example.com:80 (UNABLE_TO_VERIFY_LEAF_SIGNATURE): give its authority's as the option ca"],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', "Nobody known here has signed the certificate of example.com:80 (UNABLE_TO_GET_ISSUER_CERT_LOCALLY): give its authority's as the option ca"],
    ['EPROTO', 'as it was'],
  ])('says what %s means, and keeps the error of Node', async (code, message) => {
    const cause = Object.assign(new Error('as it was'), { code, syscall: 'any' });
    const error = await open('ws://example.com', { agent: new FailingAgent(cause) }).failure;
    expect(error).toMatchObject({ code, syscall: 'any', message });
    expect(error.cause ?? error).toBe(cause);
  });

  it('says that a server may speak no TLS when it closes the connection in the middle of that', async () => {
    const server = await rawServer();
    server.server.on('connection', (socket: Socket) => socket.once('data', () => socket.end()));
    const { code, message } = await open(`wss://127.0.0.1:${String(server.port)}`).failure;
    expect(code).toBe('ECONNRESET');
    expect(message).toMatch(/^The server at 127\.0\.0\.1:\d+ closed .* \(ECONNRESET\): does it speak TLS and WebSocket\?$/);
  });

  it.each([
    [403, 'it does not let this client in; it may look at the option origin, or at credentials'],
    [426, "nothing speaks WebSocket at this path, the server has no 'upgrade' listener, or a proxy drops the Upgrade header"],
    [503, 'it may be a proxy: is the server behind it running?'],
  ])('says what the status %i asks for', async (status, advice) => {
    const server = await rawServer((socket) => socket.end(`HTTP/1.1 ${String(status)} X\r\n\r\n`));
    const { message } = await open(`ws://127.0.0.1:${String(server.port)}`).failure;
    expect(message).toMatch(new RegExp(`^The server answered ${String(status)} [\\w ]+ instead of 101: ${advice.replace('?', '\\?')}$`));
  });

  it.each<{ what: string; thrown: unknown; message: string }>([
    { what: 'has no code', thrown: new Error('no way'), message: 'no way' },
    { what: 'has no message', thrown: Object.assign(new Error(''), { code: 'X' }), message: 'for an unknown reason' },
    { what: 'is an AggregateError', thrown: new AggregateError(['a', new Error('b')]), message: 'a, b' },
    { what: 'is a string', thrown: 'oh', message: 'for an unknown reason' },
    { what: 'is undefined', thrown: undefined, message: 'for an unknown reason' },
  ])('always has a message and a code, also where what an agent throws $what', async ({ thrown, message }) => {
    const error = await open('ws://127.0.0.1:8080', { agent: new FailingAgent(thrown) }).failure;
    expect(error).toMatchObject({ code: 'WATERSHED_CONNECTION_FAILED', cause: thrown });
    expect(error.message).toBe(`The connection could not be made: ${message}`);
    expect(error).toBeInstanceOf(WatershedError);
  });

  it('keeps an error that http.request throws', async () => {
    const error = await open('wss://127.0.0.1:8080', { agent: new http.Agent() }).failure;
    expect(error.code).toBe('ERR_INVALID_PROTOCOL');
  });
});
