/** The server's process of the soak: it echoes, and closes or resets a connection when that is asked of it. */
import { takeStock, memory } from './stock.js';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Watershed, WatershedConnection, WebSocket } from 'watershed';
import { answerCalls } from '../../bench/calls.js';

/** Connections that may wait to be accepted. */
const BACKLOG = 8_192;
const CLOSE_ALL_TIMEOUT = 60_000;

const options = {
  perMessageDeflate: { threshold: 0 },
  // There is one timer of it for every connection, and one for every closing.
  heartbeat: { interval: 30_000, timeout: 60_000 },
  closeTimeout: CLOSE_ALL_TIMEOUT,
};

let watershed;
let server;
const errors = [];

answerCalls({
  /** Resolves with the port. */
  async listen() {
    watershed = new Watershed(options);
    // How fast a machine is that has much to do is not the question.
    server = createServer({ headersTimeout: 0, requestTimeout: 0 });
    // The faces in turns.
    server.on('upgrade', (req, socket, head) => {
      if (req.url === '/standard') serveStandard(req, socket, head);
      else serveClassic(req, socket, head);
    });
    server.listen(0, '127.0.0.1', BACKLOG);
    await once(server, 'listening');
    return server.address().port;
  },

  /** Closes all connections that are left; resolves with how they ended. */
  closeAll: () => watershed.closeAll({ timeout: CLOSE_ALL_TIMEOUT }),

  /** Stops listening. Resolves with the number of connections that somebody still knows, and the errors there were. */
  async stop() {
    const { clean, destroyed } = await watershed.closeAll({ timeout: 0 });
    const connections = await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
    server = undefined;
    watershed = undefined;
    return { connections: clean + destroyed + connections, errors: errors.splice(0) };
  },

  stock: takeStock,
  memory,
});

function serveClassic(req, socket, head) {
  const connection = watershed.accept(req, socket, head);
  connection.on('error', ({ message }) => { errors.push(message); });
  connection.on('text', (text) => {
    if (text === '!close') connection.end();
    else if (text === '!reset') connection.socket.resetAndDestroy();
    else connection.send(text);
  });
}

function serveStandard(req, socket, head) {
  const webSocket = WebSocket.accept(req, socket, head, { ...options, watershed });
  webSocket.onerror = ({ message }) => { errors.push(message); };
  webSocket.onmessage = ({ data }) => {
    if (data === '!close') webSocket.close(1000);
    else if (data === '!reset') WatershedConnection.from(webSocket).socket.resetAndDestroy();
    else webSocket.send(data);
  };
}
