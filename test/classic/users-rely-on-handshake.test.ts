/** The behaviour of watershed 0.4 that its users rely on: accept, connect and detached sockets. */
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Watershed, WatershedConnection } from '../../src/index.js';
import { text } from '../conformance/frames.js';
import {
  clientEnd,
  connectTo,
  deferred,
  dial,
  dialPeer,
  HANDSHAKE,
  handMadeRequest,
  listen,
  next,
  Peer,
  readHead,
  requestText,
  responseText,
} from './ends.js';
import { duplexPair } from './duplex-pair.js';

/** The accept value and the header fields that answer {@link HANDSHAKE}. */
const accept = /Sec-WebSocket-Accept: (.*)\r\n/.exec(responseText(HANDSHAKE['sec-websocket-key'] as string))?.[1];
const ANSWER = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-accept': accept };

/** Gives a right request and its socket to the test, in the tick of 'upgrade'. */
async function upgrade<Result>(
  test: (req: IncomingMessage, socket: Duplex, head: Buffer) => Result,
  fields: Record<string, string | undefined> = {},
): Promise<{ result: Awaited<Result>; client: Socket }> {
  const result = deferred<Result>();
  const port = await listen((req, socket, head) => {
    result.resolve(test(req, socket, head));
  });
  const client = dial(port);
  client.write(requestText(fields));
  return { result: await result.promise, client };
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('It did not throw');
}

describe('accept', () => {
  it.each([
    ['Missing Upgrade Header', { upgrade: undefined }],
    ['Missing Upgrade Header', { upgrade: 'h2c' }],
    ['Missing Sec-WebSocket-Key Header', { 'sec-websocket-key': undefined }],
    ['Unsupported Sec-WebSocket-Version', { 'sec-websocket-version': '8' }],
    [
      'Client requested a sub-protocol but no supported sub-protocols were provided to accept()',
      { 'sec-websocket-protocol': 'rfb' },
    ],
  ])('throws "%s" at once and writes nothing: the caller answers on the same socket', async (message, fields) => {
    const [socket, far] = duplexPair();
    const received: Buffer[] = [];
    far.on('data', (chunk: Buffer) => received.push(chunk));
    const headers = Object.fromEntries(Object.entries({ ...HANDSHAKE, ...fields }).filter(([, value]) => value !== undefined));

    const error = thrownBy(() => new Watershed().accept(handMadeRequest(headers), socket, Buffer.alloc(0)));
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toBe(message);

    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    await once(far, 'end');
    expect(Buffer.concat(received).toString()).toBe('HTTP/1.1 400 Bad Request\r\n\r\n');
  });

  it('throws "Client and server have no matching sub-protocols" when none is in common, case included', () => {
    const [socket] = duplexPair();
    const request = handMadeRequest({ ...HANDSHAKE, 'sec-websocket-protocol': 'Binary, RFB' });
    expect(() => new Watershed().accept(request, socket, Buffer.alloc(0), false, ['binary', 'rfb'])).toThrow(
      'Client and server have no matching sub-protocols',
    );
  });

  it("chooses the first of the client's subprotocols that the server speaks", async () => {
    const { result, client } = await upgrade(
      (req, socket, head) => new Watershed().accept(req, socket, head, false, ['binary', 'rfb']),
      { 'sec-websocket-protocol': 'other, rfb, binary' },
    );
    expect(result.getProtocol()).toBe('rfb');
    expect((await readHead(client)).head).toMatch(/^sec-websocket-protocol: rfb$/im);
  });

  it('has no subprotocol when the client asks for none, whatever the server speaks', async () => {
    const { result, client } = await upgrade((req, socket, head) =>
      new Watershed().accept(req, socket, head, false, ['binary', 'rfb']));
    expect(result.getProtocol()).toBeNull();
    expect((await readHead(client)).head).not.toMatch(/sec-websocket-protocol/i);
  });

  it('takes a request without Sec-WebSocket-Version', async () => {
    const { result } = await upgrade((req, socket, head) => new Watershed().accept(req, socket, head), {
      'sec-websocket-version': undefined,
    });
    expect(result.readyState).toBe(1);
  });

  it('takes a version that is the number 13, in a request that a program made', () => {
    const [socket] = duplexPair();
    const request = handMadeRequest({ ...HANDSHAKE, 'sec-websocket-version': 13 });
    expect(new Watershed().accept(request, socket, Buffer.alloc(0)).readyState).toBe(1);
  });

  it('answers with the status line 101 The Watershed Moment', async () => {
    const { client } = await upgrade((req, socket, head) => new Watershed().accept(req, socket, head));
    expect((await readHead(client)).head.split('\r\n')[0]).toBe('HTTP/1.1 101 The Watershed Moment');
  });

  it('throws when the socket is destroyed already', async () => {
    const { result } = await upgrade((req, socket, head) => {
      socket.destroy();
      return thrownBy(() => new Watershed().accept(req, socket, head));
    });
    expect(result).toMatchObject({ code: 'WATERSHED_SOCKET_DESTROYED' });
  });

  it('throws when the client ended TCP before it was accepted, with a head or without', async () => {
    const error = deferred<unknown[]>();
    const port = await listen((req, socket, head) => {
      // Nobody reads it yet, as while a server asks who is there.
      socket.once('end', () => {
        error.resolve([
          thrownBy(() => Watershed.accept(req, socket, head)),
          thrownBy(() => Watershed.accept(req, socket, Buffer.from([0x81]))),
          thrownBy(() => Watershed.accept(req, socket, Buffer.from([0x81]), true)),
        ]);
      });
    });
    const client = dial(port);
    client.end(requestText());
    const thrown = { code: 'WATERSHED_SOCKET_DESTROYED' };
    expect(await error.promise).toMatchObject([thrown, thrown, thrown]);
  });

  it('returns before any event fires, with a message in head, and listeners of the same tick miss nothing', async () => {
    const events: string[] = [];
    const ended = deferred();
    const port = await listen((req, socket) => {
      const head = Buffer.concat([Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]), Buffer.from([0x88, 0x80, 0, 0, 0, 0])]);
      const connection = new Watershed().accept(req, socket, head);
      events.push('returned');
      connection.on('text', (message) => events.push(message));
      connection.on('end', () => {
        events.push('end');
        ended.resolve();
      });
    });
    const peer = await dialPeer(port);
    await peer.ended;
    peer.socket.end();
    await ended.promise;
    expect(events).toEqual(['returned', 'a', 'end']);
  });

  it('takes no head at all, and a socket that its holder had paused', async () => {
    const message = deferred<string>();
    const port = await listen((req, socket) => {
      socket.pause();
      new Watershed().accept(req, socket, undefined).on('text', message.resolve);
    });
    const peer = await dialPeer(port);
    peer.send(text('after the head'));
    expect(await message.promise).toBe('after the head');
  });
});

