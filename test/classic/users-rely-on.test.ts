/** The behaviour of watershed 0.4 that its users rely on. */
import { EventEmitter, once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Watershed, WatershedConnection } from '../../src/index.js';
import { binary, close, ping, pong, text } from '../conformance/frames.js';
import {
  bothEnds,
  catchUncaught,
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
  record,
  requestText,
  responseText,
  serverEnd,
  turn,
} from './ends.js';
import { duplexPair } from './duplex-pair.js';

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
  const accept = /Sec-WebSocket-Accept: (.*)\r\n/.exec(responseText(HANDSHAKE['sec-websocket-key'] as string))?.[1];
  const right = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-accept': accept };

  it.each([
    ['Invalid Upgrade status code', { statusCode: 200, headers: right }],
    ['Missing Connection Header', { statusCode: 101, headers: { ...right, connection: undefined } }],
    ['Missing Connection Header', { statusCode: 101, headers: { ...right, connection: 'close' } }],
    ['Missing Upgrade Header', { statusCode: 101, headers: { ...right, upgrade: undefined } }],
    ['Missing Sec-WebSocket-Accept Header', { statusCode: 101, headers: { ...right, 'sec-websocket-accept': undefined } }],
    ['Missing Sec-WebSocket-Accept Header', { statusCode: 101, headers: { ...right, 'sec-websocket-accept': 'wrong' } }],
    ['Unsupported Sec-WebSocket-Version', { statusCode: 101, headers: { ...right, 'sec-websocket-version': '8' } }],
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

  it('takes any subprotocol when it was not told which were asked for', () => {
    const [socket] = duplexPair();
    const response = { statusCode: 101, headers: { ...right, 'sec-websocket-protocol': 'surprise' } };
    const connection = new Watershed().connect(
      response as unknown as IncomingMessage, socket, Buffer.alloc(0), HANDSHAKE['sec-websocket-key'] as string,
    );
    expect(connection.getProtocol()).toBe('surprise');
  });

  it('refuses a subprotocol that was not among those it was told', () => {
    const [socket] = duplexPair();
    const response = { statusCode: 101, headers: { ...right, 'sec-websocket-protocol': 'surprise' } };
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

  it('is meant by the value true alone, as in 0.4', async () => {
    const { result } = await upgrade((req, socket, head) => new Watershed().accept(req, socket, head, undefined));
    expect(result).toBeInstanceOf(WatershedConnection);
  });
});

describe("'end'", () => {
  it.each([
    [1000, 'NORMAL'],
    [1001, 'GOING_AWAY'],
    [1002, 'PROTOCOL_ERROR'],
    [1003, 'UNACCEPTABLE'],
    [1007, 'MALFORMED'],
    [1008, 'POLICY_VIOLATION'],
    [1009, 'TOO_BIG'],
    [1010, 'MISSING_EXTENSION'],
    [1011, 'UNEXPECTED_ERROR'],
    [1012, '1012'],
    [3000, '3000'],
    [4999, '4999'],
  ])('carries the close code %i as %s, with the reason', async (code, name) => {
    const { connection, peer } = await serverEnd();
    peer.send(close(code, 'why'));
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual([name, 'why']);
  });

  it('has an empty reason for a code without one', async () => {
    const { connection, peer } = await serverEnd();
    peer.send(close(1000));
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual(['NORMAL', '']);
  });

  it('has null and null for an empty CLOSE, which is no reset', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    peer.send(close());
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['end', null, null]]);
  });

  it('comes when the socket has ended, not when the CLOSE comes', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    peer.send(close(1000));
    await peer.ended;
    await turn();
    expect(events).toEqual([]);
    expect(connection.readyState).toBe(2);
    peer.socket.end();
    await next(connection, 'end');
    expect(connection.readyState).toBe(3);
  });

  it('comes once and last, and everything after it does nothing', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    peer.send(close(1000), text('too late'), close(1001));
    peer.socket.end();
    await next(connection, 'end');
    connection.end('again');
    connection.end(1001);
    connection.destroy();
    connection.ping();
    connection.pong();
    connection.pause();
    connection.resume();
    expect(connection.send('never')).toBe(false);
    await turn();
    expect(events).toEqual([['end', 'NORMAL', '']]);
  });

  it('is emitted by destroy before it returns, once', async () => {
    const { connection } = await serverEnd();
    const events = record(connection);
    connection.destroy();
    expect(events).toEqual([['end', null, null]]);
    expect(connection.readyState).toBe(3);
    connection.destroy();
    await turn();
    expect(events).toHaveLength(1);
  });

  it('is emitted once when its listener calls destroy', async () => {
    const { connection } = await serverEnd();
    let count = 0;
    connection.on('end', () => {
      count++;
      connection.destroy();
      connection.end();
    });
    connection.destroy();
    expect(count).toBe(1);
  });
});

