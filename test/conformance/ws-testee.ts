/** The echo endpoint made of ws: an independent implementation, by which the raw peer and the cases are judged. */

import { type PerMessageDeflateOptions, WebSocket, WebSocketServer } from 'ws';
import { echoServer, type Testee } from './testee.js';

export function wsTestee(perMessageDeflate: PerMessageDeflateOptions | false): Testee {
  const options = { perMessageDeflate, maxFragments: 131_072, maxBufferedChunks: 1_048_576 };
  return {
    listen() {
      const server = new WebSocketServer({ ...options, host: '127.0.0.1', port: 0 });
      server.on('connection', echo);
      return echoServer(server);
    },

    connect(port) {
      echo(new WebSocket(`ws://127.0.0.1:${String(port)}`, options));
    },
  };
}

function echo(webSocket: WebSocket): void {
  webSocket.on('message', (data, isBinary) => {
    webSocket.send(data, { binary: isBinary });
  });
  // A connection that is failed emits 'error' before its end; the raw peer sees what was sent.
  webSocket.on('error', () => undefined);
}
