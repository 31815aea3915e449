// @ts-check
/**
 * File transfer: the client. See server.mjs.
 *
 *   node examples/file-transfer/client.mjs upload FILE [ws://127.0.0.1:8080]
 *   node examples/file-transfer/client.mjs download NAME FILE [ws://127.0.0.1:8080]
 */

import { basename } from 'node:path';
import { WatershedConnection, WebSocket } from 'watershed';
import { receiveFile, sendFile } from './transfer.mjs';

const [action, ...rest] = process.argv.slice(2);
const [name, file, address = 'ws://127.0.0.1:8080'] =
  action === 'upload' ? [basename(rest[0] ?? ''), ...rest] : rest;

/** @type {(bytes: number, size: number) => void} */
function showProgress(bytes, size) {
  const percent = size === 0 ? 100 : Math.floor((bytes / size) * 100);
  // One line that changes, where there is a terminal; elsewhere the last state of it.
  if (process.stdout.isTTY) process.stdout.write(`\r${percent} % of ${size} bytes`);
  if (bytes === size) console.log(`${process.stdout.isTTY ? '\r' : ''}100 % of ${size} bytes`);
}

async function main() {
  if ((action !== 'upload' && action !== 'download') || !name || file === undefined) {
    throw new Error('Usage: client.mjs upload FILE [URL], or client.mjs download NAME FILE [URL]');
  }
  const webSocket = new WebSocket(new URL(`/${action}/${encodeURIComponent(name)}`, address));
  const connection = WatershedConnection.from(webSocket);
  try {
    if (action === 'download') {
      // It waits for the first message; when the handshake fails it throws what went wrong.
      await receiveFile(connection, file, showProgress);
    } else {
      await new Promise((resolve, reject) => {
        webSocket.onopen = resolve;
        webSocket.onerror = ({ error }) => reject(error);
      });
      await sendFile(connection, file, showProgress);
    }
  } finally {
    // Closed already, unless something went wrong at this end.
    webSocket.close();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