describe("'connectionReset'", () => {
  it('comes when the peer ends TCP without a CLOSE, then the end', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
  });

  it.each(['server', 'client'] as const)('comes for a TCP reset on the %s’s end, and no error', async (side) => {
    const { connection, peer } = side === 'server' ? await serverEnd() : await clientEnd();
    const events = record(connection);
    peer.socket.resetAndDestroy();
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
  });

  it.each([
    ['ECONNRESET', undefined],
    ['EPIPE', undefined],
    ['ERR_STREAM_WRITE_AFTER_END', undefined],
    [undefined, 'write after end'],
  ])('comes for %s %s of the socket, and no error', async (code, message) => {
    const [socket] = duplexPair();
    const connection = Watershed.accept(handMadeRequest(), socket, Buffer.alloc(0));
    const events = record(connection);
    socket.destroy(Object.assign(new Error(message ?? code), code === undefined ? {} : { code }));
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
  });

  it('comes for a write after the socket was ended by somebody else', async () => {
    const { connection } = await serverEnd();
    const events = record(connection);
    connection.socket?.end();
    connection.send('after the end');
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
  });
});

describe("'error'", () => {
  it('is emitted once and then the end, with a code, and the close code that was sent', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    peer.send(text('', { rsv: 4 }), text('never delivered'));
    expect(await peer.frame()).toEqual({ opcode: 8, payload: Buffer.from([0x03, 0xea]) });
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([
      ['error', expect.objectContaining({ code: 'WATERSHED_RESERVED_BITS', closeCode: 1002 })],
      ['end', null, null],
    ]);
  });

  it('passes on what broke the socket', async () => {
    const [socket] = duplexPair();
    const connection = Watershed.accept(handMadeRequest(), socket, Buffer.alloc(0));
    const events = record(connection);
    const broken = Object.assign(new Error('the cable was cut'), { code: 'ETIMEDOUT' });
    socket.destroy(broken);
    await next(connection, 'end');
    expect(events).toEqual([['error', broken], ['end', null, null]]);
  });

  it('ends no process when nobody listens for it', async () => {
    const uncaught = catchUncaught();
    const { connection, peer } = await serverEnd();
    peer.send(text('', { rsv: 4 }));
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual([null, null]);
    await turn();
    expect(uncaught).toEqual([]);
  });
});

