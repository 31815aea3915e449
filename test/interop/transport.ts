/**
 * The transports that WebSocket is run over: an HTTP server on each, and where a client finds it. They know nothing of
 * WebSocket.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import {
  type ClientRequest,
  createServer as createHttpServer,
  request as httpRequest,
  type Server as HttpServer,
} from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export type Server = HttpServer | HttpsServer;

export interface Endpoint {
  /** `ws:` or `wss:`. */
  readonly url: string;
  /** Where to connect to instead of the URL's host and port. */
  readonly socketPath?: string;
  /** The certificate to trust. */
  readonly ca?: Buffer;
}

export interface Transport {
  readonly name: string;
  /** Starts a server, which is closed when the test is finished; it has to have lost its last connection by then. */
  listen(): Promise<{ readonly server: Server; readonly endpoint: Endpoint }>;
}

const cert = readFileSync(new URL('../fixtures/localhost-cert.pem', import.meta.url));
const key = readFileSync(new URL('../fixtures/localhost-key.pem', import.meta.url));

export const tcp: Transport = {
  name: 'TCP',
  async listen() {
    const server = createHttpServer();
    const port = await listenOnPort(server);
    return { server, endpoint: { url: `ws://127.0.0.1:${String(port)}/` } };
  },
};

export const tls: Transport = {
  name: 'TLS',
  async listen() {
    const server = createHttpsServer({ cert, key });
    const port = await listenOnPort(server);
    return { server, endpoint: { url: `wss://localhost:${String(port)}/`, ca: cert } };
  },
};

export const unixSocket: Transport = {
  name: 'a Unix socket',
  async listen() {
    const directory = mkdtempSync(join(tmpdir(), 'watershed-'));
    onTestFinished(() => {
      rmSync(directory, { recursive: true });
    });
    const socketPath = join(directory, 'socket');
    const server = createHttpServer();
    await listen(server, { path: socketPath });
    return { server, endpoint: { url: 'ws://localhost/', socketPath } };
  },
};

export const transports: readonly Transport[] = [tcp, tls, unixSocket];

/** Sends a GET request with these header fields. */
export function request({ url, socketPath, ca }: Endpoint, headers: Record<string, string>): ClientRequest {
  const { protocol, hostname, port } = new URL(url);
  const options = { hostname, port, socketPath, ca, headers, agent: false };
  return (protocol === 'wss:' ? httpsRequest(options) : httpRequest(options)).end();
}

async function listenOnPort(server: Server): Promise<number> {
  await listen(server, { host: '127.0.0.1', port: 0 });
  return (server.address() as AddressInfo).port;
}

async function listen(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  server.listen(where);
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
}
