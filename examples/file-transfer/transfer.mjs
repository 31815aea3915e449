// @ts-check
/**
 * File transfer: one file over a connection, in either direction; both ends use it. However large it is, a few chunks
 * of it are in memory: the sender reads on when the socket has taken what was read before, and the receiver reads on
 * when the file has.
 *
 *   sender      text { size }, in bytes; the chunks, binary; text { sha256 }
 *   receiver    closes with 1000 when the file is whole and written, with 4000 when it is not
 */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const CHUNK_SIZE = 64 * 1024;
const NOT_WHOLE = 4000;

/** @typedef {import('watershed').WatershedConnection} WatershedConnection */
/** @typedef {(bytes: number, size: number) => void} OnProgress */

/**
 * Sends a file. Resolves with its size when the receiver has said that it has all of it.
 * @param {WatershedConnection} connection
 * @param {string} path
 * @param {OnProgress} [onProgress]
 */
export async function sendFile(connection, path, onProgress = () => undefined) {
  /** @type {Promise<[code: string | null, reason: string | null]>} */
  const ended = new Promise((resolve) => connection.once('end', (code, reason) => resolve([code, reason])));
  const { size } = await stat(path);
  const hash = createHash('sha256');
  let sent = 0;
  connection.send(JSON.stringify({ size }));

  const socket = new Writable({
    // A message's callback is a chunk's: the stream waits for it, and gets the error if there is no connection any more.
    write(chunk, _encoding, callback) {
      hash.update(chunk);
      connection.send(chunk, (error) => {
        sent += chunk.length;
        onProgress(sent, size);
        callback(error);
      });
    },
  });
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_SIZE }), socket);
  connection.send(JSON.stringify({ sha256: hash.digest('hex') }));

  const [code, reason] = await ended;
  if (code !== 'NORMAL') throw new Error(`The receiver has not got the file: ${code} ${reason}`);
  return size;
}

/**
 * Receives a file, under its name only when it is whole. Resolves with its size.
 * @param {WatershedConnection} connection
 * @param {string} path
 * @param {OnProgress} [onProgress]
 */
export async function receiveFile(connection, path, onProgress = () => undefined) {
  const partPath = `${path}.${connection.id}.part`;
  const hash = createHash('sha256');
  let received = 0;
  let size = 0;
  let sha256 = '';
  // Not by `for await`: leaving that loop closes the connection, and here the file has to be written first.
  const messages = connection[Symbol.asyncIterator]();
  let end = 'the connection was lost';
  connection.once('end', (code, reason) => (end = `${code} ${reason}`));

  async function* chunks() {
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
      if (typeof next.value === 'string') {
        const announced = JSON.parse(next.value);
        if (announced.sha256 === undefined) size = Number(announced.size);
        else {
          sha256 = announced.sha256;
          return;
        }
      } else {
        received += next.value.length;
        if (received > size) throw new Error('There is more than was announced');
        hash.update(next.value);
        onProgress(received, size);
        yield next.value;
      }
    }
  }

  try {
    await pipeline(chunks(), createWriteStream(partPath));
    if (sha256 === '') throw new Error(`The sender broke off: ${end}`);
    if (received !== size || hash.digest('hex') !== sha256) throw new Error('The file is not whole');
    await rename(partPath, path);
  } catch (error) {
    connection.end(NOT_WHOLE, 'the file is not whole');
    // What is still on its way is let go.
    await messages.return?.();
    await rm(partPath, { force: true });
    throw error;
  }
  connection.end('received');
  return received;
}
