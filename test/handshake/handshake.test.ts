// Both ends against independent peers, over TCP.
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket as WsClient, WebSocketServer } from 'ws';

import { HandshakeError } from '../../src/errors.js';
import { checkResponse, requestHeaders } from '../../src/handshake/client.js';
import { generateKey } from '../../src/handshake/key.js';
import { acceptHandshake } from '../../src/handshake/server.js';
import { REQUEST, UpgradeServer } from './upgrade.js';

describe("the server's end", () => {
  let server: UpgradeServer;
  beforeEach(async () => {
    server = new UpgradeServer();
    await server.listen();
  });
  afterEach(() => server.close());

  const options = { isSecure: false, versionRequired: true };

  it('accepts the request of a ws client, and the client takes the answer', async () => {
    const client = new WsClient(`ws://127.0.0.1:${String(server.port)}/`, ['b', 'a'], {
      headers: { Origin: `http://127.0.0.1:${String(server.port)}` },
    });
    const [request, socket] = (await once(server.server, 'upgrade')) as [IncomingMessage, Socket];
    const accepted = acceptHandshake(request, { ...options, protocols: ['a'], origin: 'same-origin' });
    socket.write(accepted.responseHead, 'latin1');
    await once(client, 'open');
    expect(client.protocol).toBe('a');
    expect(client.extensions).toBe('');
    client.on('close', () => socket.destroy());
    client.terminate();
  });

  function refusedWith(request: IncomingMessage): unknown {
    try {
      acceptHandshake(request, { ...options, origin: ['http://example.com'] });
    } catch (error) {
      return error instanceof HandshakeError ? `${String(error.statusCode)} ${error.message}` : error;
    }
    return 'accepted';
  }

  const without = (name: string): string[] => REQUEST.filter((line) => !line.startsWith(name));

  it.each([
    { lines: REQUEST, outcome: 'accepted' },
    { lines: [...REQUEST, 'Origin: http://example.com'], outcome: 'accepted' },
    {
      lines: [...REQUEST, 'Origin: http://example.com', 'Origin: http://example.com'],
      outcome: '403 The origin policy does not allow the Origin',
    },
    { lines: [...without('Connection'), 'Connection: foo', 'Connection: uPGRADE'], outcome: 'accepted' },
    { lines: without('Host'), outcome: '400 Missing Host Header' },
    { lines: without('Sec-WebSocket-Key'), outcome: '400 Missing Sec-WebSocket-Key Header' },
    {
      lines: [...REQUEST, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
      outcome: '400 RFC 6455 section 4.2.1: Sec-WebSocket-Key is the base64 of 16 bytes, this one is not',
    },
    { lines: [...REQUEST, 'Sec-WebSocket-Version: 8'], outcome: '426 Unsupported Sec-WebSocket-Version' },
    {
      lines: ['POST / HTTP/1.1', ...REQUEST.slice(1)],
      outcome: '405 RFC 6455 section 4.1: the method of the opening handshake is GET',
    },
    {
      lines: ['GET / HTTP/1.0', ...REQUEST.slice(1)],
      outcome: '400 RFC 6455 section 4.1: the HTTP version is at least 1.1',
    },
  ])('judges a request that node:http has parsed: $outcome', async ({ lines, outcome }) => {
    const { request } = await server.upgrade(lines);
    expect(refusedWith(request)).toBe(outcome);
  });
});

describe("the client's end", () => {
  let server: WebSocketServer;
  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'a' });
    await once(server, 'listening');
  });
  afterEach(async () => {
    for (const client of server.clients) client.terminate();
    server.close();
    await once(server, 'close');
  });

  it('makes a request that a ws server accepts, and takes its answer', async () => {
    const key = generateKey();
    const { port } = server.address() as AddressInfo;
    const headers = requestHeaders(key, { protocols: ['a', 'b'], origin: 'http://example.com' });
    const request = httpRequest({ port, host: '127.0.0.1', headers }).end();
    const [response, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket];
    socket.on('error', () => undefined); // The server is terminated under it.
    expect(checkResponse(response, key, { protocols: ['a', 'b'] })).toEqual({ subprotocol: 'a', extensions: '' });
    expect(() => checkResponse(response, key, { protocols: ['b'] })).toThrow(HandshakeError);
    expect(() => checkResponse(response, generateKey())).toThrow('Missing Sec-WebSocket-Accept Header');
    socket.destroy();
  });
});
