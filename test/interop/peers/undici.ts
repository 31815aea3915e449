/** undici's clients: its WebSocket, and its WebSocketStream. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  Agent,
  type CloseEvent,
  ping,
  setGlobalDispatcher,
  WebSocket,
  type WebSocketError,
  WebSocketStream,
} from 'undici';
import { onTestFinished } from 'vitest';
import { Inbox } from '../inbox.js';
import type { Client, Close, Message, Peer, PingingPeer } from '../peer.js';
import type { Endpoint } from '../transport.js';

const undici = {
  // As in browsers: other codes are the protocol's own.
  closeCodes: [1000, 3000, 4999, undefined],
  answerTo: ({ code }: Close): Close => ({ code, reason: '' }),
};

const PONG = 'undici:websocket:pong';

export const undiciWebSocket: Client<PingingPeer> = {
  ...undici,
  name: 'undici WebSocket',
  async connect(endpoint, protocols) {
    const webSocket = new WebSocket(endpoint.url, { protocols: [...protocols], dispatcher: createAgent(endpoint) });
    const peer = toPeer(webSocket);
    await new Promise((resolve, reject) => {
      webSocket.addEventListener('open', resolve);
      webSocket.addEventListener('error', (event) => {
        reject(event.error);
      });
    });
    return peer;
  },
};

function toPeer(webSocket: WebSocket): PingingPeer {
  const messages = new Inbox<Message>();
  const pongs = new Inbox<string>();
  const onPong = (event: unknown): void => {
    const { payload, websocket } = event as { payload: Uint8Array; websocket: WebSocket };
    if (websocket === webSocket) pongs.put(Buffer.from(payload).toString());
  };
  subscribe(PONG, onPong);
  const closed = new Promise<Close>((resolve) => {
    webSocket.addEventListener('close', ({ code, reason }: CloseEvent) => {
      unsubscribe(PONG, onPong);
      resolve({ code, reason });
    });
  });
  webSocket.binaryType = 'arraybuffer';
  webSocket.addEventListener('message', (event) => {
    const data = event.data as string | ArrayBuffer;
    messages.put(typeof data === 'string' ? data : Buffer.from(data));
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
    ping(payload) {
      ping(webSocket, Buffer.from(payload));
    },
    close(code, reason) {
      webSocket.close(code, reason);
    },
    async dispose() {
      await closed;
    },
  };
}

export const undiciWebSocketStream: Client<Peer> = {
  ...undici,
  name: 'undici WebSocketStream',
  async connect(endpoint, protocols) {
    // It takes no dispatcher of its own.
    setGlobalDispatcher(createAgent(endpoint));
    const stream = new WebSocketStream(endpoint.url, { protocols: [...protocols] });
    const closed = stream.closed.then(
      ({ closeCode, reason }): Close => ({ code: closeCode, reason }),
      // An end that is not clean is an error here, with the same two properties.
      (error: unknown): Close => {
        const { closeCode, reason } = error as WebSocketError;
        return { code: closeCode, reason };
      },
    );
    const { readable, writable, protocol, extensions } = await stream.opened;
    const messages = new Inbox<Message>();
    void readAll(readable, messages);
    const writer = writable.getWriter();
    let bufferedAmount = 0;
    return {
      messages,
      closed,
      subprotocol: protocol,
      extensions,
      get bufferedAmount() {
        return bufferedAmount;
      },
      send(message) {
        const size = Buffer.byteLength(message);
        bufferedAmount += size;
        const written = (): void => {
          bufferedAmount -= size;
        };
        // What does not go out because the connection has ended, `closed` tells of.
        writer.write(message).then(written, () => undefined);
      },
      close(code, reason) {
        stream.close({ ...(code !== undefined && { closeCode: code }), ...(reason !== undefined && { reason }) });
      },
      async dispose() {
        await closed;
      },
    };
  },
};

async function readAll(readable: ReadableStream<string | Uint8Array>, messages: Inbox<Message>): Promise<void> {
  try {
    for await (const message of readable) messages.put(typeof message === 'string' ? message : Buffer.from(message));
  } catch {
    // The connection has ended, and `closed` tells how.
  }
}

/** Holds no connection any more when the test is finished. */
function createAgent({ socketPath, ca }: Endpoint): Agent {
  const agent = new Agent({
    connect: { ...(ca !== undefined && { ca }), ...(socketPath !== undefined && { socketPath }) },
  });
  onTestFinished(() => agent.destroy());
  return agent;
}
