// @ts-check
/**
 * Proxy: passes WebSocket connections on to another server, whatever they carry. Both handshakes are Watershed's, and
 * with `detached` the rest is two raw sockets, piped: no frame is taken apart on its way.
 *
 *   node examples/echo/server.mjs
 *   PORT=8081 TARGET=http://localhost:8080 node examples/proxy.mjs
 *   node examples/echo/client.mjs ws://localhost:8081
 *
 * The client's path, its subprotocols, its cookies, its Authorization and its Origin go to the target; what the target
 * chooses or refuses comes back.
 */

import { createServer, request as makeRequest } from 'node:http';
import { pipeline } from 'node:stream';
import { HandshakeError, Watershed } from 'watershed';

const { PORT = 8081, TARGET = 'http://localhost:8080' } = process.env;
const PASSED_ON = ['authorization', 'cookie', 'origin', 'sec-websocket-protocol', 'user-agent'];

/** @typedef {import('node:stream').Duplex} Duplex */

/**
 * The sockets of all connections: Watershed knows nothing of them any more.
 * @type {Set<Duplex>}
 */
const sockets = new Set();

const server = createServer((_request, response) => {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade', 'Content-Type': 'text/plain' });
  response.end('This proxy speaks WebSocket.\n');
});

server.on('upgrade', async (request, socket, head) => {
  // Until the target has answered nobody else listens for the socket's errors.
  Watershed.guard(socket);
  let target;
  try {
    target = await connectToTarget(request);
    const options = { detached: /** @type {const} */ (true), protocols: target.protocols };
    pipe(Watershed.accept(request, socket, head, options), target.socket);
  } catch (error) {
    // The target has refused or is not there, the client's handshake is wrong, or the client has gone away meanwhile.
    target?.socket.destroy();
    console.error(error instanceof Error ? error.message : error);
    Watershed.reject(socket, error instanceof HandshakeError ? error : 502);
  }
});

/**
 * @param {import('node:http').IncomingMessage} request
 * @returns {Promise<{ socket: Duplex, protocols: string[] | undefined }>}
 */
function connectToTarget(request) {
  return new Promise((resolve, reject) => {
    const key = Watershed.generateKey();
    const passedOn = PASSED_ON.flatMap((name) => {
      const value = request.headers[name];
      return value === undefined ? [] : [[name, value]];
    });
    const upstream = makeRequest(TARGET, {
      // Not a URL relative to the target's: `//example.com/` would be another host.
      path: request.url,
      headers: { ...Object.fromEntries(passedOn), ...Watershed.requestHeaders(key) },
    });
    upstream.on('upgrade', (response, socket, head) => {
      try {
        const protocol = response.headers['sec-websocket-protocol'];
        const protocols = protocol === undefined ? undefined : [protocol];
        resolve({ socket: Watershed.connect(response, socket, head, key, true), protocols });
      } catch (error) {
        socket.destroy();
        reject(error);
      }
    });
    upstream.on('response', ({ statusCode = 0, headers }) => {
      upstream.destroy();
      const message = `The target answered ${statusCode}`;
      const { 'www-authenticate': challenge } = headers;
      reject(new HandshakeError('WATERSHED_UNEXPECTED_STATUS', statusCode, message, { 'WWW-Authenticate': challenge }));
    });
    upstream.on('error', reject);
    upstream.end();
  });
}

/**
 * @param {Duplex} client
 * @param {Duplex} target
 */
function pipe(client, target) {
  for (const socket of [client, target]) {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  }
  // The end of one direction is passed on; an error ends both.
  pipeline(client, target, () => undefined);
  pipeline(target, client, () => undefined);
}

server.listen(PORT, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Proxy at ws://localhost:${port}/ for ${TARGET} (Ctrl-C stops it)`);
});

function stop() {
  server.close();
  for (const socket of sockets) socket.destroy();
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
