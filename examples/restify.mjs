// @ts-check
/**
 * Restify: a server with routes of restify, one of which becomes a WebSocket by `claimUpgrade`, in the classic face.
 *
 *   npm install restify
 *   node examples/restify.mjs        and in another terminal:   node examples/echo/client.mjs ws://localhost:8080/attach
 *
 * `PORT` takes another port than 8080; 0 finds a free one.
 */

import restify from 'restify';
import { HandshakeError, Watershed } from 'watershed';

const watershed = new Watershed();
const server = restify.createServer({ name: 'watershed', handleUpgrades: true });

server.get('/', (_request, response, next) => {
  response.send({ attach: '/attach' });
  next();
});

// In the types of restify it is the request that has it.
/** @typedef {{ claimUpgrade?(): { socket: import('node:stream').Duplex, head: Buffer } }} Upgradable */

server.get('/attach', (request, response, next) => {
  const upgradable = /** @type {restify.Response & Upgradable} */ (response);
  if (upgradable.claimUpgrade === undefined) {
    response.send(426, { message: 'This route speaks WebSocket' }, { Upgrade: 'websocket' });
    next();
    return;
  }

  // From here on the answer is ours, and restify leaves the socket alone.
  const { socket, head } = upgradable.claimUpgrade();
  try {
    const connection = watershed.accept(request, socket, head);
    connection.on('text', (text) => connection.send(text));
    connection.on('binary', (bytes) => connection.send(bytes));
    connection.on('end', (code, reason) => console.log(`${connection.id} ended: ${code} ${reason}`));
  } catch (error) {
    watershed.reject(socket, error instanceof HandshakeError ? error : 500);
  }
  next(false);
});

server.listen(process.env.PORT ?? 8080, () => {
  console.log(`Restify at http://localhost:${server.address().port}/ (Ctrl-C stops it)`);
});

async function stop() {
  server.close();
  await watershed.closeAll();
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
