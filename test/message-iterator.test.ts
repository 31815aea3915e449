import { describe, expect, it } from 'vitest';
import type { WatershedConnection } from '../src/index.js';
import { binary, close, encodeFrame, text } from './conformance/frames.js';
import { deferred, next, record, serverEnd, turn } from './classic/ends.js';

async function collect(connection: WatershedConnection): Promise<(string | Buffer)[]> {
  const messages: (string | Buffer)[] = [];
  for await (const message of connection) messages.push(message);
  return messages;
}

describe('the iterator of a connection', () => {
  it('gives text as strings and binary as Buffers, and ends at a clean end', async () => {
    const { connection, peer } = await serverEnd();
    const collected = collect(connection);
    peer.send(text('a'), binary('b'), text(''), close(1000));
    peer.socket.end();
    expect(await collected).toEqual(['a', Buffer.from('b'), '']);
  });

  it('buffers from the call on, not only from the first next', async () => {
    const { connection, peer } = await serverEnd();
    const iterator = connection[Symbol.asyncIterator]();
    const last = next(connection, 'binary');
    peer.send(text('a'), binary('b'));
    await last;
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    expect(await iterator.next()).toEqual({ done: false, value: Buffer.from('b') });
  });

  it('misses nothing in the tick of accept, with messages in head', async () => {
    let collected: Promise<unknown> | undefined;
    const { peer } = await serverEnd({}, (made) => { collected = collect(made); }, [text('a'), text('b'), close(1000)]);
    await peer.ended;
    peer.socket.end();
    expect(await collected).toEqual(['a', 'b']);
  });

  it('delivers what is buffered though the connection has ended, then ends', async () => {
    const { connection, peer } = await serverEnd();
    const iterator = connection[Symbol.asyncIterator]();
    peer.send(text('a'), text('b'), close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    expect(await iterator.next()).toEqual({ done: false, value: 'b' });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('serves several calls of next in order, and ends them all at the end', async () => {
    const { connection, peer } = await serverEnd();
    const iterator = connection[Symbol.asyncIterator]();
    const results = Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    peer.send(text('a'), text('b'), close(1000));
    peer.socket.end();
    const end = { done: true, value: undefined };
    expect(await results).toEqual([{ done: false, value: 'a' }, { done: false, value: 'b' }, end, end]);
  });

  it('throws the protocol error once, after the messages before it', async () => {
    const { connection, peer } = await serverEnd();
    const messages: unknown[] = [];
    const failure = (async () => {
      for await (const message of connection) messages.push(message);
    })().catch((error: unknown) => error);
    peer.send(text('good'), text('bad', { rsv: 2 }));
    peer.socket.end();
    expect(await failure).toMatchObject({ code: 'WATERSHED_RESERVED_BITS', closeCode: 1002 });
    expect(messages).toEqual(['good']);
  });

  it('throws when the peer goes away without a CLOSE, and is done after that', async () => {
    const { connection, peer } = await serverEnd();
    const iterator = connection[Symbol.asyncIterator]();
    peer.send(text('a'));
    peer.socket.end();
    await next(connection, 'end');
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    await expect(iterator.next()).rejects.toMatchObject({ code: 'WATERSHED_CONNECTION_LOST' });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('throws when the connection was destroyed on this side', async () => {
    const { connection } = await serverEnd();
    const waiting = connection[Symbol.asyncIterator]().next();
    connection.destroy();
    await expect(waiting).rejects.toMatchObject({ code: 'WATERSHED_DESTROYED' });
  });

  it('throws when the peer does not answer our CLOSE in time', async () => {
    const { connection } = await serverEnd({ closeTimeout: 20 });
    const waiting = connection[Symbol.asyncIterator]().next();
    connection.end();
    await expect(waiting).rejects.toMatchObject({ code: 'WATERSHED_CLOSE_TIMEOUT' });
  });

  it('of a connection that has ended already tells how it ended', async () => {
    const { connection, peer } = await serverEnd();
    peer.socket.end();
    await next(connection, 'end');
    await expect(collect(connection)).rejects.toMatchObject({ code: 'WATERSHED_CONNECTION_LOST' });

    const other = await serverEnd();
    other.peer.send(close(1000));
    other.peer.socket.end();
    await next(other.connection, 'end');
    expect(await collect(other.connection)).toEqual([]);
  });

  it('ends the connection when the loop is left, and what comes then is dropped', async () => {
    const { connection, peer } = await serverEnd();
    peer.send(text('a'), text('b'));
    for await (const message of connection) {
      expect(message).toBe('a');
      break;
    }
    expect(await peer.frame()).toEqual({ opcode: 8, payload: Buffer.from([3, 232]) });
    peer.send(text('c'), close(1000));
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual(['NORMAL', '']);
  });

  it('ends a connection that it had paused when the loop is left', async () => {
    const { connection, peer } = await serverEnd({ highWaterMark: 1 });
    const iterator = connection[Symbol.asyncIterator]();
    peer.send(text('a'), text('b'), text('c'));
    await next(connection, 'text');
    await iterator.return?.();
    expect((await peer.frame()).opcode).toBe(8);
    peer.send(close(1000));
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual(['NORMAL', '']);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('throws when it is asked for a second time', async () => {
    const { connection } = await serverEnd();
    const iterator = connection[Symbol.asyncIterator]();
    expect(iterator[Symbol.asyncIterator]()).toBe(iterator);
    expect(() => connection[Symbol.asyncIterator]()).toThrow(
      expect.objectContaining({ code: 'WATERSHED_ALREADY_ITERATED' }),
    );
  });

  it('goes together with events: listeners hear every message too', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    const collected = collect(connection);
    peer.send(text('a'), close(1000));
    peer.socket.end();
    expect(await collected).toEqual(['a']);
    expect(events).toEqual([['text', 'a'], ['end', 'NORMAL', '']]);
  });
});

describe('a slow reader', () => {
  it('pauses the connection at highWaterMark, in the middle of a chunk, and goes on when it reads', async () => {
    const { connection, peer } = await serverEnd({ highWaterMark: 4 });
    const events = record(connection);
    const iterator = connection[Symbol.asyncIterator]();
    peer.send(text('12'), text('34'), text('56'), text('78'), close(1000));
    peer.socket.end();
    await next(connection, 'text');
    await turn();
    await turn();
    expect(events).toEqual([['text', '12'], ['text', '34']]);
    const values: unknown[] = [];
    for await (const value of { [Symbol.asyncIterator]: () => iterator }) {
      values.push(value);
      await turn();
    }
    expect(values).toEqual(['12', '34', '56', '78']);
    expect(events.at(-1)).toEqual(['end', 'NORMAL', '']);
  });

  it('gets every message with a highWaterMark of 0, which buffers one at a time', async () => {
    const { connection, peer } = await serverEnd({ highWaterMark: 0 });
    const collected = collect(connection);
    peer.send(text('1'), text('2'), text(''), text('3'), close(1000));
    peer.socket.end();
    expect(await collected).toEqual(['1', '2', '', '3']);
  });

  it('is not flooded with empty messages: they count too', async () => {
    const { connection, peer } = await serverEnd({ highWaterMark: 100 });
    const iterator = connection[Symbol.asyncIterator]();
    let delivered = 0;
    const first = deferred();
    connection.on('text', () => {
      delivered++;
      first.resolve();
    });
    peer.send(...Array.from({ length: 1_000 }, () => text('')));
    await first.promise;
    await turn();
    expect(delivered).toBe(100);
    await iterator.return?.();
  });

  it('makes the peer wait, so that memory stays bounded', async () => {
    const { connection, peer } = await serverEnd({ highWaterMark: 100_000 });
    const iterator = connection[Symbol.asyncIterator]();
    let delivered = 0;
    connection.on('binary', () => delivered++);
    const frame = encodeFrame(binary(Buffer.alloc(100_000)), true);
    let sent = 0;
    while (sent < 600 && peer.socket.writableLength < 1_000_000) {
      peer.socket.write(frame);
      sent++;
      await turn();
    }
    expect(peer.socket.writableLength).toBeGreaterThan(0);
    expect(delivered).toBe(1);
    for (let read = 0; read < sent; read++) expect((await iterator.next()).value).toHaveLength(100_000);
  });

  it('does not undo a pause of the program, nor the program that of the reader', async () => {
    const { connection, peer } = await serverEnd({ highWaterMark: 1 });
    const iterator = connection[Symbol.asyncIterator]();
    const events = record(connection);
    peer.send(text('a'), text('b'), text('c'));
    await next(connection, 'text');
    connection.pause();
    connection.resume();
    await turn();
    expect(events).toEqual([['text', 'a']]);
    connection.pause();
    expect((await iterator.next()).value).toBe('a');
    await turn();
    expect(events).toEqual([['text', 'a']]);
    connection.resume();
    expect((await iterator.next()).value).toBe('b');
    expect((await iterator.next()).value).toBe('c');
  });
});
