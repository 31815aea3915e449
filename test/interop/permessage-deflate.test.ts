/**
 * permessage-deflate with other implementations (RFC 7692): each combination of parameters that they know, on both ends
 * and both faces, and what both ends say was agreed on.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { WebSocket as UndiciWebSocket } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import websocket from 'websocket';
import { type PerMessageDeflateOptions as WsOptions, WebSocket as WsWebSocket, WebSocketServer } from 'ws';
import { type PerMessageDeflateOptions, Watershed, WatershedConnection, WebSocket } from '../../src/index.js';
import { expectSame } from './expect-same.js';
import { Inbox } from './inbox.js';
import { expectNoOpenHandles } from './open-handles.js';
import type { Message } from './peer.js';

expectNoOpenHandles();

const KiB = 1024;
const json = JSON.stringify(Array.from({ length: 40_000 }, (_, id) => ({ id, name: `name ${String(id)}`, ok: true })));
const random = randomBytes(64 * KiB);

/** Empty, small, around thresholds, and large; text and binary; what compresses and what does not. */
const messages: readonly Message[] = [
  '', 'a', Buffer.alloc(0), json.slice(0, 1_000), json.slice(0, 1_024), 'é🌊'.repeat(600), Buffer.alloc(5_000),
  json.slice(500, 9_000), random, json.slice(0, 64 * KiB), 'tiny', Buffer.from(json.slice(0, 64 * KiB)),
  json.slice(100, 2_100), json.slice(100, 2_100), random.subarray(0, 3_000), random.subarray(0, 3_000),
];

/** 1 MiB each. */
const large: readonly Message[] = [json.slice(0, 1024 * KiB), Buffer.from(json.slice(1, 1024 * KiB + 1))];

/** One end of a connection. */
interface End {
  readonly messages: Inbox<Message>;
  readonly extensions: () => string;
  readonly send: (message: Message) => void;
  readonly close: () => void;
}

describe.each([false, true])('with server_no_context_takeover: %s', (serverNoContextTakeover) => {
  describe.each([false, true])('and client_no_context_takeover: %s', (clientNoContextTakeover) => {
    const contextTakeover = { serverNoContextTakeover, clientNoContextTakeover };

    describe.each([8, 9, 12, 15])('and server_max_window_bits: %i', (serverMaxWindowBits) => {
      const title = 'and client_max_window_bits: %i, messages pass both ways';
      it.each([8, 9, 12, 15])(`${title}, our server and ws`, async (clientMaxWindowBits) => {
        const threshold = clientMaxWindowBits === 12 ? 0 : 1_024;
        const parameters = { ...contextTakeover, serverMaxWindowBits, clientMaxWindowBits };
        const { url, accepted } = await ourServer({ ...parameters, threshold }, clientMaxWindowBits === 9);
        const peer = await wsClient(url, { ...parameters, threshold: 1_024 - threshold });
        const ours = await accepted;
        expect(ours.extensions()).toBe(
          'permessage-deflate' +
            (serverNoContextTakeover ? '; server_no_context_takeover' : '') +
            (clientNoContextTakeover ? '; client_no_context_takeover' : '') +
            `; server_max_window_bits=${String(serverMaxWindowBits)}` +
            `; client_max_window_bits=${String(clientMaxWindowBits)}`,
        );
        expect(peer.extensions()).toBe('permessage-deflate');
        await exchange(ours, peer);
      });

      it.each([8, 9, 12, 15])(`${title}, our client and ws`, async (clientMaxWindowBits) => {
        const threshold = serverMaxWindowBits === 12 ? 0 : 1_024;
        const parameters = { ...contextTakeover, serverMaxWindowBits, clientMaxWindowBits };
        const { url, accepted } = await wsServer({ ...parameters, threshold: 1_024 - threshold });
        const ours = await ourClient(url, { ...parameters, threshold }, clientMaxWindowBits === 9);
        const peer = await accepted;
        expect(ours.extensions().split('; ').toSorted()).toEqual(
          [
            `client_max_window_bits=${String(clientMaxWindowBits)}`,
            ...(clientNoContextTakeover ? ['client_no_context_takeover'] : []),
            'permessage-deflate',
            `server_max_window_bits=${String(serverMaxWindowBits)}`,
            ...(serverNoContextTakeover ? ['server_no_context_takeover'] : []),
          ],
        );
        await exchange(ours, peer);
      });
    });
  });
});

