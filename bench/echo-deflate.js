/**
 * The processor time that a server takes to echo a compressed message: Watershed beside ws, each in a process of its
 * own, in interleaved rounds, with the same client (ws). It gives the median of the rounds.
 *
 *     npm run build && node bench/echo-deflate.js [rounds, 7 if not given]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WebSocket as WsWebSocket, WebSocketServer } from 'ws';
import { Watershed } from '../dist/index.js';

const [rounds = '7', library, setting] = process.argv.slice(2);
const entries = Array.from({ length: 2_000 }, (_, id) => ({ id, name: `name ${String(id * 7919)}`, ok: true }));
const json = JSON.stringify(entries);
/** The size of a message, and how many a round has. */
const loads = [[1_024, 3_000], [65_536, 150]];

if (library === undefined) await compare();
else serve(library, String(setting));

async function compare() {
  for (const setting of ['context takeover', 'no context takeover', 'off']) {
    const servers = await Promise.all(['watershed', 'ws'].map((name) => start(name, setting)));
    for (const [size = 0, messages = 0] of loads) {
      for (const server of servers) await round(server, size, messages);
      /** @type {number[][]} */
      const times = servers.map(() => []);
      for (let index = 0; index < Number(rounds); index++) {
        for (const [which, server] of servers.entries()) times[which]?.push(await round(server, size, messages));
      }
      const [ours = 0, theirs = 0] = times.map(median);
      const name = `${String(size)} bytes, ${setting}`;
      console.log(`${name.padEnd(34)} watershed ${ours.toFixed(0)} µs   ws ${theirs.toFixed(0)} µs`);
    }
    for (const { server, client } of servers) {
      client.terminate();
      server.kill();
    }
  }
}

/**
 * @param {string} name
 * @param {string} setting
 */
async function start(name, setting) {
  const server = fork(fileURLToPath(import.meta.url), [rounds, name, setting]);
  const [{ port }] = await once(server, 'message');
  const client = new WsWebSocket(`ws://127.0.0.1:${String(port)}/`, { perMessageDeflate: { threshold: 0 } });
  await once(client, 'open');
  return { server, client };
}

/**
 * Microseconds of the server's processor for each message, sent one after the other.
 * @param {Awaited<ReturnType<typeof start>>} pair
 * @param {number} size
 * @param {number} messages
 */
async function round({ server, client }, size, messages) {
  server.send('start');
  await once(server, 'message');
  for (let index = 0; index < messages; index++) {
    const offset = (index * 37) % 1_000;
    client.send(json.slice(offset, offset + size));
    await once(client, 'message');
  }
  server.send('stop');
  const [{ cpu }] = await once(server, 'message');
  return cpu / messages;
}

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/**
 * @param {string} name
 * @param {string} setting
 */
function serve(name, setting) {
  const noContextTakeover = setting === 'no context takeover';
  const takeover = { serverNoContextTakeover: noContextTakeover, clientNoContextTakeover: noContextTakeover };
  const perMessageDeflate = setting === 'off' ? false : takeover;
  const server = createServer();
  if (name === 'ws') {
    new WebSocketServer({ server, perMessageDeflate }).on('connection', (webSocket) => {
      webSocket.on('message', (data) => { webSocket.send(data.toString()); });
    });
  } else {
    server.on('upgrade', (request, socket, head) => {
      const connection = Watershed.accept(request, socket, head, { perMessageDeflate });
      connection.on('text', (text) => { connection.send(text); });
    });
  }
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ port: /** @type {import('node:net').AddressInfo} */ (server.address()).port });
  });
  let since = process.cpuUsage();
  process.on('message', (message) => {
    if (message === 'start') since = process.cpuUsage();
    const { user, system } = process.cpuUsage(since);
    process.send?.({ cpu: user + system });
  });
}
