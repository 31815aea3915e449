/** websocket, both ends. */
import websocket from 'websocket';
import { Inbox } from '../inbox.js';
import { type Client, type Close, closeCodes, type LowLevelPeer, type Message, type PeerServer } from '../peer.js';

const MAX_SIZE = 32 * 1024 * 1024;
const limits = { maxReceivedFrameSize: MAX_SIZE, maxReceivedMessageSize: MAX_SIZE };

const implementation = {
  name: 'websocket',
  // Its close() without a code sends 1000.
  closeCodes,
  // Whatever came.
  answerTo: (): Close => ({ code: 1000, reason: '' }),
};

export const websocketClient: Client<LowLevelPeer> = {
  ...implementation,
  async connect({ url, socketPath, ca }, protocols) {
    const client = new websocket.client({ ...limits, tlsOptions: { ca } });
    const peer = new Promise<LowLevelPeer>((resolve, reject) => {
      client.on('connect', (connection) => {
        resolve(toPeer(connection));
      });
      client.on('connectFailed', reject);
    });
    client.connect(url, [...protocols], undefined, undefined, { socketPath });
    return await peer;
  },
};

export const websocketServer: PeerServer<LowLevelPeer> = {
  ...implementation,
  serve(server, protocols, onConnection) {
    new websocket.server({ ...limits, httpServer: server }).on('request', (request) => {
      const protocol = protocols.find((candidate) => request.requestedProtocols.includes(candidate));
      onConnection(toPeer(request.accept(protocol)));
    });
  },
};

function toPeer(connection: websocket.connection): LowLevelPeer {
  const messages = new Inbox<Message>();
  const pongs = new Inbox<string>();
  const closed = new Promise<Close>((resolve) => {
    connection.on('close', (code, reason) => {
      resolve({ code, reason });
    });
  });
  connection.on('message', (message) => {
    messages.put(message.type === 'utf8' ? message.utf8Data : message.binaryData);
  });
  connection.on('pong', (payload) => {
    pongs.put(payload.toString());
  });
  return {
    messages,
    pongs,
    closed,
    get subprotocol() {
      // Its types say that there always is one.
      return (connection.protocol as string | undefined) ?? '';
    },
    get extensions() {
      return connection.extensions.map(({ name }) => name).join(', ');
    },
    get bufferedAmount() {
      return connection.socket.writableLength;
    },
    send(message) {
      connection.send(message);
    },
    sendFragments(message, fragmentSize) {
      const { config } = connection;
      const { fragmentationThreshold } = config;
      config.fragmentationThreshold = fragmentSize;
      connection.send(message);
      config.fragmentationThreshold = fragmentationThreshold;
    },
    ping(payload) {
      connection.ping(payload);
    },
    close(code, reason) {
      connection.close(code, reason);
    },
    pause() {
      connection.pause();
    },
    resume() {
      connection.resume();
    },
    terminate() {
      connection.drop(1006, '', true);
    },
    async dispose() {
      connection.drop(1006, '', true);
      await closed;
    },
  };
}
