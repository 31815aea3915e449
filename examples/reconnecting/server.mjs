// @ts-check
/**
 * Reconnecting: a server with a stream of events that a client can take up where it was interrupted.
 *
 *   node examples/reconnecting/server.mjs        and in another terminal:   node examples/reconnecting/client.mjs
 *
 * `PORT` takes another port than 8080 (0 finds a free one), `INTERVAL` another pace than an event in 1000 ms.
 *
 * Each event has a cursor. Who connects to `/?after=CURSOR` gets the events after that one, then those that are new;
 * who names none, or one that this server does not know (any more), gets all that it still has.
 */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { HandshakeError, Watershed } from 'watershed';

const { PORT = 8080, INTERVAL = 1000 } = process.env;
const KEPT = 1000;

const watershed = new Watershed({ maxPayload: 1000, heartbeat: { interval: 30_000, timeout: 10_000 } });
/** @type {Set<import('watershed').WatershedConnection>} */
const connections = new Set();

// Numbers begin again when the server does: the name of this run tells them from those of the last one.
const run = randomUUID().slice(0, 8);
/** @type {{ cursor: string, text: string }[]} */
const events = [];
let count = 0;

function happen() {
  count++;
  const event = { cursor: `${run}-${count}`, text: `event ${count} at ${new Date().toISOString()}` };
  events.push(event);
  if (events.length > KEPT) events.shift();
  Watershed.broadcast(connections, JSON.stringify(event));
}

const server = createServer((_request, response) => {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade', 'Content-Type': 'text/plain' });
  response.end('This address speaks WebSocket.\n');
});

server.on('upgrade', (request, socket, head) => {
  let connection;
  try {
    connection = watershed.accept(request, socket, head);
  } catch (error) {
    watershed.reject(socket, error instanceof HandshakeError ? error : 500);
    return;
  }
  const after = new URLSearchParams(request.url?.split('?')[1]).get('after');
  // -1, if it is not there: then everything is new.
  const last = events.findIndex(({ cursor }) => cursor === after);
  for (const event of events.slice(last + 1)) connection.send(JSON.stringify(event));
  // In the same tick: no event can come in between, to be lost or to be sent twice.
  connections.add(connection);
  connection.on('end', () => connections.delete(connection));
});

const timer = setInterval(happen, Number(INTERVAL));

server.listen(PORT, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Events at ws://localhost:${port}/ (Ctrl-C stops it)`);
});

async function stop() {
  clearInterval(timer);
  server.close();
  await watershed.closeAll({ timeout: 2000 });
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
