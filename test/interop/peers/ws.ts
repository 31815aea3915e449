/** ws, both ends. */
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { Inbox } from '../inbox.js';
import { type Client, type Close, closeCodes, type LowLevelPeer, type Message, type PeerServer } from '../peer.js';

const ws = {
  name: 'ws',
  closeCodes: [...closeCodes, undefined],
  answerTo: (close: Close) => close,
};

export const wsClient: Client<LowLevelPeer> = {
  ...ws,
  async connect({ url, socketPath, ca }, protocols) {
    const webSocket = new WebSocket(socketPath === undefined ? url : `ws+unix:${socketPath}:/`, [...protocols], { ca });
    const peer = toPeer(webSocket);
    await once(webSocket, 'open');
    return peer;
  },
};

export const wsServer: PeerServer<LowLevelPeer> = {
  ...ws,
  serve(server, protocols, onConnection) {
    new WebSocketServer({
      server,
      perMessageDeflate: true,
      handleProtocols: (requested) => protocols.find((protocol) => requested.has(protocol)) ?? false,
    }).on('connection', (webSocket) => {
      onConnection(toPeer(webSocket));
    });
  },
};

function toPeer(webSocket: WebSocket): LowLevelPeer {
  const messages = new Inbox<Message>();
  const pongs = new Inbox<string>();
  const closed = new Promise<Close>((resolve) => {
    webSocket.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
    });
  });
  // With its default binaryType every message is a Buffer.
  webSocket.on('message', (data, isBinary) => {
    messages.put(isBinary ? (data as Buffer) : (data as Buffer).toString());
  });
  webSocket.on('pong', (payload) => {
    pongs.put(payload.toString());
  });
  return {
    messages,
    pongs,
    closed,
    get subprotocol() {
      return webSocket.protocol;
    },
    get extensions() {
      return webSocket.extensions;
    },
    get bufferedAmount() {
      return webSocket.bufferedAmount;
    },
    send(message) {
      webSocket.send(message);
    },
    sendFragments(message, fragmentSize) {
      const bytes = Buffer.from(message);
      const binary = typeof message !== 'string';
      for (let start = 0; start < bytes.length; start += fragmentSize) {
        const end = start + fragmentSize;
        webSocket.send(bytes.subarray(start, end), { binary, fin: end >= bytes.length });
      }
    },
    ping(payload) {
      webSocket.ping(payload);
    },
    close(code, reason) {
      webSocket.close(code, reason);
    },
    pause() {
      webSocket.pause();
    },
    resume() {
      webSocket.resume();
    },
    terminate() {
      webSocket.terminate();
    },
    async dispose() {
      webSocket.terminate();
      await closed;
    },
  };
}
