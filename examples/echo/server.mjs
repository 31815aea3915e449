// @ts-check
/**
 * Echo: a server that sends every message back, in the standard face.
 *
 *   node examples/echo/server.mjs        and in another terminal:   node examples/echo/client.mjs
 *
 * `PORT` takes another port than 8080; 0 finds a free one.
 */

import { createServer } from 'node:http';
import { HandshakeError, Watershed, WebSocket } from 'watershed';

// It knows the connections that are made with it, for the end.
const watershed = new Watershed();

// Who comes without a WebSocket is told what this is.
const server = createServer((_request, response) => {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade', 'Content-Type': 'text/plain' });
  response.end('This address speaks WebSocket.\n');
});

server.on('upgrade', (request, socket, head) => {
  let webSocket;
  try {
    webSocket = WebSocket.accept(request, socket, head, { watershed });
  } catch (error) {
    Watershed.reject(socket, error instanceof HandshakeError ? error : 500);
    return;
  }

  webSocket.binaryType = 'arraybuffer';
  // A text comes as a string and goes back as a text, bytes as bytes.
  webSocket.onmessage = ({ data }) => webSocket.send(data);
});

server.listen(process.env.PORT ?? 8080, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Echo at ws://localhost:${port}/ (Ctrl-C stops it)`);
});

async function stop() {
  server.close();
  await watershed.closeAll();
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
