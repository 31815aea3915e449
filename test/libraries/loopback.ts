/** The other sides of the libraries: servers on this machine, and an address where there is none. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ServerOptions, WebSocketServer } from 'ws';
import { freePort } from '../interop/daemon.js';

/** Listens on a free port of 127.0.0.1; the server and its connections are gone after the test. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

/** A server of the ws package, and its address, which has no path. */
export async function listenWs(
  options: ServerOptions = {},
): Promise<{ server: WebSocketServer; port: number; url: string }> {
  const httpServer = createServer();
  const server = new WebSocketServer({ ...options, server: httpServer });
  const port = await listen(httpServer);
  return { server, port, url: `ws://127.0.0.1:${String(port)}` };
}

/** An address at which a connection is refused. */
export async function refusedUrl(): Promise<string> {
  return `ws://127.0.0.1:${String(await freePort())}`;
}

/** What a socket fires when its connection is refused: one error, one close. */
export const REFUSED = ['error', 'close 1006'];
