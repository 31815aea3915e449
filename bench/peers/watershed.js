/** Watershed, from dist/: both faces. */
import { createServer, request } from 'node:http';
import { Watershed, WebSocket } from '../../dist/index.js';
import { connectStandard } from './connection.js';

/** @type {WeakMap<object, import('../../dist/index.js').WatershedConnection>} */
const classicOf = new WeakMap();

/** @type {import('./connection.js').Peer} */
export const peer = {
  serve({ deflate }, onConnection) {
    const takeover = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const options = deflate ? { perMessageDeflate: deflate === true ? true : takeover } : undefined;
    const server = createServer();
    server.on('upgrade', (upgrade, socket, head) => {
      const connection = options === undefined
        ? Watershed.accept(upgrade, socket, head)
        : Watershed.accept(upgrade, socket, head, options);
      onConnection(wrap(connection));
    });
    return server;
  },

  connect(port, { face }) {
    return face === 'standard' ? connectStandard(WebSocket, port) : connectClassic(port);
  },

  broadcaster(connections) {
    const classic = connections.map((connection) => classicOf.get(connection));
    return (text) => { Watershed.broadcast(classic, text); };
  },
};

/** @param {number} port */
function connectClassic(port) {
  return new Promise((resolve, reject) => {
    const key = Watershed.generateKey();
    const upgrade = request(`http://127.0.0.1:${port}/`, { headers: Watershed.requestHeaders(key) });
    upgrade.on('upgrade', (response, socket, head) => {
      resolve(wrap(Watershed.connect(response, socket, head, key)));
    });
    upgrade.on('error', reject);
    upgrade.end();
  });
}

/** @param {import('../../dist/index.js').WatershedConnection} connection */
function wrap(connection) {
  const wrapped = {
    receive(onText, onBinary) {
      connection.on('text', onText);
      connection.on('binary', onBinary);
    },
    sendText: (text) => { connection.send(text); },
    sendBinary: (data) => { connection.send(data); },
    backlog: () => connection.bufferedAmount,
    close: () => { connection.end(); },
    onClose: (listener) => { connection.on('end', listener); },
  };
  classicOf.set(wrapped, connection);
  return wrapped;
}
