/** The behaviour of watershed 0.4 that its users rely on: a connection's events, messages and properties. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Watershed, WatershedConnection } from '../../src/index.js';
import { binary, close, ping, pong, text } from '../conformance/frames.js';
import { bothEnds, catchUncaught, clientEnd, handMadeRequest, next, record, serverEnd, turn } from './ends.js';
import { duplexPair } from './duplex-pair.js';

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

  it.each([
    ['at once', (_connection: WatershedConnection, act: () => void) => { act(); }],
    ['from a listener', (connection: WatershedConnection, act: () => void) => { connection.on('text', act); }],
  ])('sends what came before destroy in the same tick, %s', async (_when, when) => {
    const { connection, peer } = await serverEnd();
    when(connection, () => {
      connection.send('last words');
      connection.destroy();
    });
    peer.send(text('begin'));
    expect((await peer.frame()).payload.toString()).toBe('last words');
  });

  it('never masks the bytes of the caller in place', async () => {
    const { client, server } = await bothEnds();
    const small = Buffer.from('as they were');
    const large = Buffer.alloc(100_000, 'x');
    client.send(small);
    client.send(large);
    expect((await next(server, 'binary'))[0]).toEqual(Buffer.from('as they were'));
    expect((await next(server, 'binary'))[0].equals(Buffer.alloc(100_000, 'x'))).toBe(true);
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
    expect((await next(server, 'binary'))[0].equals(Buffer.alloc(70_000, 'a'))).toBe(true);
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

  it("keeps the peer's address after the end, and that of this end if it was asked for before", async () => {
    const { server, client } = await bothEnds();
    const { local } = server;
    const ends = [next(server, 'end'), next(client, 'end')];
    (client.socket as Socket).resetAndDestroy();
    await Promise.all(ends);
    expect(client.remote).toBe(local);
    expect(server.remote).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(server.local).toBe(local);
    expect(client.local).toBe('');
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