describe('connect', () => {
  it.each([
    ['Invalid Upgrade status code', { statusCode: 200, headers: ANSWER }],
    ['Missing Connection Header', { statusCode: 101, headers: { ...ANSWER, connection: undefined } }],
    ['Missing Connection Header', { statusCode: 101, headers: { ...ANSWER, connection: 'close' } }],
    ['Missing Upgrade Header', { statusCode: 101, headers: { ...ANSWER, upgrade: undefined } }],
    ['Missing Sec-WebSocket-Accept Header', { statusCode: 101, headers: { ...ANSWER, 'sec-websocket-accept': undefined } }],
    ['Missing Sec-WebSocket-Accept Header', { statusCode: 101, headers: { ...ANSWER, 'sec-websocket-accept': 'wrong' } }],
    ['Unsupported Sec-WebSocket-Version', { statusCode: 101, headers: { ...ANSWER, 'sec-websocket-version': '8' } }],
  ])('throws "%s" at once and writes nothing', async (message, response) => {
    const [socket, far] = duplexPair();
    const received: Buffer[] = [];
    far.on('data', (chunk: Buffer) => received.push(chunk));
    const error = thrownBy(() =>
      new Watershed().connect(
        response as unknown as IncomingMessage, socket, Buffer.alloc(0), HANDSHAKE['sec-websocket-key'] as string,
      ));
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toBe(message);
    socket.end();
    await once(far, 'end');
    expect(received).toEqual([]);
  });

  it('takes no head at all', () => {
    const [socket] = duplexPair();
    const response = { statusCode: 101, headers: ANSWER } as unknown as IncomingMessage;
    const connection = new Watershed().connect(response, socket, undefined, HANDSHAKE['sec-websocket-key'] as string);
    expect(connection.readyState).toBe(1);
  });

  it('takes any subprotocol when it was not told which were asked for', () => {
    const [socket] = duplexPair();
    const response = { statusCode: 101, headers: { ...ANSWER, 'sec-websocket-protocol': 'surprise' } };
    const connection = new Watershed().connect(
      response as unknown as IncomingMessage, socket, Buffer.alloc(0), HANDSHAKE['sec-websocket-key'] as string,
    );
    expect(connection.getProtocol()).toBe('surprise');
  });

  it('refuses a subprotocol that was not among those it was told', () => {
    const [socket] = duplexPair();
    const response = { statusCode: 101, headers: { ...ANSWER, 'sec-websocket-protocol': 'surprise' } };
    expect(() =>
      new Watershed().connect(
        response as unknown as IncomingMessage, socket, Buffer.alloc(0), HANDSHAKE['sec-websocket-key'] as string,
        { protocols: ['rfb'] },
      )).toThrow(/surprise, which was not asked for/);
  });

  it('takes the request that the 0.4 README shows, made with http.request alone', async () => {
    const accepted = deferred<WatershedConnection>();
    const port = await listen((req, socket, head) => {
      accepted.resolve(new Watershed().accept(req, socket, head));
    });
    const shed = new Watershed();
    const wskey = shed.generateKey();
    const req = httpRequest({
      port,
      hostname: '127.0.0.1',
      headers: {
        'connection': 'upgrade',
        'upgrade': 'websocket',
        'Sec-WebSocket-Key': wskey,
        'Sec-WebSocket-Version': '13',
      },
    });
    req.end();
    req.on('upgrade', (res, socket, head) => {
      const wsc = shed.connect(res, socket, head, wskey);
      wsc.send('Hi there!');
      wsc.on('end', () => undefined);
    });
    const server = await accepted.promise;
    expect(await next(server, 'text')).toEqual(['Hi there!']);
    server.end();
    await next(server, 'end');
  });

  it('returns before any event fires, with a message in head', async () => {
    const events: string[] = [];
    const { connection } = await clientEnd(
      {},
      (made) => {
        made.on('text', (message) => events.push(message));
        events.push('returned');
      },
      [text('early')],
    );
    if (events.length === 1) await next(connection, 'text');
    expect(events).toEqual(['returned', 'early']);
  });
});

