/** The npm package websocket. */
import { createServer } from 'node:http';
import websocket from 'websocket';
import { MAX_PAYLOAD } from './connection.js';

const limits = {
  maxReceivedFrameSize: MAX_PAYLOAD,
  maxReceivedMessageSize: MAX_PAYLOAD,
  // One message, one frame, as the others send it.
  fragmentOutgoingMessages: false,
};

/** @type {import('./connection.js').Peer} */
export const peer = {
  serve(options, onConnection) {
    const server = createServer();
    // The load answers no pings: after 30 s it would be dropped.
    new websocket.server({ httpServer: server, keepalive: false, ...limits }).on('request', (request) => {
      onConnection(wrap(request.accept(null, request.origin)));
    });
    return server;
  },

  connect(port) {
    return new Promise((resolve, reject) => {
      const client = new websocket.client(limits);
      client.on('connect', (connection) => { resolve(wrap(connection)); });
      client.on('connectFailed', reject);
      client.connect(`ws://127.0.0.1:${port}/`);
    });
  },
};

/** @param {import('websocket').connection} connection */
function wrap(connection) {
  return {
    receive(onText, onBinary) {
      connection.on('message', (message) => {
        if (message.type === 'utf8') onText(message.utf8Data);
        else onBinary(message.binaryData);
      });
    },
    sendText: (text) => { connection.sendUTF(text); },
    sendBinary: (data) => { connection.sendBytes(data); },
    backlog: () => connection.socket.writableLength,
    close: () => { connection.close(); },
    onClose: (listener) => { connection.on('close', listener); },
  };
}
