/**
 * Bare sockets that move the same bytes: the physical limit, and no WebSocket at all. The handshake is the only thing
 * that they know. A chunk is written back in one write, a burst is one write, and what is counted is bytes.
 */
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { acceptingResponse, REQUEST } from '../handshake.js';

/** @type {import('./connection.js').Peer} */
export const peer = {
  isRaw: true,

  serve(options, onConnection) {
    const server = createServer();
    server.on('upgrade', (request, socket) => {
      socket.setNoDelay(true);
      socket.write(acceptingResponse(request.headers['sec-websocket-key']));
      onConnection(wrap(socket));
    });
    return server;
  },

  connect(port) {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      socket.on('error', reject);
      socket.write(REQUEST());
      // The load sends nothing else until it is asked to.
      socket.once('data', () => { resolve(wrap(socket)); });
    });
  },
};

/** @param {import('node:net').Socket} socket */
function wrap(socket) {
  socket.on('error', () => { socket.destroy(); });
  socket.on('end', () => { socket.end(); });
  return {
    receive(onText, onBinary) { socket.on('data', onBinary); },
    sendBinary: (data) => { socket.write(data); },
    backlog: () => socket.writableLength,
    close: () => { socket.end(); },
    onClose: (listener) => { socket.on('close', listener); },
  };
}
