/**
 * What a connection costs that has negotiated permessage-deflate, idle: unused, and after one message of 2 KiB each way
 * was compressed. Watershed beside ws, each server in a process of its own.
 *
 *     npm run build && node bench/memory-deflate.js [connections, 5000 if not given]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WebSocket as WsWebSocket, WebSocketServer } from 'ws';
import { Watershed } from '../dist/index.js';

const [count = '5000', role, url] = process.argv.slice(2);
const MESSAGE = JSON.stringify(Array.from({ length: 60 }, (_, id) => ({ id, name: `name ${String(id)}`, ok: true })));

if (role === undefined) await compare();
else if (role === 'client') await connectAll(String(url));
else serve(role);

/** A server for each library and setting, one after the other. */
async function compare() {
  console.log(`${count} connections, KiB of resident memory for each`);
  for (const library of ['watershed', 'ws']) {
    for (const setting of ['off', 'context takeover', 'no context takeover']) {
      const { unused, used } = await measure(`${library}, ${setting}`);
      console.log(`${`${library}, ${setting}`.padEnd(34)} unused ${unused.padStart(7)}   used ${used.padStart(7)}`);
    }
  }
}

/** @param {string} serverRole */
async function measure(serverRole) {
  const file = fileURLToPath(import.meta.url);
  const server = fork(file, [count, serverRole], { execArgv: ['--expose-gc'] });
  const [{ port }] = await once(server, 'message');
  const before = await ask(server);
  const client = fork(file, [count, 'client', `ws://127.0.0.1:${String(port)}/`]);
  await once(client, 'message');
  const unused = (await ask(server)) - before;
  client.send('use');
  await once(client, 'message');
  const used = (await ask(server)) - before;
  client.kill();
  server.kill();
  await Promise.all([once(client, 'exit'), once(server, 'exit')]);
  return { unused: perConnection(unused), used: perConnection(used) };
}

/** @param {number} bytes */
function perConnection(bytes) {
  return (bytes / Number(count) / 1024).toFixed(1);
}

/**
 * The server's resident memory after a collection.
 * @param {import('node:child_process').ChildProcess} server
 */
async function ask(server) {
  server.send('memory');
  const [{ rss }] = await once(server, 'message');
  return rss;
}

/** @param {string} serverRole */
function serve(serverRole) {
  const noContextTakeover = serverRole.endsWith('no context takeover');
  const takeover = { serverNoContextTakeover: noContextTakeover, clientNoContextTakeover: noContextTakeover };
  const perMessageDeflate = serverRole.endsWith('off') ? false : takeover;
  const server = createServer();
  if (serverRole.startsWith('ws')) {
    new WebSocketServer({ server, perMessageDeflate }).on('connection', (webSocket) => {
      webSocket.on('message', (data) => { webSocket.send(data.toString()); });
    });
  } else {
    server.on('upgrade', (request, socket, head) => {
      const connection = Watershed.accept(request, socket, head, { perMessageDeflate });
      connection.on('text', (text) => { connection.send(text); });
    });
  }
  server.listen(0, '127.0.0.1', 4096, () => {
    process.send?.({ port: /** @type {import('node:net').AddressInfo} */ (server.address()).port });
  });
  process.on('message', async () => {
    // What has become free is given back to the system by and by.
    for (let round = 0; round < 5; round++) {
      globalThis.gc?.();
      await new Promise((resolve) => { setTimeout(resolve, 200); });
    }
    process.send?.({ rss: process.memoryUsage.rss() });
  });
}

/** @param {string} address */
async function connectAll(address) {
  const webSockets = [];
  for (let index = 0; index < Number(count); index++) {
    const webSocket = new WsWebSocket(address, { perMessageDeflate: { threshold: 0 } });
    await once(webSocket, 'open');
    webSockets.push(webSocket);
  }
  process.send?.('open');
  await once(process, 'message');
  for (const webSocket of webSockets) {
    webSocket.send(MESSAGE);
    await once(webSocket, 'message');
  }
  process.send?.('used');
}
