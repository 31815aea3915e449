import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { HandshakeError, Watershed, WatershedConnection } from '../src/index.js';
import { close } from './conformance/frames.js';
import {
  bothEnds,
  clientEnd,
  connectTo,
  deferred,
  dial,
  dialPeer,
  HANDSHAKE,
  listen,
  next,
  type Peer,
  readHead,
  requestText,
  serverEnd,
  turn,
} from './classic/ends.js';

/** Connections of one instance, each with its raw client. */
async function instanceEnds(
  shed: Watershed,
  count: number,
): Promise<{ connections: WatershedConnection[]; peers: Peer[] }> {
  const connections: WatershedConnection[] = [];
  const port = await listen((req, socket, head) => {
    connections.push(shed.accept(req, socket, head));
  });
  const peers: Peer[] = [];
  for (let index = 0; index < count; index++) peers.push(await dialPeer(port));
  return { connections, peers };
}

function answerClose(peer: Peer): void {
  void peer.frame().then(() => {
    peer.send(close(1001));
    peer.socket.end();
  });
}

describe('static methods', () => {
  it('do what those of an instance do', async () => {
    const key = Watershed.generateKey();
    expect(Buffer.from(key, 'base64')).toHaveLength(16);
    expect(Watershed.requestHeaders(key)).toEqual(new Watershed().requestHeaders(key));
    const { server, client } = await bothEnds();
    client.send('made by static methods');
    expect(await next(server, 'text')).toEqual(['made by static methods']);
  });

  it('work without a receiver, as functions', async () => {
    const { accept } = Watershed;
    const accepted = deferred<WatershedConnection>();
    const port = await listen((req, socket, head) => {
      accepted.resolve(accept(req, socket, head));
    });
    await dialPeer(port);
    expect(await accepted.promise).toBeInstanceOf(WatershedConnection);
  });
});

describe('an instance', () => {
  it('gives its options to the connections that it makes, and those of accept come first', async () => {
    const shed = new Watershed({ highWaterMark: 2 });
    const results: boolean[] = [];
    const done = deferred();
    const port = await listen((req, socket, head) => {
      results.push(shed.accept(req, socket, head).send('12'));
      if (results.length === 2) done.resolve();
    });
    const own = await listen((req, socket, head) => {
      results.push(shed.accept(req, socket, head, { highWaterMark: 3 }).send('12'));
      if (results.length === 2) done.resolve();
    });
    await dialPeer(port);
    await dialPeer(own);
    await done.promise;
    expect(results).toEqual([false, true]);
  });
});

describe('accept', () => {
  it('adds header fields to the 101, several lines of one too', async () => {
    const port = await listen((req, socket, head) => {
      Watershed.accept(req, socket, head, { headers: { 'Set-Cookie': ['a=1', 'b=2'], 'X-Served-By': 'watershed' } });
    });
    const client = dial(port);
    client.write(requestText());
    const { head } = await readHead(client);
    expect(head.split('\r\n').slice(-3)).toEqual(['Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Served-By: watershed']);
  });

  it('throws for a field that is the handshake’s own, and writes nothing', async () => {
    const error = deferred<unknown>();
    const port = await listen((req, socket, head) => {
      try {
        Watershed.accept(req, socket, head, { headers: { 'sec-websocket-accept': 'mine' } });
      } catch (thrown) {
        error.resolve(thrown);
        socket.end('HTTP/1.1 500 Refused\r\n\r\n');
      }
    });
    const client = dial(port);
    client.write(requestText());
    expect(await error.promise).toBeInstanceOf(TypeError);
    expect((await readHead(client)).head).toBe('HTTP/1.1 500 Refused');
  });

  it('refuses an origin that the policy does not have with 403, and lets in the others and those without one', async () => {
    const port = await listen((req, socket, head) => {
      try {
        Watershed.accept(req, socket, head, { origin: ['https://example.com'] });
      } catch (error) {
        Watershed.reject(socket, error as HandshakeError);
      }
    });
    const statuses: string[] = [];
    for (const origin of ['https://evil.example', 'https://example.com', undefined]) {
      const client = dial(port);
      client.write(requestText({ origin }));
      statuses.push((await readHead(client)).head.slice(9, 12));
    }
    expect(statuses).toEqual(['403', '101', '101']);
  });

  it('lets a ws client in, with a subprotocol, an echo and a close', async () => {
    const port = await listen((req, socket, head) => {
      const connection = Watershed.accept(req, socket, head, { protocols: ['echo'] });
      connection.on('text', (message) => connection.send(message));
      connection.on('binary', (data) => connection.send(data));
    });
    const ws = new WebSocket(`ws://127.0.0.1:${String(port)}`, ['echo']);
    await once(ws, 'open');
    expect(ws.protocol).toBe('echo');
    ws.send('grüße');
    expect(String((await once(ws, 'message'))[0])).toBe('grüße');
    ws.close(3000, 'bye');
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([3000, 'bye']);
  });
});