describe('detached', () => {
  it('gives the raw socket after the 101, with head put back and no listeners of ours on it', async () => {
    const { result, client } = await upgrade((req, socket) => {
      const before = socket.eventNames().map((name) => [name, socket.listeners(name)]);
      const raw = new Watershed().accept(req, socket, Buffer.from('what came early'), true);
      expect(raw).toBe(socket);
      expect(raw.eventNames().map((name) => [name, raw.listeners(name)])).toEqual(before);
      return raw;
    });
    expect((await readHead(client)).head).toMatch(/^HTTP\/1\.1 101 /);
    expect(String((await once(result, 'data'))[0])).toBe('what came early');
    result.destroy();
  });

  it('makes a proxy: two detached sockets that are piped carry the whole connection', async () => {
    const backend = deferred<WatershedConnection>();
    const backendPort = await listen((req, socket, head) => {
      backend.resolve(Watershed.accept(req, socket, head));
    });
    const proxyPort = await listen((req, socket, head) => {
      const shed = new Watershed();
      const key = shed.generateKey();
      const request = httpRequest({ port: backendPort, host: '127.0.0.1', headers: shed.requestHeaders(key) });
      request.on('upgrade', (res, backendSocket, backendHead) => {
        const far = shed.connect(res, backendSocket, backendHead, key, true);
        const near = shed.accept(req, socket, head, true);
        far.pipe(near).pipe(far);
      });
      request.end();
    });
    const client = await connectTo(proxyPort);
    const server = await backend.promise;
    server.on('text', (message) => server.send(`${message}, echoed`));
    client.send('through the proxy');
    expect(await next(client, 'text')).toEqual(['through the proxy, echoed']);
    client.end('done');
    expect(await next(server, 'end')).toEqual(['NORMAL', 'done']);
  });

  it.each([undefined, null, false, 1, 'true'])('is meant by the value true alone, as in 0.4: not by %j', async (value) => {
    const shed = new Watershed();
    const { result } = await upgrade((req, socket, head) => shed.accept(req, socket, head, value as never));
    expect(result).toBeInstanceOf(WatershedConnection);
  });

  it('needs no head, at either end, and takes any stream', () => {
    const [near, far] = duplexPair();
    const key = HANDSHAKE['sec-websocket-key'] as string;
    const response = { statusCode: 101, headers: ANSWER } as unknown as IncomingMessage;
    expect(new Watershed().accept(handMadeRequest(), near, undefined, true)).toBe(near);
    expect(new Watershed().connect(response, far, null, key, true)).toBe(far);
  });
});

describe('a program that answers a handshake by itself', () => {
  it('may end the socket or write an HTTP error when accept throws', async () => {
    const port = await listen((req, socket, head) => {
      try {
        new Watershed().accept(req, socket, head);
      } catch (error) {
        socket.end(`HTTP/1.1 400 ${(error as Error).message}\r\n\r\n`);
      }
    });
    const client = dial(port);
    client.write(requestText({ 'sec-websocket-key': undefined }));
    expect((await readHead(client)).head).toBe('HTTP/1.1 400 Missing Sec-WebSocket-Key Header');
    // And the server goes on.
    expect(await dialPeer(port)).toBeInstanceOf(Peer);
  });
});
