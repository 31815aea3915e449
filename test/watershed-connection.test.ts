import { AsyncLocalStorage } from 'node:async_hooks';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type WatershedConnection } from '../src/index.js';
import { binary, close, encodeFrame, text } from './conformance/frames.js';
import {
  bothEnds,
  catchUncaught,
  clientEnd,
  deferred,
  dialPeer,
  listen,
  next,
  type Peer,
  record,
  requestText,
  serverEnd,
  turn,
} from './classic/ends.js';
import { Watershed } from '../src/index.js';

const MEBIBYTE = Buffer.alloc(1024 * 1024, 'm');

/** Sends until the peer, which does not read, has filled the socket. */
function fill(connection: WatershedConnection): number {
  let count = 0;
  for (; count < 16; count++) connection.send(MEBIBYTE);
  return count * MEBIBYTE.length;
}

/** A server's end whose peer reads nothing until its socket is resumed. */
async function unreadEnd(
  options?: Parameters<typeof serverEnd>[0],
): Promise<{ connection: WatershedConnection; peer: Peer }> {
  const ends = await serverEnd(options);
  ends.peer.socket.pause();
  return ends;
}

describe('send', () => {
  it.each([
    ['a string', 'text', 1, Buffer.from('text')],
    ['an empty string', '', 1, Buffer.from('')],
    ['a Buffer', Buffer.from([1, 2]), 2, Buffer.from([1, 2])],
    ['a view on a part of a buffer, of elements of 4 bytes', new Float32Array([0, 1, 0]).subarray(1, 2), 2, Buffer.from([0, 0, 128, 63])],
    ['a DataView', new DataView(new Uint8Array([1, 2, 3]).buffer, 1), 2, Buffer.from([2, 3])],
    ['an ArrayBuffer', new Uint8Array([7]).buffer, 2, Buffer.from([7])],
    ['an ArrayBuffer of another realm', runInNewContext('new Uint8Array([8]).buffer') as ArrayBuffer, 2, Buffer.from([8])],
  ])('takes %s', async (_what, data, opcode, payload) => {
    const { connection, peer } = await serverEnd();
    expect(connection.send(data)).toBe(true);
    expect(await peer.frame()).toEqual({ opcode, payload });
  });

  it.each([42, null, undefined, true, {}, ['text'], Symbol('s'), 42n])('throws a TypeError for %s, and the connection goes on', async (data) => {
    const { connection, peer } = await serverEnd();
    expect(() => connection.send(data as string)).toThrow(TypeError);
    expect(() => connection.send(data as string)).toThrow(/^data must be a string, a Buffer, .* but is /);
    connection.send('next');
    expect((await peer.frame()).payload.toString()).toBe('next');
  });

  it('throws a TypeError for a callback that is no function, and sends nothing', async () => {
    const { connection, peer } = await serverEnd();
    expect(() => connection.send('not sent', 'callback' as never)).toThrow(/^callback must be a function/);
    connection.send('sent');
    expect((await peer.frame()).payload.toString()).toBe('sent');
  });

  it('sends lone surrogates as U+FFFD', async () => {
    const { connection, peer } = await serverEnd();
    connection.send('a\ud800b');
    expect((await peer.frame()).payload.toString()).toBe('a\ufffdb');
  });

  it('keeps the order of small and large messages and of control frames', async () => {
    const { connection, peer } = await clientEnd();
    connection.send('1');
    connection.send(Buffer.alloc(20_000));
    connection.ping('2');
    connection.send('x'.repeat(70_000));
    connection.pong('3');
    connection.end('4');
    const lengths: [number, number][] = [];
    for (let count = 0; count < 6; count++) {
      const { opcode, payload } = await peer.frame();
      lengths.push([opcode, payload.length]);
    }
    expect(lengths).toEqual([[1, 1], [2, 20_000], [9, 1], [1, 70_000], [10, 1], [8, 3]]);
  });
});