describe('detached in the options', () => {
  it('gives the raw socket on both ends', async () => {
    const raw = deferred<unknown>();
    const port = await listen((req, socket, head) => {
      raw.resolve(Watershed.accept(req, socket, head, { detached: true }) === socket);
    });
    const key = Watershed.generateKey();
    const request = httpRequest({ port, host: '127.0.0.1', headers: Watershed.requestHeaders(key) });
    request.end();
    const [res, socket] = (await once(request, 'upgrade')) as Parameters<typeof Watershed.connect>;
    expect(await raw.promise).toBe(true);
    const far = Watershed.connect(res, socket, Buffer.from('put back'), key, { detached: true });
    expect(far).toBe(socket);
    expect(String((await once(far, 'data'))[0])).toBe('put back');
    far.destroy();
  });
});

describe('requestHeaders', () => {
  it('has what a handshake needs, and the subprotocols and the origin that were asked for', () => {
    const key = HANDSHAKE['sec-websocket-key'] as string;
    expect(Watershed.requestHeaders(key, { protocols: ['a', 'b'], origin: 'https://example.com' })).toEqual({
      'Connection': 'Upgrade',
      'Upgrade': 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': 'a, b',
      'Origin': 'https://example.com',
    });
  });

  it.each([
    [() => Watershed.requestHeaders('short'), /^key must be the base64 of 16 bytes/],
    [() => Watershed.requestHeaders(13 as never), /^key must be a string, but is 13$/],
    [() => Watershed.requestHeaders(Watershed.generateKey(), { origin: 'a\r\nX: y' }), /^options\.origin must be a header field's value/],
    [() => Watershed.requestHeaders(Watershed.generateKey(), { protocols: ['a', 'a'] }), /^options\.protocols must not name a subprotocol twice/],
    [() => Watershed.requestHeaders(Watershed.generateKey(), { protocols: ['a b'] }), /^options\.protocols\[0\] must be a token/],
  ])('throws for what cannot stand in the header: %s', (action, message) => {
    expect(action).toThrow(message);
  });
});

describe('reject', () => {
  it('answers with the whole response that the error asks for, and ends the socket', async () => {
    const port = await listen((req, socket, head) => {
      try {
        new Watershed().accept(req, socket, head);
      } catch (error) {
        new Watershed().reject(socket, error as HandshakeError, { headers: { 'X-Reason': 'old' }, body: 'upgrade!' });
      }
    });
    const client = dial(port);
    client.write(requestText({ 'sec-websocket-version': '8' }));
    const { head, rest } = await readHead(client);
    expect(head).toMatch(/^HTTP\/1\.1 426 Upgrade Required\r\n/);
    expect(head).toMatch(/^Sec-WebSocket-Version: 13\r?$/m);
    expect(head).toMatch(/^X-Reason: old\r?$/m);
    expect(head).toMatch(/^Content-Length: 8\r?$/m);
    expect(rest.toString()).toBe('upgrade!');
    client.resume();
    await once(client, 'end');
  });

  it('is safe on a socket that is gone already', async () => {
    const upgraded = deferred();
    const done = deferred();
    const port = await listen((_req, socket) => {
      upgraded.resolve();
      Watershed.guard(socket);
      socket.once('close', () => {
        Watershed.reject(socket, 401);
        done.resolve();
      });
    });
    const client = dial(port);
    client.write(requestText());
    await upgraded.promise;
    client.resetAndDestroy();
    await done.promise;
  });
});

describe('guard', () => {
  it('covers the time until accept, which then takes over', async () => {
    const accepted = deferred<WatershedConnection>();
    const port = await listen((req, socket, head) => {
      const before = socket.listenerCount('error');
      Watershed.guard(socket);
      expect(socket.listenerCount('error')).toBe(before + 1);
      setImmediate(() => {
        const connection = Watershed.accept(req, socket, head);
        // The connection's own listener, and the guard's no more.
        expect(socket.listenerCount('error')).toBe(before + 1);
        accepted.resolve(connection);
      });
    });
    const peer = await dialPeer(port);
    const connection = await accepted.promise;
    connection.send('taken over');
    expect((await peer.frame()).payload.toString()).toBe('taken over');
  });

  it('keeps a reset before the decision from ending the process, and accept throws then', async () => {
    const upgraded = deferred();
    const error = deferred<unknown>();
    const port = await listen((req, socket, head) => {
      upgraded.resolve();
      new Watershed().guard(socket);
      socket.once('close', () => {
        try {
          Watershed.accept(req, socket, head);
        } catch (thrown) {
          error.resolve(thrown);
        }
      });
    });
    const client = dial(port);
    client.write(requestText());
    await upgraded.promise;
    client.resetAndDestroy();
    expect(await error.promise).toMatchObject({ code: 'WATERSHED_SOCKET_DESTROYED' });
  });
});

describe('closeAll', () => {
  it('closes every connection of the instance with 1001, and counts the clean and the destroyed', async () => {
    const shed = new Watershed();
    const { connections, peers } = await instanceEnds(shed, 3);
    const ends = connections.map((connection) => next(connection, 'end'));
    peers.slice(0, 2).forEach(answerClose);
    const other = await serverEnd();
    expect(await shed.closeAll({ timeout: 100 })).toEqual({ clean: 2, destroyed: 1 });
    expect(await Promise.all(ends)).toEqual([['GOING_AWAY', ''], ['GOING_AWAY', ''], [null, null]]);
    expect(other.connection.readyState).toBe(1);
    expect(await shed.closeAll()).toEqual({ clean: 0, destroyed: 0 });
  });

  it('closes clients too, with the code and the reason that are given', async () => {
    const shed = new Watershed();
    const { server, client } = await bothEnds();
    const { connections } = await instanceEnds(shed, 0);
    expect(connections).toEqual([]);
    const port = await listen((req, socket, head) => { Watershed.accept(req, socket, head); });
    const key = shed.generateKey();
    const request = httpRequest({ port, host: '127.0.0.1', headers: shed.requestHeaders(key) });
    request.end();
    const [res, socket, head] = (await once(request, 'upgrade')) as Parameters<typeof Watershed.connect>;
    const own = shed.connect(res, socket, head, key);
    const ended = next(own, 'end');
    expect(await shed.closeAll({ code: 1012, reason: 'restarting' })).toEqual({ clean: 1, destroyed: 0 });
    expect(await ended).toEqual(['1012', 'restarting']);
    expect([server.readyState, client.readyState]).toEqual([1, 1]);
  });

  it('waits for connections that are closing already, and counts one that goes away as destroyed', async () => {
    const shed = new Watershed();
    const { connections, peers } = await instanceEnds(shed, 2);
    connections[0]?.end(3000);
    const result = shed.closeAll();
    expect((await peers[0]?.frame())?.payload.readUInt16BE()).toBe(3000);
    peers[0]?.send(close(3000));
    peers[0]?.socket.end();
    peers[1]?.socket.resetAndDestroy();
    expect(await result).toEqual({ clean: 1, destroyed: 1 });
  });

  it('counts as clean what had completed the closing handshake, though its TCP had to be destroyed', async () => {
    const shed = new Watershed();
    const { peers } = await instanceEnds(shed, 1);
    const result = shed.closeAll({ timeout: 50 });
    await peers[0]?.frame();
    peers[0]?.send(close(1001));
    expect(await result).toEqual({ clean: 1, destroyed: 0 });
  });

  it('may be called twice: both wait for the same end', async () => {
    const shed = new Watershed();
    const { peers } = await instanceEnds(shed, 1);
    const both = Promise.all([shed.closeAll(), shed.closeAll({ timeout: 5_000 })]);
    peers.forEach(answerClose);
    expect(await both).toEqual([{ clean: 1, destroyed: 0 }, { clean: 1, destroyed: 0 }]);
  });

  it('throws for a code and a reason that may not be sent, and closes nothing', async () => {
    const shed = new Watershed();
    const { connections } = await instanceEnds(shed, 1);
    expect(() => shed.closeAll({ code: 1005 })).toThrow(RangeError);
    expect(() => shed.closeAll({ reason: 'x'.repeat(124) })).toThrow(/^reason must be at most 123 bytes/);
    expect(() => shed.closeAll({ timeout: -1 })).toThrow(/^options\.timeout must be/);
    expect(() => shed.closeAll({ code: '1001' as never })).toThrow(/^options\.code must be a number, but is "1001"$/);
    expect(() => shed.closeAll({ reason: 1 as never })).toThrow(/^options\.reason must be a string, but is 1$/);
    expect(connections[0]?.readyState).toBe(1);
  });
});

describe('broadcast', () => {
  it.each([
    ['text', 'to äll', 1, Buffer.from('to äll')],
    ['small binary', Buffer.from('bytes'), 2, Buffer.from('bytes')],
    ['large binary', Buffer.alloc(20_000, 'b'), 2, Buffer.alloc(20_000, 'b')],
    ['a view', new Uint16Array([1, 2]).subarray(1), 2, Buffer.from([2, 0])],
  ])('sends %s to server ends and client ends, and says to how many', async (_what, data, opcode, payload) => {
    const first = await serverEnd();
    const second = await serverEnd();
    const third = await clientEnd();
    const ends = [first, second, third];
    expect(Watershed.broadcast(new Set(ends.map(({ connection }) => connection)), data)).toBe(3);
    expect(ends.map(({ connection }) => connection.bufferedAmount)).toEqual(Array(3).fill(payload.length));
    for (const { peer } of ends) {
      const frame = await peer.frame();
      expect(frame.opcode).toBe(opcode);
      expect(frame.payload.equals(payload)).toBe(true);
    }
  });

  it('takes the bytes as they are at the call', async () => {
    const { connection, peer } = await serverEnd();
    const data = Buffer.alloc(100_000, 'a');
    Watershed.broadcast([connection], data);
    data.fill('b');
    expect((await peer.frame()).payload.equals(Buffer.alloc(100_000, 'a'))).toBe(true);
  });

  it('keeps the order of what was sent to each before and after', async () => {
    const { connection, peer } = await serverEnd();
    connection.send('1');
    Watershed.broadcast([connection], '2');
    connection.send('3');
    expect([await peer.frame(), await peer.frame(), await peer.frame()].map(({ payload }) => String(payload))).toEqual(['1', '2', '3']);
  });

  it('leaves out those that are not open, and takes an empty list', async () => {
    const open = await serverEnd();
    const closing = await serverEnd();
    const closed = await serverEnd();
    closing.connection.end();
    closed.connection.destroy();
    expect(Watershed.broadcast([open.connection, closing.connection, closed.connection], 'x')).toBe(1);
    expect(Watershed.broadcast([], 'x')).toBe(0);
  });

  it("with skip 'slow' leaves out those above their highWaterMark, and no others", async () => {
    const slow = await serverEnd({ highWaterMark: 3 });
    const busy = await serverEnd({ highWaterMark: 4 });
    slow.connection.send('1234');
    busy.connection.send('1234');
    const both = [slow.connection, busy.connection];
    expect(Watershed.broadcast(both, 'x', { skip: 'slow' })).toBe(1);
    expect(Watershed.broadcast(both, 'y')).toBe(2);
    expect((await slow.peer.frame()).payload.toString()).toBe('1234');
    expect((await slow.peer.frame()).payload.toString()).toBe('y');
  });

  it('throws for what is no connection and no message, and sends to nobody', async () => {
    const { connection } = await serverEnd();
    expect(() => Watershed.broadcast([connection, {} as never], 'x')).toThrow(/^connections must be an iterable of connections/);
    expect(() => Watershed.broadcast([connection, 'x' as never], 'x')).toThrow(TypeError);
    expect(() => Watershed.broadcast([connection], 42 as never)).toThrow(/^data must be a string/);
    expect(() => Watershed.broadcast([connection], 'x', { skip: 'fast' as never })).toThrow(/^options\.skip must be 'slow', but is "fast"$/);
    await turn();
    expect(connection.bufferedAmount).toBe(0);
  });
});

describe('connect to a ws server', () => {
  it('is a client like any other', async () => {
    const port = await listen((req, socket, head) => {
      const wss = new WebSocketServer({ noServer: true });
      wss.handleUpgrade(req, socket, head, (ws) => {
        ws.on('message', (data: Buffer, isBinary) => { ws.send(data, { binary: isBinary }); });
      });
    });
    const connection = await connectTo(port);
    connection.send('grüße');
    expect(await next(connection, 'text')).toEqual(['grüße']);
    connection.end(3000, 'bye');
    expect(await next(connection, 'end')).toEqual(['3000', 'bye']);
  });
});