describe('messages and pings', () => {
  it('delivers what comes after our own end until the CLOSE of the peer, and nothing after that', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    connection.end('enough');
    expect((await peer.frame()).opcode).toBe(8);
    peer.send(text('still'), binary('delivered'), close(1000), text('not this'), ping('nor this'));
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([
      ['text', 'still'],
      ['binary', Buffer.from('delivered')],
      ['end', 'NORMAL', ''],
    ]);
  });

  it('answers a PING and emits it too, and emits a PONG', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    peer.send(ping('nonce'), pong('unsolicited'));
    expect(await peer.frame()).toEqual({ opcode: 10, payload: Buffer.from('nonce') });
    expect(events).toEqual([
      ['ping', Buffer.from('nonce')],
      ['pong', Buffer.from('unsolicited'), undefined],
    ]);
  });

  it('sends and ends at once, before any listener is set', async () => {
    const { connection, peer } = await clientEnd({}, (made) => {
      made.send('first');
      made.send(Buffer.from('second'));
      (made as unknown as { end(...args: string[]): void }).end('that was all', 'ignored');
    });
    const events = record(connection);
    expect((await peer.frame()).payload.toString()).toBe('first');
    expect((await peer.frame()).payload.toString()).toBe('second');
    expect((await peer.frame()).payload.subarray(2).toString()).toBe('that was all');
    peer.send(close(1000, 'that was all'));
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['end', 'NORMAL', 'that was all']]);
  });

  it('never masks the bytes of the caller in place', async () => {
    const { client, server } = await bothEnds();
    const small = Buffer.from('as they were');
    const large = Buffer.alloc(100_000, 'x');
    client.send(small);
    client.send(large);
    expect((await next(server, 'binary'))[0]).toEqual(Buffer.from('as they were'));
    expect((await next(server, 'binary'))[0]).toEqual(Buffer.alloc(100_000, 'x'));
    expect(small.toString()).toBe('as they were');
    expect(large.equals(Buffer.alloc(100_000, 'x'))).toBe(true);
  });

  it('takes once() and removeAllListeners() without harm to the connection', async () => {
    const { connection, peer } = await serverEnd();
    const heard: string[] = [];
    connection.once('text', (message) => heard.push(message));
    peer.send(text('heard'), text('unheard'), ping('1'));
    await peer.frame();
    connection.removeAllListeners();
    peer.send(ping('2'));
    expect((await peer.frame()).payload.toString()).toBe('2');
    expect(heard).toEqual(['heard']);
    peer.send(close(1000));
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual(['NORMAL', '']);
  });

  it('delivers a length that needs 64 bits and a message in fragments, which 0.4 could not', async () => {
    const { server, client } = await bothEnds();
    client.send(Buffer.alloc(70_000, 'a'));
    expect((await next(server, 'binary'))[0]).toEqual(Buffer.alloc(70_000, 'a'));
    const { connection, peer } = await serverEnd();
    peer.send(text('frag', { fin: false }), ping('between'), { ...text('ments'), opcode: 0 });
    expect(await next(connection, 'text')).toEqual(['fragments']);
  });
});

describe('identity', () => {
  it('has _id, a whole number that is unique in the process, and _remote, beside id and remote', async () => {
    const { server, client } = await bothEnds();
    // As code without types reads them: they are deprecated.
    const legacy = server as unknown as { _id: number; _remote: string };
    expect(Number.isInteger(legacy._id)).toBe(true);
    expect(legacy._id).not.toBe(client.id);
    expect(legacy._id).toBe(server.id);
    expect(legacy._remote).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(legacy._remote).toBe(server.remote);
    expect(server.remote).toBe(client.local);
    expect(client.remote).toBe(server.local);
    const { remote } = server;
    server.destroy();
    expect(legacy._remote).toBe(remote);
  });

  it('is an EventEmitter, made by methods on the prototype of Watershed', async () => {
    const { server } = await bothEnds();
    expect(server).toBeInstanceOf(EventEmitter);
    expect(server).toBeInstanceOf(WatershedConnection);
    expect(Object.getOwnPropertyNames(Watershed.prototype)).toEqual(
      expect.arrayContaining(['accept', 'connect', 'generateKey']),
    );
  });

  it('generates a key of 16 bytes in base64, another one each time', () => {
    const shed = new Watershed();
    const key = shed.generateKey();
    expect(Buffer.from(key, 'base64')).toHaveLength(16);
    expect(Buffer.from(key, 'base64').toString('base64')).toBe(key);
    expect(shed.generateKey()).not.toBe(key);
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
