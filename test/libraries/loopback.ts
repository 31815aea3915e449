/** The other sides of the libraries: servers on this machine, and an address where there is none. */
import { createServer } from 'node:http';
import { type ServerOptions, WebSocketServer } from 'ws';
import { listenOn } from '../classic/ends.js';
import { freePort } from '../interop/daemon.js';

/** A server of the ws package, and its address, which has no path. */
export async function listenWs(
  options: ServerOptions = {},
): Promise<{ server: WebSocketServer; port: number; url: string }> {
  const httpServer = createServer();
  const server = new WebSocketServer({ ...options, server: httpServer });
  const port = await listenOn(httpServer);
  return { server, port, url: `ws://127.0.0.1:${String(port)}` };
}

/** An address at which a connection is refused. */
export async function refusedUrl(): Promise<string> {
  return `ws://127.0.0.1:${String(await freePort())}`;
}

/** What a socket fires when its connection is refused: one error, one close. */
export const REFUSED = ['error', 'close 1006'];
