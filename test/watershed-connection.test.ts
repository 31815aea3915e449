import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { Watershed, type WatershedConnection } from '../src/index.js';
import { binary, close, text } from './conformance/frames.js';
import {
  bothEnds,
  catchUncaught,
  deferred,
  dialPeer,
  listen,
  next,
  record,
  requestText,
  serverEnd,
  turn,
} from './classic/ends.js';

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
