import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { HandshakeError, Watershed, WatershedConnection } from '../src/index.js';
import {
  bothEnds,
  connectTo,
  deferred,
  dial,
  dialPeer,
  HANDSHAKE,
  listen,
  next,
  readHead,
  requestText,
} from './classic/ends.js';

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