describe('the callback of send', () => {
  it('is called once, without an argument, when the socket has taken the message, and never inside the call', async () => {
    const { connection } = await serverEnd();
    const calls: unknown[][] = [];
    const done = deferred();
    connection.send('a', (...args) => calls.push(['a', ...args]));
    connection.send(Buffer.alloc(100_000), (...args) => calls.push(['b', ...args]));
    connection.send('c', (...args) => {
      calls.push(['c', ...args]);
      done.resolve();
    });
    expect(calls).toEqual([]);
    await done.promise;
    await turn();
    expect(calls).toEqual([['a'], ['b'], ['c']]);
  });

  it('gets an error for everything that did not go out when destroy is called, before the end', async () => {
    const { connection } = await unreadEnd();
    const events: unknown[] = [];
    fill(connection);
    await turn();
    connection.send(MEBIBYTE, (error) => events.push(['in the socket', error?.message]));
    connection.send('x', (error) => events.push(['in the batch', error?.message]));
    connection.on('end', () => events.push('end'));
    connection.destroy();
    expect(events).toEqual([
      ['in the socket', 'The connection was destroyed'],
      ['in the batch', 'The connection was destroyed'],
      'end',
    ]);
    await turn();
    expect(events).toHaveLength(3);
  });

  it('gets an error when the peer is lost, once each, before the end', async () => {
    const { connection, peer } = await unreadEnd();
    const calls: unknown[] = [];
    fill(connection);
    for (let index = 0; index < 3; index++) connection.send(MEBIBYTE, (error) => calls.push(error));
    await turn();
    expect(calls).toEqual([]);
    peer.socket.resetAndDestroy();
    await next(connection, 'end');
    expect(calls).toEqual(Array(3).fill(expect.objectContaining({ code: 'WATERSHED_CONNECTION_LOST' })));
  });

  it.each([
    ['CLOSING', (connection: WatershedConnection) => { connection.end(); }],
    ['CLOSED', (connection: WatershedConnection) => { connection.destroy(); }],
  ])('gets an error, later, when the connection is %s already: nothing is sent', async (state, act) => {
    const { connection } = await serverEnd();
    act(connection);
    const result = deferred<Error | undefined>();
    let isInside = true;
    expect(connection.send('too late', (error) => {
      expect(isInside).toBe(false);
      result.resolve(error);
    })).toBe(false);
    isInside = false;
    expect(await result.promise).toMatchObject({ code: 'WATERSHED_NOT_OPEN', message: `Not sent: the connection is ${state}` });
    expect(connection.bufferedAmount).toBe(0);
  });

  it('may send, end and destroy', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    connection.send('1', () => {
      connection.send('2', () => {
        connection.end('3');
        connection.destroy();
      });
    });
    expect((await peer.frame()).payload.toString()).toBe('1');
    expect((await peer.frame()).payload.toString()).toBe('2');
    await peer.ended;
    expect(events).toEqual([['end', null, null]]);
  });
});

describe('bufferedAmount', () => {
  it('counts payload bytes, of text in UTF-8, without headers and control frames, and never falls inside the call', async () => {
    const { connection } = await clientEnd();
    connection.send('grün');
    expect(connection.bufferedAmount).toBe(5);
    connection.send(Buffer.alloc(20_000));
    expect(connection.bufferedAmount).toBe(20_005);
    connection.send('€'.repeat(30_000));
    expect(connection.bufferedAmount).toBe(110_005);
    connection.ping('not counted');
    connection.pong('not counted');
    connection.send(new Float64Array(2));
    expect(connection.bufferedAmount).toBe(110_021);
    await new Promise<void>((resolve) => {
      connection.send('', () => {
        resolve();
      });
    });
    expect(connection.bufferedAmount).toBe(0);
  });

  it('falls by exactly the messages whose callbacks have been called', async () => {
    const { connection, peer } = await unreadEnd();
    const total = 64;
    let open = 0;
    const done = deferred();
    for (let index = 0; index < total; index++) {
      const message = Buffer.alloc(index % 2 === 0 ? 200_000 + index : 300);
      open += message.length;
      connection.send(message, () => {
        open -= message.length;
        if (index === total - 1) done.resolve();
      });
      expect(connection.bufferedAmount).toBe(open);
    }
    peer.socket.resume();
    await done.promise;
    expect([open, connection.bufferedAmount]).toEqual([0, 0]);
  });
});

