// @ts-check
/**
 * Broadcast: a ticker that sends the same prices to everybody, once for all, and leaves out those who are slow.
 *
 *   node examples/broadcast.mjs        and as often as you like:   node examples/echo/client.mjs
 *
 * `PORT` takes another port than 8080 (0 finds a free one), `INTERVAL` another pace than a tick in 1000 ms, `SYMBOLS`
 * another number of prices than 10.
 *
 * Somebody who reads slower than the ticks come would get older and older prices out of a buffer that grows and grows.
 * Left out while the buffer is full, they get the newest prices as soon as they have caught up.
 */

import { createServer } from 'node:http';
import { HandshakeError, Watershed } from 'watershed';

const { PORT = 8080, INTERVAL = 1000, SYMBOLS = 10 } = process.env;

const watershed = new Watershed({ heartbeat: { interval: 30_000, timeout: 10_000 } });
/** @type {Set<import('watershed').WatershedConnection>} */
const connections = new Set();
const prices = new Map(Array.from({ length: Number(SYMBOLS) }, (_, index) => [`S${index}`, 100]));
let tick = 0;
let skipped = 0;

function sendTick() {
  tick++;
  for (const [symbol, price] of prices) prices.set(symbol, Number((price * (0.99 + Math.random() / 50)).toFixed(2)));
  const message = JSON.stringify({ tick, prices: Object.fromEntries(prices) });
  // The frame is made once, whoever it goes to.
  const receivers = Watershed.broadcast(connections, message, { skip: 'slow' });
  report(connections.size - receivers);
}

/** @param {number} count */
function report(count) {
  if (count === skipped) return;
  skipped = count;
  console.log(`tick ${tick}: ${skipped} of ${connections.size} left out`);
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
  connections.add(connection);
  connection.on('end', () => connections.delete(connection));
});

const timer = setInterval(sendTick, Number(INTERVAL));

server.listen(PORT, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Ticker at ws://localhost:${port}/ (Ctrl-C stops it)`);
});

async function stop() {
  clearInterval(timer);
  server.close();
  await watershed.closeAll({ timeout: 2000 });
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
