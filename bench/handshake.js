/** The opening handshake by hand (RFC 6455 section 4), both ends: the load's, and that of the bare sockets. */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const END_OF_HEAD = '\r\n\r\n';

export const REQUEST = (extensions) => [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
  'Sec-WebSocket-Version: 13',
  ...(extensions ? [`Sec-WebSocket-Extensions: ${extensions}`] : []),
  END_OF_HEAD.slice(2),
].join('\r\n');

/**
 * The answer that accepts a handshake.
 * @param {string} key  what the request has as Sec-WebSocket-Key
 */
export function acceptingResponse(key) {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}${END_OF_HEAD}`;
}

/**
 * Opens a connection. What the server sends comes to `onBytes`, in a buffer that is good until it returns.
 * @param {number} port
 * @param {{ extensions?: string, onBytes: (bytes: Buffer) => void }} options
 * @returns {Promise<{ socket: import('node:net').Socket, extensions: string }>}
 */
export function openByHand(port, { extensions, onBytes }) {
  return new Promise((resolve, reject) => {
    let head = '';
    let isOpen = false;
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      // The cheapest way to read, so that the load has processor time to spare.
      onread: { buffer: READ_BUFFER, callback: onRead },
    });
    socket.on('error', reject);
    socket.write(REQUEST(extensions));

    function onRead(length, buffer) {
      if (isOpen) {
        onBytes(buffer.subarray(0, length));
        return true;
      }
      head += buffer.latin1Slice(0, length);
      const end = head.indexOf(END_OF_HEAD);
      if (end === -1) return true;
      if (!head.startsWith('HTTP/1.1 101 ')) {
        reject(new Error(`The server refused: ${head}`));
        return true;
      }
      isOpen = true;
      resolve({ socket, extensions: /^sec-websocket-extensions: *(.*?)\r$/imu.exec(head)?.[1] ?? '' });
      const rest = Buffer.from(head.slice(end + 4), 'latin1');
      if (rest.length > 0) onBytes(rest);
      return true;
    }
  });
}

/** One for all: a callback is over before the next read. */
const READ_BUFFER = Buffer.alloc(65_536);

/**
 * Answers the request that comes on this socket.
 * @param {import('node:net').Socket} socket
 * @param {(head: Buffer) => void} onOpen  gets what came after the request
 */
export function acceptByHand(socket, onOpen) {
  let head = '';
  socket.on('data', function onData(chunk) {
    head += chunk.latin1Slice();
    const end = head.indexOf(END_OF_HEAD);
    if (end === -1) return;
    socket.off('data', onData);
    socket.write(acceptingResponse(/^sec-websocket-key: *(.*?)\r$/imu.exec(head)[1]));
    onOpen(Buffer.from(head.slice(end + 4), 'latin1'));
  });
}
