/**
 * What every implementation under test is made to look like, and no more: a server, a client, an open connection. Each
 * adapter beside this file is written as a user of that implementation would write it.
 *
 * @typedef {object} Connection
 * @property {(onText: (text: string) => void, onBinary: (data: Buffer | ArrayBuffer) => void) => void} receive
 *   sets what is called with each message
 * @property {(text: string) => void} sendText
 * @property {(data: Buffer | ArrayBuffer) => void} sendBinary
 * @property {() => number} backlog  bytes that the socket has not taken yet
 * @property {() => void} close  begins the closing handshake
 * @property {(listener: () => void) => void} onClose
 *
 * @typedef {object} Options
 * @property {'classic' | 'standard'} face  the EventEmitter, or the WebSocket class
 * @property {boolean | 'no context takeover'} deflate
 * @property {boolean} undecoded  an implementation that can do so echoes text without ever making a string of it
 *
 * @typedef {object} Peer
 * @property {(options: Options, onConnection: (connection: Connection) => void) => import('node:http').Server} [serve]
 * @property {(port: number, options: Options) => Promise<Connection>} [connect]
 * @property {(connections: Connection[]) => (text: string) => void} [broadcaster]  where it has something better than a
 *   loop
 */

/** More than any message here has; some have a smaller limit by default. */
export const MAX_PAYLOAD = 64 * 1024 * 1024;
export const MAX_FRAGMENTS = 131_072;

/**
 * A client's end by way of a WebSocket class, whoever's it is.
 * @param {any} WebSocket  with the constructor's signature of the WHATWG standard
 * @param {number} port
 * @param {unknown[]} rest  further arguments of the constructor
 * @returns {Promise<Connection>}
 */
export function connectStandard(WebSocket, port, ...rest) {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`, ...rest);
    webSocket.binaryType = 'arraybuffer';
    webSocket.onerror = (event) => { reject(event.error ?? new Error(event.message ?? 'error event')); };
    webSocket.onopen = () => {
      resolve({
        receive(onText, onBinary) {
          webSocket.onmessage = ({ data }) => {
            if (typeof data === 'string') onText(data);
            else onBinary(data);
          };
        },
        sendText: (text) => { webSocket.send(text); },
        sendBinary: (data) => { webSocket.send(data); },
        backlog: () => webSocket.bufferedAmount,
        close: () => { webSocket.close(1000); },
        onClose: (listener) => { webSocket.onclose = listener; },
      });
    };
  });
}
