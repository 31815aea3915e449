/** A server for the command line to talk to that is not ours: that of `ws`, gone when the test is over. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';

export interface TestServer {
  readonly url: string;
  readonly server: WebSocketServer;
}

export async function serve(
  onConnection: (socket: WebSocket, request: IncomingMessage) => void,
  options: ServerOptions = {},
): Promise<TestServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  server.on('connection', onConnection);
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return { url: `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}`, server };
}

export function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => {
    socket.send(data as Buffer, { binary: isBinary });
  });
}
