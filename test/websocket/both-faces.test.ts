/** One connection with both faces: WatershedConnection.from and WebSocket.from. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type WebSocket as Peer, WebSocketServer } from 'ws';
import { type MessageEvent, Watershed, WatershedConnection, WebSocket } from '../../src/index.js';
import { listenOn, next, record, serverEnd, turn } from '../classic/ends.js';
import { binary, close, opcodes, text } from '../conformance/frames.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';

expectNoOpenHandles();

describe('from', () => {
  it('gives the same face of a client every time, in both directions', async () => {
    const { webSocket } = await clientPair();
    const connection = WatershedConnection.from(webSocket);
    expect(connection).toBeInstanceOf(WatershedConnection);
    expect(WatershedConnection.from(webSocket)).toBe(connection);
    expect(WebSocket.from(connection)).toBe(webSocket);
  });

  it('gives the same face of a server every time, in both directions', async () => {
    const { connection } = await serverEnd();
    const webSocket = WebSocket.from(connection);
    expect(webSocket).toBeInstanceOf(WebSocket);
    expect(WebSocket.from(connection)).toBe(webSocket);
    expect(WatershedConnection.from(webSocket)).toBe(connection);
  });

  it('finds an instance of a subclass again', async () => {
    class Named extends WebSocket {}
    const { url } = await listenWs();
    const webSocket = new Named(url);
    expect(WebSocket.from(WatershedConnection.from(webSocket))).toBe(webSocket);
    webSocket.close();
    await once(webSocket, 'close');
  });

  it('refuses what is not a face', () => {
    const { prototype } = WebSocket;
    expect(() => WatershedConnection.from(prototype)).toThrow(TypeError);
    expect(() => WatershedConnection.from({} as never)).toThrow(TypeError);
    expect(() => WebSocket.from(undefined as never)).toThrow(TypeError);
    expect(() => WebSocket.from(new Watershed() as never)).toThrow(TypeError);
  });
});

describe('an open connection', () => {
  it('gives every message to both faces', async () => {
    const { webSocket, peer } = await clientPair();
    webSocket.binaryType = 'arraybuffer';
    const classic = record(WatershedConnection.from(webSocket));
    const standard = recordMessages(webSocket);
    const bytes = Buffer.of(1, 2, 3);
    peer.send('one');
    peer.send(bytes);
    peer.send('two');
    peer.close(1000);
    await once(webSocket, 'close');
    expect(classic).toEqual([
      ['text', 'one'],
      ['binary', bytes],
      ['text', 'two'],
      ['end', 'NORMAL', ''],
    ]);
    expect(standard).toEqual(['one', Uint8Array.from(bytes).buffer, 'two']);
  });

  it('gives each face bytes of its own', async () => {
    const { webSocket, peer } = await clientPair();
    webSocket.binaryType = 'arraybuffer';
    const connection = WatershedConnection.from(webSocket);
    connection.on('binary', (data) => data.fill(0));
    const standard = recordMessages(webSocket);
    for (const size of [3, 200_000]) {
      const message = once(webSocket, 'message');
      peer.send(Buffer.alloc(size, 7));
      await message;
    }
    const bytes = standard.map((data) => Buffer.from(data as ArrayBuffer));
    expect(bytes.map((data) => [data.length, data.every((byte) => byte === 7)])).toEqual([
      [3, true],
      [200_000, true],
    ]);
  });

  it('takes messages from both faces, in the order in which they were sent', async () => {
    const { webSocket, peer } = await clientPair();
    const received: string[] = [];
    peer.on('message', (data: Buffer) => received.push(data.toString()));
    const connection = WatershedConnection.from(webSocket);
    for (let index = 0; index < 4; index += 2) {
      webSocket.send(String(index));
      connection.send(String(index + 1));
    }
    webSocket.close();
    await once(peer, 'close');
    expect(received).toEqual(['0', '1', '2', '3']);
  });

  it('tells both faces what was negotiated', async () => {
    const { webSocket } = await clientPair(['tides']);
    const connection = WatershedConnection.from(webSocket);
    expect(webSocket.protocol).toBe('tides');
    expect(connection.getProtocol()).toBe('tides');
    expect(connection.extensions).toBe(webSocket.extensions);
    expect(connection.readyState).toBe(WebSocket.OPEN);
  });

  it('is closed by the classic face', async () => {
    const { webSocket, peer } = await clientPair();
    const connection = WatershedConnection.from(webSocket);
    const events = recordEvents(webSocket);
    const ended = next(connection, 'end');
    const closed = Promise.all([once(peer, 'close'), once(webSocket, 'close')]);
    connection.end(4000, 'Enough');
    expect(await ended).toEqual(['4000', 'Enough']);
    const [peerClose] = await closed;
    expect(peerClose).toEqual([4000, Buffer.from('Enough')]);
    expect(events).toEqual(['close 4000 Enough true']);
  });

  it('is closed by the standard face', async () => {
    const { webSocket, peer } = await clientPair();
    const classic = record(WatershedConnection.from(webSocket));
    const events = recordEvents(webSocket);
    const closed = Promise.all([once(peer, 'close'), once(webSocket, 'close')]);
    webSocket.close(4000, 'Enough');
    const [peerClose] = await closed;
    expect(peerClose).toEqual([4000, Buffer.from('Enough')]);
    expect(classic).toEqual([['end', '4000', 'Enough']]);
    expect(events).toEqual(['close 4000 Enough true']);
  });

  it('is closed once when both faces close it', async () => {
    const { webSocket, peer } = await clientPair();
    const connection = WatershedConnection.from(webSocket);
    const classic = record(connection);
    const events = recordEvents(webSocket);
    const closed = Promise.all([once(peer, 'close'), once(webSocket, 'close')]);
    webSocket.close(4000, 'first');
    connection.end(4001, 'second');
    const [peerClose] = await closed;
    expect(peerClose).toEqual([4000, Buffer.from('first')]);
    expect(classic).toEqual([['end', '4000', 'first']]);
    expect(events).toEqual(['close 4000 first true']);
  });

  it('is lost to both faces', async () => {
    const { webSocket, peer } = await clientPair();
    const classic = record(WatershedConnection.from(webSocket));
    const events = recordEvents(webSocket);
    peer.terminate();
    await once(webSocket, 'close');
    expect(classic).toEqual([['connectionReset'], ['end', null, null]]);
    expect(events).toEqual(['close 1006  false']);
  });

  it('tells both faces of a wrong frame', async () => {
    const { connection, peer } = await serverEnd();
    const webSocket = WebSocket.from(connection);
    await once(webSocket, 'open');
    const classic = record(connection);
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    peer.send({ ...text('reserved'), rsv: 1 });
    await peer.ended;
    peer.socket.end();
    await closed;
    const error: unknown = expect.objectContaining({ closeCode: 1002 });
    expect(classic).toEqual([
      ['error', error],
      ['end', null, null],
    ]);
    expect(events).toEqual(['error 1002', 'close 1006  false']);
  });

  it('gives the second face the messages that come after it was made, the first all of them', async () => {
    const { webSocket, peer } = await clientPair();
    const standard = recordMessages(webSocket);
    const first = once(webSocket, 'message');
    peer.send('before');
    await first;
    const classic = record(WatershedConnection.from(webSocket));
    peer.send('after');
    peer.close(1000);
    await once(webSocket, 'close');
    expect(standard).toEqual(['before', 'after']);
    expect(classic).toEqual([
      ['text', 'after'],
      ['end', 'NORMAL', ''],
    ]);
  });

  it('goes on with the other face when a listener of one throws', async () => {
    const { webSocket, peer } = await clientPair();
    const standard = recordMessages(webSocket);
    const uncaught = new Promise((resolve) => {
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const other of others) process.on('uncaughtException', other);
        resolve(error);
      });
    });
    const connection = WatershedConnection.from(webSocket);
    const mistake = new Error('A mistake');
    connection.once('text', () => {
      throw mistake;
    });
    const message = once(webSocket, 'message');
    peer.send('one');
    expect(await uncaught).toBe(mistake);
    await message;
    expect(standard).toEqual(['one']);
  });
});

describe('WebSocket.from an accepted connection', () => {
  it('is CONNECTING first, and fires open before the messages that came with the request', async () => {
    const events: string[] = [];
    const states: number[] = [];
    const { connection, peer } = await serverEnd(
      {},
      (connection) => {
        const webSocket = WebSocket.from(connection);
        states.push(webSocket.readyState);
        webSocket.onopen = () => {
          states.push(webSocket.readyState);
          events.push('open');
        };
        webSocket.onmessage = ({ data }) => events.push(`message ${String(data)}`);
        webSocket.onclose = ({ code }) => events.push(`close ${String(code)}`);
      },
      [text('one'), text('two'), close(1000)],
    );
    const closed = once(WebSocket.from(connection), 'close');
    await peer.ended;
    peer.socket.end();
    await closed;
    expect(states).toEqual([WebSocket.CONNECTING, WebSocket.OPEN]);
    expect(events).toEqual(['open', 'message one', 'message two', 'close 1000']);
  });

  it('sends what the peer receives', async () => {
    const { connection, peer } = await serverEnd();
    const webSocket = WebSocket.from(connection);
    await once(webSocket, 'open');
    webSocket.send('one');
    connection.send(Buffer.of(2));
    expect(await peer.frame()).toEqual({ opcode: opcodes.text, payload: Buffer.from('one') });
    expect(await peer.frame()).toEqual({ opcode: opcodes.binary, payload: Buffer.of(2) });
    peer.send(binary(Buffer.of(3)));
    const [message] = (await once(webSocket, 'message')) as [MessageEvent];
    expect(await (message.data as Blob).arrayBuffer()).toEqual(Uint8Array.of(3).buffer);
  });

  it('is CLOSED from the start when the connection is, and fires nothing', async () => {
    const { connection } = await serverEnd();
    connection.destroy();
    const webSocket = WebSocket.from(connection);
    const events = recordEvents(webSocket);
    expect(webSocket.readyState).toBe(WebSocket.CLOSED);
    await turn();
    expect(events).toEqual([]);
  });
});

describe('WatershedConnection.from a WebSocket that is CONNECTING', () => {
  it('has no socket, and send throws', async () => {
    const { url } = await listenWs();
    const webSocket = new WebSocket(url);
    const connection = WatershedConnection.from(webSocket);
    expect(connection.readyState).toBe(WebSocket.CONNECTING);
    expect(connection.socket).toBeUndefined();
    expect(() => connection.send('too early')).toThrow();
    await once(webSocket, 'open');
    expect(connection.readyState).toBe(WebSocket.OPEN);
    expect(connection.socket).toBeDefined();
    connection.end();
    await once(webSocket, 'close');
  });

  it('receives from the first message on', async () => {
    const { url, server } = await listenWs();
    server.on('connection', (peer) => {
      peer.send('first');
      peer.close(1000);
    });
    const webSocket = new WebSocket(url);
    const classic = record(WatershedConnection.from(webSocket));
    const standard = recordMessages(webSocket);
    await once(webSocket, 'close');
    expect(classic).toEqual([
      ['text', 'first'],
      ['end', 'NORMAL', ''],
    ]);
    expect(standard).toEqual(['first']);
  });

  it('gives a failed handshake as an error and an end, and as the same error to the standard face', async () => {
    const server = createServer((_request, response) => response.writeHead(401).end());
    server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    });
    const port = await listenOn(server);
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}`);
    const classic = record(WatershedConnection.from(webSocket));
    const errors: Error[] = [];
    webSocket.onerror = ({ error }) => errors.push(error);
    await once(webSocket, 'close');
    expect(errors).toEqual([expect.objectContaining({ statusCode: 401 })]);
    expect(classic).toEqual([
      ['error', errors[0]],
      ['end', null, null],
    ]);
  });

  it('is closed by the standard face, which fails the handshake', async () => {
    const { url } = await listenWs();
    const webSocket = new WebSocket(url);
    const classic = record(WatershedConnection.from(webSocket));
    const events = recordEvents(webSocket);
    webSocket.close();
    expect(webSocket.readyState).toBe(WebSocket.CLOSING);
    await once(webSocket, 'close');
    expect(classic.map(([name]) => name)).toEqual(['error', 'end']);
    expect(events).toEqual(['error undefined', 'close 1006  false']);
  });

  it.each(['end', 'destroy'] as const)('is given up by %s of the classic face', async (method) => {
    const { url } = await listenWs();
    const webSocket = new WebSocket(url);
    const connection = WatershedConnection.from(webSocket);
    const classic = record(connection);
    const closed = once(webSocket, 'close');
    connection[method]();
    expect(await closed).toMatchObject([{ code: 1006, wasClean: false }]);
    expect(classic.at(-1)).toEqual(['end', null, null]);
    expect(webSocket.readyState).toBe(WebSocket.CLOSED);
  });
});

/** A WebSocket of ours that is open, and its server's end, of the ws package. */
async function clientPair(protocols: readonly string[] = []): Promise<{ webSocket: WebSocket; peer: Peer }> {
  const { server, url } = await listenWs();
  const connected = once(server, 'connection');
  const webSocket = new WebSocket(url, [...protocols]);
  await once(webSocket, 'open');
  const [peer] = (await connected) as [Peer];
  return { webSocket, peer };
}

async function listenWs(): Promise<{ server: WebSocketServer; url: string }> {
  const httpServer = createServer();
  const server = new WebSocketServer({ server: httpServer });
  const port = await listenOn(httpServer);
  return { server, url: `ws://127.0.0.1:${String(port)}` };
}

function recordMessages(webSocket: WebSocket): unknown[] {
  const messages: unknown[] = [];
  webSocket.addEventListener('message', ({ data }) => messages.push(data));
  return messages;
}

/** How it ends: an error with its close code, and `close` with code, reason, and whether it was clean. */
function recordEvents(webSocket: WebSocket): string[] {
  const events: string[] = [];
  webSocket.addEventListener('error', ({ error }) => {
    events.push(`error ${String((error as Error & { closeCode?: number }).closeCode)}`);
  });
  webSocket.addEventListener('close', ({ code, reason, wasClean }) => {
    events.push(`close ${String(code)} ${reason} ${String(wasClean)}`);
  });
  return events;
}
