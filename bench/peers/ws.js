/** ws: its EventEmitter and its WHATWG surface. With its addons or without: the environment of the process decides. */
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { connectStandard, MAX_FRAGMENTS, MAX_PAYLOAD } from './connection.js';

const AS_TEXT = { binary: false };

/** @type {import('./connection.js').Peer} */
export const peer = {
  serve({ deflate, undecoded }, onConnection) {
    const takeover = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const perMessageDeflate = deflate === true || (deflate ? takeover : false);
    const server = createServer();
    const limits = { maxPayload: MAX_PAYLOAD, maxFragments: MAX_FRAGMENTS };
    new WebSocketServer({ server, perMessageDeflate, ...limits }).on('connection', (webSocket) => {
      onConnection(wrap(webSocket, undecoded));
    });
    return server;
  },

  connect(port, { face }) {
    const options = { perMessageDeflate: false };
    if (face === 'standard') return connectStandard(WebSocket, port, options);
    return new Promise((resolve, reject) => {
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`, options);
      webSocket.on('open', () => { resolve(wrap(webSocket, false)); });
      webSocket.on('error', reject);
    });
  },
};

/**
 * @param {WebSocket} webSocket
 * @param {boolean} undecoded  text is handed on as the Buffer that ws gives, and sent as text
 */
function wrap(webSocket, undecoded) {
  // Nobody runs it without: a bad frame would end the process.
  webSocket.on('error', () => {});
  return {
    receive(onText, onBinary) {
      webSocket.on('message', (data, isBinary) => {
        if (isBinary) onBinary(data);
        else onText(undecoded ? data : data.toString());
      });
    },
    sendText: undecoded ? (text) => { webSocket.send(text, AS_TEXT); } : (text) => { webSocket.send(text); },
    sendBinary: (data) => { webSocket.send(data); },
    backlog: () => webSocket.bufferedAmount,
    close: () => { webSocket.close(1000); },
    onClose: (listener) => { webSocket.on('close', listener); },
  };
}
