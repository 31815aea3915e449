/**
 * A testee is an echo endpoint, at either end of a connection: every message comes back as it was, PINGs are answered,
 * and nothing else is said. Here is the one that is made of Watershed.
 */

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { WebSocketServer } from 'ws';
import { Watershed, type WatershedConnection } from '../../src/index.js';

export interface Testee {
  /** Starts an echo server on a free port of 127.0.0.1. */
  listen(): Promise<EchoServer>;
  /** Connects a client to that port of 127.0.0.1, which echoes as long as the connection lives. */
  connect(port: number): void;
}

export interface EchoServer {
  readonly port: number;
  /** Resolves when the last connection is gone, too. */
  close(): Promise<void>;
}

/** Every message is compressed, if that is agreed on. */
const options = { perMessageDeflate: { threshold: 0 } };

/** The echo server that a server is which has begun to listen. */
export async function echoServer(server: Server | WebSocketServer): Promise<EchoServer> {
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      await once(server, 'close');
    },
  };
}

export const watershedTestee: Testee = {
  listen() {
    const watershed = new Watershed(options);
    const server = createServer();
    server.on('upgrade', (req, socket, head) => {
      echo(watershed.accept(req, socket, head));
    });
    return echoServer(server.listen(0, '127.0.0.1'));
  },

  connect(port) {
    const key = Watershed.generateKey();
    const req = request({ host: '127.0.0.1', port, headers: Watershed.requestHeaders(key, options) });
    req.on('upgrade', (res, socket, head) => {
      echo(Watershed.connect(res, socket, head, key, options));
    });
    req.end();
  },
};

function echo(connection: WatershedConnection): void {
  connection.on('text', (text) => connection.send(text));
  connection.on('binary', (bytes) => connection.send(bytes));
}
