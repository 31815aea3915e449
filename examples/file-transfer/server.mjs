// @ts-check
/**
 * File transfer: a server that takes files and gives them back, with progress and in bounded memory. The transfer itself
 * is in transfer.mjs, which both ends use.
 *
 *   node examples/file-transfer/server.mjs        and in another terminal:
 *   node examples/file-transfer/client.mjs upload big.iso
 *   node examples/file-transfer/client.mjs download big.iso copy.iso
 *
 * `PORT` takes another port than 8080 (0 finds a free one), `FOLDER` another folder than `watershed-files` among the
 * system's temporary ones. It listens on this machine alone: anybody who can reach it can write into the folder.
 */

import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HandshakeError, Watershed } from 'watershed';
import { receiveFile, sendFile } from './transfer.mjs';

const { PORT = 8080, FOLDER = join(tmpdir(), 'watershed-files') } = process.env;
mkdirSync(FOLDER, { recursive: true });

// A chunk is 64 KiB. The heartbeat ends the connections of those who stop in the middle.
const watershed = new Watershed({ maxPayload: 1024 * 1024, heartbeat: { interval: 30_000, timeout: 10_000 } });

const server = createServer((_request, response) => {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade', 'Content-Type': 'text/plain' });
  response.end('This address speaks WebSocket.\n');
});

server.on('upgrade', async (request, socket, head) => {
  // A plain name, so that no path leads out of the folder.
  const [, action, name = ''] = /^\/(upload|download)\/(\w[\w.-]*)$/.exec(request.url ?? '') ?? [];
  if (action === undefined) {
    watershed.reject(socket, 404, { body: 'The paths are /upload/NAME and /download/NAME\n' });
    return;
  }

  let connection;
  try {
    connection = watershed.accept(request, socket, head);
  } catch (error) {
    watershed.reject(socket, error instanceof HandshakeError ? error : 500);
    return;
  }

  const path = join(FOLDER, name);
  try {
    if (action === 'upload') console.log(`${name}: received ${await receiveFile(connection, path)} bytes`);
    else console.log(`${name}: sent ${await sendFile(connection, path)} bytes`);
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : error}`);
    // There is no such file, for instance. Does nothing where the connection has ended already.
    connection.end(1011, 'the transfer failed');
  }
});

server.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Files at ws://127.0.0.1:${port}/ in ${FOLDER} (Ctrl-C stops it)`);
});

async function stop() {
  server.close();
  await watershed.closeAll({ timeout: 2000 });
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