describe('backpressure', () => {
  it('makes send return false from highWaterMark on, and drain comes once, when everything is out', async () => {
    const { connection, peer } = await unreadEnd({ highWaterMark: 10 });
    let drained = 0;
    connection.on('drain', () => {
      drained++;
      expect(connection.bufferedAmount).toBe(0);
    });
    expect(connection.send('123456789')).toBe(true);
    expect(connection.send('0')).toBe(false);
    expect(connection.send('more')).toBe(false);
    await next(connection, 'drain');
    fill(connection);
    await turn();
    expect(drained).toBe(1);
    peer.socket.resume();
    await next(connection, 'drain');
    expect(drained).toBe(2);
  });

  it('has no drain when send never returned false', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    connection.send('small', () => { connection.end(); });
    await peer.frame();
    await peer.frame();
    peer.send(close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['end', 'NORMAL', '']]);
  });

  it('gives a peer up that lets more than maxBufferedAmount pile up, after the call has returned', async () => {
    const { connection } = await unreadEnd({ maxBufferedAmount: 32 * MEBIBYTE.length });
    const events = record(connection);
    const results: unknown[] = [];
    for (let index = 0; index < 33; index++) connection.send(MEBIBYTE, (error) => results.push(error));
    expect(events).toEqual([]);
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
    expect(results.at(-1)).toMatchObject({ code: 'WATERSHED_BUFFER_LIMIT' });
    expect(results).toHaveLength(33);
  });

  it('leaves a peer alone that stays at maxBufferedAmount', async () => {
    const { connection, peer } = await serverEnd({ maxBufferedAmount: 5 });
    connection.send('12345');
    expect((await peer.frame()).payload.toString()).toBe('12345');
    connection.send('67890');
    expect((await peer.frame()).payload.toString()).toBe('67890');
    expect(connection.readyState).toBe(1);
  });
});

describe('pause', () => {
  it('in the tick of accept holds everything back until resume, head included', async () => {
    const { connection, peer } = await serverEnd({}, (made) => { made.pause(); }, [text('in the head'), text('too')]);
    const events = record(connection);
    peer.send(binary('later'), close(1000));
    peer.socket.end();
    await turn();
    await turn();
    expect(events).toEqual([]);
    connection.resume();
    expect(events).toEqual([]);
    await next(connection, 'end');
    expect(events).toEqual([
      ['text', 'in the head'],
      ['text', 'too'],
      ['binary', Buffer.from('later')],
      ['end', 'NORMAL', ''],
    ]);
  });

  it('in the middle of a chunk holds the rest of it back, though the peer ends TCP meanwhile', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    connection.on('text', () => { connection.pause(); });
    peer.send(text('one'), text('two'), text('three'), close(1001, 'bye'));
    peer.socket.end();
    await next(connection, 'text');
    await turn();
    await turn();
    expect(events).toEqual([['text', 'one']]);
    for (const message of ['two', 'three']) {
      const arrived = next(connection, 'text');
      connection.resume();
      expect(await arrived).toEqual([message]);
    }
    connection.resume();
    await next(connection, 'end');
    expect(events.slice(3)).toEqual([['end', 'GOING_AWAY', 'bye']]);
  });

  it('holds back the end of TCP without a CLOSE too', async () => {
    const { connection, peer } = await clientEnd();
    const events = record(connection);
    connection.once('text', () => { connection.pause(); });
    peer.send(text('one'), text('two'));
    peer.socket.end();
    await next(connection, 'text');
    await turn();
    await turn();
    expect(events).toEqual([['text', 'one']]);
    connection.resume();
    await next(connection, 'end');
    expect(events).toEqual([['text', 'one'], ['text', 'two'], ['connectionReset'], ['end', null, null]]);
  });

  it('does not hold back the loss of the peer: a program that waits for drain would wait for ever', async () => {
    const { connection, peer } = await unreadEnd();
    fill(connection);
    connection.pause();
    await turn();
    peer.socket.resetAndDestroy();
    await next(connection, 'end');
    expect(connection.readyState).toBe(3);
  });

  it('slows the peer down', async () => {
    const { connection, peer } = await serverEnd();
    connection.pause();
    const frame = encodeFrame(binary(MEBIBYTE), true);
    let total = 0;
    while (total < 64 && peer.socket.writableLength < 4 * MEBIBYTE.length) {
      peer.socket.write(frame);
      total++;
      await turn();
    }
    expect(peer.socket.writableLength).toBeGreaterThan(0);
    let received = 0;
    const all = deferred();
    connection.on('binary', () => {
      if (++received === total) all.resolve();
    });
    connection.resume();
    await all.promise;
  });

  it('lets end and closeTimeout work', async () => {
    const { connection, peer } = await serverEnd({ closeTimeout: 30 });
    const events = record(connection);
    connection.pause();
    connection.end('paused');
    expect((await peer.frame()).opcode).toBe(8);
    peer.send(close(1000));
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
  });

  it('and resume at once lose nothing', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    connection.on('text', () => {
      connection.pause();
      connection.resume();
      connection.pause();
      connection.resume();
    });
    peer.send(text('1'), text('2'), text('3'), close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['text', '1'], ['text', '2'], ['text', '3'], ['end', 'NORMAL', '']]);
  });

  it('while the socket is ending does not hide its end', async () => {
    const { connection, peer } = await serverEnd({ closeTimeout: 60_000 });
    connection.on('error', () => { connection.pause(); });
    peer.send(text('', { rsv: 1 }));
    await peer.ended;
    peer.socket.end(Buffer.alloc(100_000));
    expect(await next(connection, 'end')).toEqual([null, null]);
  });
});

