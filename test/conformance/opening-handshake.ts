/**
 * The opening handshake of the raw peer, written by hand for both roles (RFC 6455 sections 4.1 and 4.2), without any
 * subprotocol, and with permessage-deflate in the cases that are about it. What is wrong in the testee's half of it is
 * thrown.
 */

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { answerTo, checkAnswer, type DeflateCase } from './deflate.js';
import { RawPeer } from './raw-peer.js';

const host = '127.0.0.1';

/** Connects to a testee's server. It has to accept what a case offers. */
export async function connectRawPeer(port: number, patience: number, deflate?: DeflateCase): Promise<RawPeer> {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  try {
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET /echo HTTP/1.1\r\nHost: ${host}:${String(port)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n` +
        `${extensionsLine(deflate?.offer)}\r\n`,
    );
    const { startLine, fields } = await readHead(socket, AbortSignal.timeout(patience));
    check(startLine.startsWith('HTTP/1.1 101 '), `the status line is ${startLine}`);
    checkUpgrade(fields);
    check(fields.get('sec-websocket-accept') === acceptValue(key), 'Sec-WebSocket-Accept does not fit the key');
    check(!fields.has('sec-websocket-protocol'), 'a subprotocol was chosen that nobody had asked for');
    const extensions = fields.get('sec-websocket-extensions');
    if (deflate === undefined) {
      check(extensions === undefined, 'an extension was accepted that nobody had offered');
      return new RawPeer(socket, 'server', patience);
    }
    return new RawPeer(socket, 'server', patience, checkAnswer(extensions, deflate));
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * Listens, lets a testee's client connect to the port, and takes that one connection. In a case of permessage-deflate
 * the client has to offer it.
 */
export async function acceptRawPeer(
  connectTestee: (port: number) => void,
  patience: number,
  deflate?: DeflateCase,
): Promise<RawPeer> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, host);
  await once(server, 'listening');
  const signal = AbortSignal.timeout(patience);
  const connection = once(server, 'connection', { signal });
  connectTestee((server.address() as AddressInfo).port);
  const [socket] = (await connection.finally(() => server.close())) as [Socket];
  try {
    const { startLine, fields } = await readHead(socket, signal);
    check(/^GET \/\S* HTTP\/1\.1$/.test(startLine), `the request line is ${startLine}`);
    checkUpgrade(fields);
    check(fields.has('host'), 'the Host field is missing');
    check(fields.get('sec-websocket-version') === '13', 'Sec-WebSocket-Version is not 13');
    const key = fields.get('sec-websocket-key') ?? '';
    check(/^[A-Za-z0-9+/]{22}==$/.test(key), `Sec-WebSocket-Key is not 16 octets in base64: ${key}`);
    const answer = deflate === undefined ? undefined : answerTo(fields.get('sec-websocket-extensions'), deflate);
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n${extensionsLine(answer?.header)}\r\n`,
    );
    return new RawPeer(socket, 'client', patience, answer?.agreed);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

interface Head {
  readonly startLine: string;
  /** Header fields by their name in lower case. */
  readonly fields: ReadonlyMap<string, string>;
}

/** Reads up to the empty line that ends an HTTP head, and puts back what came after it. */
async function readHead(socket: Socket, signal: AbortSignal): Promise<Head> {
  let bytes = Buffer.alloc(0);
  while (!bytes.includes('\r\n\r\n')) {
    await once(socket, 'readable', { signal });
    const chunk = socket.read() as Buffer | null;
    check(chunk !== null, `TCP ended in the opening handshake, after: ${bytes.toString('latin1')}`);
    bytes = Buffer.concat([bytes, chunk]);
  }
  const headLength = bytes.indexOf('\r\n\r\n');
  socket.unshift(bytes.subarray(headLength + 4));
  const [startLine = '', ...lines] = bytes.toString('latin1', 0, headLength).split('\r\n');
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { startLine, fields: new Map(fields) };
}

function extensionsLine(extensions: string | undefined): string {
  return extensions === undefined ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`;
}

function checkUpgrade(fields: Head['fields']): void {
  check(fields.get('upgrade')?.toLowerCase() === 'websocket', 'the Upgrade field is not websocket');
  check(fields.get('connection')?.toLowerCase() === 'upgrade', 'the Connection field is not Upgrade');
}

function check(isRight: boolean, problem: string): asserts isRight {
  if (!isRight) {
    throw new Error(`the opening handshake failed: ${problem}`);
  }
}

function acceptValue(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}
