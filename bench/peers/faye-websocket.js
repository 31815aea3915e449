/** faye-websocket. */
import { createServer } from 'node:http';
import FayeWebSocket from 'faye-websocket';
import { MAX_PAYLOAD } from './connection.js';

/** @type {import('./connection.js').Peer} */
export const peer = {
  serve(options, onConnection) {
    const server = createServer();
    server.on('upgrade', (request, socket, head) => {
      const webSocket = new FayeWebSocket(request, socket, head, [], { maxLength: MAX_PAYLOAD });
      onConnection(wrap(webSocket, socket));
    });
    return server;
  },

  connect(port) {
    return new Promise((resolve, reject) => {
      const webSocket = new FayeWebSocket.Client(`ws://127.0.0.1:${port}/`, [], { maxLength: MAX_PAYLOAD });
      webSocket.on('open', () => { resolve(wrap(webSocket)); });
      webSocket.on('error', reject);
    });
  },
};

/**
 * @param {any} webSocket
 * @param {import('node:stream').Duplex} [socket]  for its backlog, which faye-websocket does not tell
 */
function wrap(webSocket, socket) {
  return {
    receive(onText, onBinary) {
      webSocket.on('message', ({ data }) => {
        if (typeof data === 'string') onText(data);
        else onBinary(data);
      });
    },
    sendText: (text) => { webSocket.send(text); },
    sendBinary: (data) => { webSocket.send(data); },
    backlog: () => socket?.writableLength ?? 0,
    close: () => { webSocket.close(1000); },
    onClose: (listener) => { webSocket.on('close', listener); },
  };
}