describe('what a listener throws', () => {
  it('is an uncaught exception, and the remaining messages are delivered', async () => {
    const uncaught = catchUncaught();
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    for (const name of ['text', 'binary', 'ping', 'pong', 'end'] as const) {
      connection.prependListener(name, () => {
        throw new Error(name);
      });
    }
    connection.on('text', () => events.push(['second listener']));
    peer.send(text('1'), binary('2'), text('3'), close(1000));
    peer.socket.end();
    await peer.ended;
    await turn();
    // The listeners behind the one that threw are not called: that is how an EventEmitter works.
    expect(events).toEqual([]);
    expect(uncaught.map((error) => (error as Error).message)).toEqual(['text', 'binary', 'text', 'end']);
    expect(connection.readyState).toBe(3);
  });

  it('never becomes an error of the connection, which goes on', async () => {
    const uncaught = catchUncaught();
    const { connection, peer } = await serverEnd();
    const errors: Error[] = [];
    connection.on('error', (error) => errors.push(error));
    connection.on('text', (message) => {
      connection.send(`echo of ${message}`);
      throw new Error(message);
    });
    peer.send(text('a'), text('b'));
    expect((await peer.frame()).payload.toString()).toBe('echo of a');
    expect((await peer.frame()).payload.toString()).toBe('echo of b');
    await turn();
    expect(uncaught).toHaveLength(2);
    expect(errors).toEqual([]);
    expect(connection.readyState).toBe(1);
  });

  it('or a callback of send, keeps no other callback and no event from coming', async () => {
    const uncaught = catchUncaught();
    const { connection } = await serverEnd({ highWaterMark: 0 });
    const calls: string[] = [];
    connection.send('a', () => {
      throw new Error('a');
    });
    connection.send('b', () => calls.push('b'));
    await next(connection, 'drain');
    await turn();
    expect(calls).toEqual(['b']);
    expect(uncaught.map((error) => (error as Error).message)).toEqual(['a']);
  });
});

describe('the async context', () => {
  it('of every handler and callback is the one in which the connection was made', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: [what: string, store: string | undefined][] = [];
    const note = (what: string) => () => {
      seen.push([what, storage.getStore()]);
    };
    const accepted = deferred<WatershedConnection>();
    const port = await listen((req, socket, head) => {
      storage.run('the request', () => {
        const connection = Watershed.accept(req, socket, head, { highWaterMark: 0 });
        for (const name of ['text', 'binary', 'ping', 'pong', 'drain', 'end'] as const) connection.on(name, note(name));
        accepted.resolve(connection);
      });
    });
    const peer = await dialPeer(port, requestText(), [text('early')]);
    const connection = await accepted.promise;
    storage.run('somewhere else', () => {
      connection.send('x', note('callback'));
      connection.ping('p');
      connection.pause();
      connection.resume();
    });
    peer.send(binary('b'), { ...text('p'), opcode: 10 }, { ...text(''), opcode: 9 });
    await next(connection, 'ping');
    storage.run('somewhere else', () => { connection.end(); });
    storage.run('somewhere else', () => { connection.send('late', note('late callback')); });
    peer.send(close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(seen.map(([, store]) => store)).toEqual(Array(seen.length).fill('the request'));
    expect(seen.map(([what]) => what).sort()).toEqual(
      ['binary', 'callback', 'drain', 'end', 'late callback', 'ping', 'pong', 'text'],
    );
  });
});

describe('ref and unref', () => {
  it('return the connection and decide whether the socket keeps the process alive', async () => {
    const { connection } = await serverEnd();
    const alive = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const before = alive();
    expect(connection.unref()).toBe(connection);
    expect(alive()).toBe(before - 1);
    expect(connection.ref()).toBe(connection);
    expect(alive()).toBe(before);
  });
});