describe('our defaults', () => {
  it.each([false, true])('take the offer of ws on a server that compresses; standard face: %s', async (isStandard) => {
    const { url, accepted } = await ourServer(true, isStandard);
    const peer = await wsClient(url, true);
    const ours = await accepted;
    expect(ours.extensions()).toBe('permessage-deflate');
    await exchange(ours, peer, large);
  });

  it.each([false, true])('are taken by ws when its server compresses; standard face: %s', async (isStandard) => {
    const { url, accepted } = await wsServer(true);
    const ours = await ourClient(url, isStandard ? undefined : true, isStandard);
    const peer = await accepted;
    expect([ours.extensions(), peer.extensions()]).toEqual(['permessage-deflate', 'permessage-deflate']);
    await exchange(ours, peer, large);
  });

  it.each([false, true])('decline every offer on a server; standard face: %s', async (isStandard) => {
    const { url, accepted } = await ourServer(undefined, isStandard);
    const peer = await wsClient(url, true);
    const ours = await accepted;
    expect([ours.extensions(), peer.extensions()]).toEqual(['', '']);
    await exchange(ours, peer, large);
  });

  it.each([false, true])('go on uncompressed when the server of ws declines; standard face: %s', async (isStandard) => {
    const { url, accepted } = await wsServer(false);
    const ours = await ourClient(url, true, isStandard);
    const peer = await accepted;
    expect([ours.extensions(), peer.extensions()]).toEqual(['', '']);
    await exchange(ours, peer, large);
  });

  it.each([false, true])('go on uncompressed with websocket, which has none; standard face: %s', async (isStandard) => {
    const { url, accepted } = await websocketServer();
    const ours = await ourClient(url, true, isStandard);
    const peer = await accepted;
    expect(ours.extensions()).toBe('');
    await exchange(ours, peer, large);
  });

  it.each([false, true])("pass messages both ways with undici's client; standard face: %s", async (isStandard) => {
    for (const options of [true, { serverNoContextTakeover: true }, { threshold: 0 }] as const) {
      const { url, accepted } = await ourServer(options, isStandard);
      const peer = await browserLikeClient(new UndiciWebSocket(url));
      const ours = await accepted;
      expect(peer.extensions()).toBe(ours.extensions());
      expect(ours.extensions()).toMatch(/^permessage-deflate/);
      await exchange(ours, peer, large);
    }
  });
});

describe('ws', () => {
  it.each([false, true])('may send compressed fragments, and plain messages; standard face: %s', async (isStandard) => {
    const { url, accepted } = await ourServer(true, isStandard);
    const webSocket = new WsWebSocket(url, { perMessageDeflate: { threshold: 0 } });
    onTestFinished(() => { webSocket.terminate(); });
    await once(webSocket, 'open');
    const ours = await accepted;
    const fragmented = json.slice(0, 64 * KiB);
    for (const size of [1_000, 30_000]) {
      for (let start = 0; start < fragmented.length; start += size) {
        const fin = start + size >= fragmented.length;
        webSocket.send(fragmented.slice(start, start + size), { fin, compress: true });
      }
      webSocket.send('plain', { compress: false });
      webSocket.send(random, { compress: false });
      webSocket.send('', { compress: true, fin: false });
      webSocket.send('', { compress: true });
    }
    const expected = [fragmented, 'plain', random, ''];
    expectSame(await ours.messages.takeMany(8), [...expected, ...expected]);
    ours.close();
    await once(webSocket, 'close');
  });
});

describe('our own two ends', () => {
  const windowBits = fc.constantFrom(undefined, 8, 9, 11, 15);
  const options = fc.record({
    serverNoContextTakeover: fc.boolean(),
    clientNoContextTakeover: fc.boolean(),
    serverMaxWindowBits: windowBits,
    clientMaxWindowBits: windowBits,
    threshold: fc.constantFrom(0, 100, 1_024),
    level: fc.integer({ min: -1, max: 9 }),
    memLevel: fc.integer({ min: 1, max: 9 }),
  });
  const part = fc.tuple(fc.nat(30_000), fc.nat(30_000));
  const message = fc.oneof(
    part.map(([start, length]) => json.slice(start, start + length)),
    part.map(([start, length]) => random.subarray(start, start + length)),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );

  it('pass any messages both ways, with any parameters, whichever face is on either end', async () => {
    await fc.assert(
      fc.asyncProperty(options, options, fc.boolean(), fc.boolean(), fc.array(message, { maxLength: 10 }), async (
        serverOptions, clientOptions, isServerStandard, isClientStandard, sent,
      ) => {
        const { url, accepted } = await ourServer(serverOptions, isServerStandard);
        const client = await ourClient(url, clientOptions, isClientStandard);
        const server = await accepted;
        expect(client.extensions()).toBe(server.extensions());
        expect(server.extensions()).toMatch(/^permessage-deflate/);
        for (const data of sent) {
          client.send(data);
          server.send(data);
        }
        expectSame(await server.messages.takeMany(sent.length), sent);
        expectSame(await client.messages.takeMany(sent.length), sent);
        client.close();
      }),
      { numRuns: 40 },
    );
  });
});

/** The messages both ways at once, twice: so the second time there is a history. Then the end. */
async function exchange(ours: End, peer: End, more: readonly Message[] = []): Promise<void> {
  const both = [...messages, ...more, ...messages];
  for (const message of both) {
    ours.send(message);
    peer.send(message);
  }
  expectSame(await peer.messages.takeMany(both.length), both);
  expectSame(await ours.messages.takeMany(both.length), both);
  ours.close();
}

