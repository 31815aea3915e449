// The client's handshake over TLS, against node:https.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';

import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { open, switchingProtocols } from './opening.js';

// Signed by itself, for localhost and 127.0.0.1: it is its own authority.
const cert = readFileSync(new URL('../fixtures/localhost-cert.pem', import.meta.url));
const key = readFileSync(new URL('../fixtures/localhost-key.pem', import.meta.url));

describe('a handshake over TLS', () => {
  let server: Server;
  let url: string;
  /** Whether each client's certificate was right. */
  let authorized: boolean[];

  beforeEach(async () => {
    authorized = [];
    server = createServer({ cert, key, ca: cert, requestCert: true, rejectUnauthorized: false });
    server.on('upgrade', (request, socket) => {
      authorized.push(socket instanceof TLSSocket && socket.authorized);
      const head = `\r\nSec-WebSocket-Key: ${String(request.headers['sec-websocket-key'])}`;
      socket.end(switchingProtocols(head));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    url = `wss://localhost:${String((server.address() as AddressInfo).port)}/`;
  });

  it('trusts the authority of `ca`', async () => {
    const { socket } = await open(url, { ca: cert }).established;
    expect(socket).toBeInstanceOf(TLSSocket);
    expect(authorized).toEqual([false]);
  });

  it('shows the certificate of the client', async () => {
    await open(url, { ca: cert, cert, key }).established;
    expect(authorized).toEqual([true]);
  });

  it('fails with the code of node:tls when the certificate is not trusted', async () => {
    expect(await open(url).failure).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await open(url, { rejectUnauthorized: false }).established;
  });

  it('fails when the certificate is for another host', async () => {
    expect(await open(url, { ca: cert, servername: 'example.com' }).failure).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('asks checkServerIdentity', async () => {
    const checkServerIdentity = (): Error => new Error('not pinned');
    expect(await open(url, { ca: cert, checkServerIdentity }).failure).toMatchObject({
      code: 'WATERSHED_CONNECTION_FAILED',
      message: 'The connection could not be made: not pinned',
    });
  });

  it('reports a certificate that is none as a failure', async () => {
    const { code } = await open(url, { ca: cert, cert: 'no certificate', key }).failure;
    expect(code).toMatch(/^ERR_OSSL_/);
  });

  it('does not show the certificate of the client to another origin', async () => {
    const target = url;
    const redirecting = createServer({ cert, key, ca: cert, requestCert: true });
    redirecting.on('upgrade', (_request, socket) => {
      authorized.push(socket instanceof TLSSocket && socket.authorized);
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${target}\r\nContent-Length: 0\r\n\r\n`);
    });
    redirecting.listen(0, '127.0.0.1');
    await once(redirecting, 'listening');
    onTestFinished(() => {
      redirecting.close();
    });
    const { port } = redirecting.address() as AddressInfo;
    await open(`wss://localhost:${String(port)}/`, { ca: cert, cert, key, followRedirects: true }).established;
    expect(authorized).toEqual([true, false]);
  });

  it('fails when a server that speaks TLS is asked without it', async () => {
    expect((await open(url.replace('wss', 'ws')).failure).code).toMatch(/^(ECONNRESET|HPE_\w+)$/);
  });
});