describe('asyncDispose', () => {
  it('ends the connection and waits for the end', async () => {
    const { server, client } = await bothEnds();
    const ended = next(client, 'end');
    {
      await using connection = server;
      connection.send('inside');
    }
    expect(server.readyState).toBe(3);
    expect(await ended).toEqual(['NORMAL', '']);
  });

  it('returns at once after the end, and waits for an end that is under way', async () => {
    const { connection, peer } = await serverEnd();
    connection.end(1001);
    const disposed = connection[Symbol.asyncDispose]();
    peer.send(close(1001));
    peer.socket.end();
    await disposed;
    expect(connection.readyState).toBe(3);
    await connection[Symbol.asyncDispose]();
  });
});

describe('end', () => {
  it.each([
    [[], 1000, ''],
    [[null], 1000, ''],
    [[''], 1000, ''],
    [['reason'], 1000, 'reason'],
    [[3001], 3001, ''],
    [[4000, 'reason'], 4000, 'reason'],
    [['x'.repeat(123)], 1000, 'x'.repeat(123)],
  ] as [[string], number, string][])('with %j sends its code and its reason', async (args, code, reason) => {
    const { connection, peer } = await serverEnd();
    connection.end(...args);
    const { opcode, payload } = await peer.frame();
    expect([opcode, payload.readUInt16BE(), payload.subarray(2).toString()]).toEqual([8, code, reason]);
  });

  it.each([999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 1000.5, NaN, -1, Infinity])('throws a RangeError for the code %d', async (code) => {
    const { connection } = await serverEnd();
    expect(() => { connection.end(code); }).toThrow(RangeError);
    expect(() => { connection.end(code); }).toThrow(/^code must be a close code .*RFC 6455 section 7\.4/);
    expect(connection.readyState).toBe(1);
  });

  it.each([[{}], [true], [Buffer.from('r')]])('throws a TypeError for the reason %j', async (reason) => {
    const { connection } = await serverEnd();
    expect(() => { connection.end(reason as never); }).toThrow(/^reason must be a string/);
    expect(() => { connection.end(1000, reason as never); }).toThrow(TypeError);
    expect(connection.readyState).toBe(1);
  });
});

describe('ping and pong', () => {
  it.each(['ping', 'pong'] as const)('%s takes up to 125 bytes, and throws for more and for anything but bytes', async (method) => {
    const { connection, peer } = await serverEnd();
    expect(() => { connection[method](Buffer.alloc(126)); }).toThrow(/^nonce must be at most 125 bytes .*5\.5/);
    expect(() => { connection[method]('ü'.repeat(63)); }).toThrow(RangeError);
    expect(() => { connection[method](1024 as never); }).toThrow(/^nonce must be a string, .* but is 1024$/);
    connection[method]();
    connection[method]('ü'.repeat(62));
    connection[method](new Uint16Array([1, 2]).subarray(1));
    expect((await peer.frame()).payload).toHaveLength(0);
    expect((await peer.frame()).payload).toHaveLength(124);
    expect((await peer.frame()).payload).toEqual(Buffer.from([2, 0]));
  });

  it('give the round-trip time with the PONG that answers, and with no other', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    const nonce = Buffer.from('a');
    connection.ping(nonce);
    nonce.fill('z');
    connection.ping('b');
    await peer.frame();
    await peer.frame();
    // Only the newest is answered, as section 5.5.3 allows.
    peer.send({ ...text('unasked'), opcode: 10 }, { ...text('b'), opcode: 10 }, { ...text('b'), opcode: 10 }, { ...text('a'), opcode: 10 });
    peer.send(text('last'));
    await next(connection, 'text');
    expect(events.slice(0, 4)).toEqual([
      ['pong', Buffer.from('unasked'), undefined],
      ['pong', Buffer.from('b'), expect.any(Number)],
      ['pong', Buffer.from('b'), undefined],
      ['pong', Buffer.from('a'), undefined],
    ]);
    expect(events[1]?.[2]).toBeGreaterThan(0);
  });
});

describe('a buffer of a binary message', () => {
  it("is the listener's: it may write to it and keep it", async () => {
    const { connection, peer } = await serverEnd();
    const kept: Buffer[] = [];
    connection.on('binary', (data) => {
      kept.push(data);
      data.fill('!');
    });
    peer.send(binary('one'), binary('two'), binary('three'), close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(kept.map(String)).toEqual(['!!!', '!!!', '!!!!!']);
  });
});