type Option = boolean | PerMessageDeflateOptions | undefined;

interface Listening {
  readonly url: string;
  readonly accepted: Promise<End>;
}

async function ourServer(perMessageDeflate: Option, isStandard: boolean): Promise<Listening> {
  const server = createServer();
  const accepted = new Promise<End>((resolve) => {
    server.once('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      const options = { perMessageDeflate };
      if (isStandard) resolve(standardEnd(WebSocket.accept(req, socket, head, options)));
      else resolve(classicEnd(Watershed.accept(req, socket, head, options)));
    });
  });
  return { url: await listen(server), accepted };
}

async function ourClient(url: string, perMessageDeflate: Option, isStandard: boolean): Promise<End> {
  if (isStandard) {
    const webSocket = new WebSocket(url, { perMessageDeflate });
    const end = standardEnd(webSocket);
    await new Promise((resolve) => { webSocket.onopen = resolve; });
    return end;
  }
  const key = Watershed.generateKey();
  const headers = Watershed.requestHeaders(key, { perMessageDeflate });
  const request = httpRequest(url.replace('ws:', 'http:'), { headers, agent: false }).end();
  const [res, socket, head] = (await once(request, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  return classicEnd(Watershed.connect(res, socket, head, key, { perMessageDeflate }));
}

function classicEnd(connection: WatershedConnection): End {
  const inbox = new Inbox<Message>();
  connection.on('text', (text) => { inbox.put(text); });
  connection.on('binary', (bytes) => { inbox.put(bytes); });
  return {
    messages: inbox,
    extensions: () => connection.extensions,
    send: (message) => { connection.send(message); },
    close: () => { connection.end(); },
  };
}

function standardEnd(webSocket: WebSocket): End {
  const inbox = collect(webSocket);
  return {
    messages: inbox,
    extensions: () => webSocket.extensions,
    // A server's end is CONNECTING until its `open`; the classic face is not.
    send: (message) => { WatershedConnection.from(webSocket).send(message); },
    close: () => { webSocket.close(); },
  };
}

async function browserLikeClient(webSocket: UndiciWebSocket): Promise<End> {
  const inbox = collect(webSocket);
  await new Promise((resolve, reject) => {
    webSocket.addEventListener('open', resolve);
    webSocket.addEventListener('error', ({ error }) => { reject(error); });
  });
  return {
    messages: inbox,
    extensions: () => webSocket.extensions,
    send: (message) => { webSocket.send(message); },
    close: () => { webSocket.close(); },
  };
}

function collect(webSocket: WebSocket | UndiciWebSocket): Inbox<Message> {
  const inbox = new Inbox<Message>();
  webSocket.binaryType = 'arraybuffer';
  webSocket.onmessage = ({ data }: { data: unknown }): void => {
    inbox.put(typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer));
  };
  return inbox;
}

async function wsClient(url: string, perMessageDeflate: boolean | WsOptions): Promise<End> {
  const webSocket = new WsWebSocket(url, { perMessageDeflate });
  const end = wsEnd(webSocket);
  await once(webSocket, 'open');
  return end;
}

async function wsServer(perMessageDeflate: boolean | WsOptions): Promise<Listening> {
  const server = createServer();
  const accepted = new Promise<End>((resolve) => {
    new WebSocketServer({ server, perMessageDeflate }).on('connection', (webSocket) => { resolve(wsEnd(webSocket)); });
  });
  return { url: await listen(server), accepted };
}

function wsEnd(webSocket: WsWebSocket): End {
  const inbox = new Inbox<Message>();
  webSocket.on('message', (data, isBinary) => {
    inbox.put(isBinary ? (data as Buffer) : (data as Buffer).toString());
  });
  return {
    messages: inbox,
    extensions: () => webSocket.extensions,
    send: (message) => { webSocket.send(message); },
    close: () => { webSocket.close(); },
  };
}

async function websocketServer(): Promise<Listening> {
  const httpServer = createServer();
  const limit = 4 * KiB * KiB;
  const server = new websocket.server({ httpServer, maxReceivedFrameSize: limit, maxReceivedMessageSize: limit });
  const accepted = new Promise<End>((resolve) => {
    server.on('request', (request) => {
      const connection = request.accept();
      const inbox = new Inbox<Message>();
      connection.on('message', (message) => {
        inbox.put(message.type === 'utf8' ? message.utf8Data : message.binaryData);
      });
      resolve({
        messages: inbox,
        extensions: () => '',
        send: (message) => { connection.send(message); },
        close: () => { connection.close(); },
      });
    });
  });
  return { url: await listen(httpServer), accepted };
}

/** The server is closed after the test, when its last connection is. */
async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  return `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
}
