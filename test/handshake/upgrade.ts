// A real node:http server, and raw TCP clients whose upgrade requests it gets.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';

export const REQUEST = [
  'GET /chat HTTP/1.1',
  'Host: example.com',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly client: Socket;
}

export class UpgradeServer {
  readonly server: Server = createServer();
  readonly #sockets = new Set<Duplex>();

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    this.server.on('connection', (socket) => this.#sockets.add(socket));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** Sends a request over TCP; gives both ends when the server has got it. */
  async upgrade(lines: readonly string[] = REQUEST): Promise<Upgrade> {
    const client = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true });
    this.#sockets.add(client);
    client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    const [request, socket] = (await once(this.server, 'upgrade')) as [IncomingMessage, Duplex];
    return { request, socket, client };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

/**
 * Waits for a socket's 'close'; gives its argument. Not `once` of node:events: that listens for 'error' too, and an
 * error that nobody else listens for has to be uncaught.
 */
export function closeOf(socket: Duplex): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

/** An HTTP response, once the sender has ended the connection. */
export async function readResponse(client: Socket): Promise<{ statusLine: string; fields: string[]; body: string }> {
  const response = await text(client);
  const headEnd = response.indexOf('\r\n\r\n');
  const [statusLine = '', ...fields] = response.slice(0, headEnd).split('\r\n');
  return { statusLine, fields, body: response.slice(headEnd + 4) };
}
