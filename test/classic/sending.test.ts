/** Sending: what `send` takes, its callback, `bufferedAmount` and backpressure. */
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type WatershedConnection } from '../../src/index.js';
import { close } from '../conformance/frames.js';
import { clientEnd, deferred, fill, MEBIBYTE, next, record, serverEnd, turn, unreadEnd } from './ends.js';

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

  it('throws a TypeError for options or a callback of the wrong type, and sends nothing', async () => {
    const { connection, peer } = await serverEnd();
    expect(() => connection.send('not sent', 'callback' as never)).toThrow(TypeError);
    expect(() => connection.send('not sent', { compres: true } as never)).toThrow(TypeError);
    expect(() => connection.send('not sent', { compress: 1 } as never)).toThrow(TypeError);
    expect(() => connection.send('not sent', {}, 'callback' as never)).toThrow(/^callback must be a function/);
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
    await fill(connection);
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
    await fill(connection);
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
  it('makes send return false from highWaterMark on', async () => {
    const { connection } = await serverEnd({ highWaterMark: 10 });
    expect(connection.send('123456789')).toBe(true);
    expect(connection.send('0')).toBe(false);
    expect(connection.send('more')).toBe(false);
  });

  it('has drain once, when everything is out', async () => {
    const { connection, peer } = await unreadEnd({ highWaterMark: 10 });
    await fill(connection);
    const amounts: number[] = [];
    connection.on('drain', () => {
      amounts.push(connection.bufferedAmount);
    });
    for (let count = 0; count < 3; count++) expect(connection.send('more and more')).toBe(false);
    await turn();
    expect(amounts).toEqual([]);
    peer.socket.resume();
    await next(connection, 'drain');
    connection.send('less', () => { connection.destroy(); });
    await next(connection, 'end');
    expect(amounts).toEqual([0]);
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
