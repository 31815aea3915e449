/** `pause` and `resume`: what is held back, and what is not. */
import { describe, expect, it } from 'vitest';
import { binary, close, encodeFrame, text } from '../conformance/frames.js';
import { clientEnd, deferred, fill, MEBIBYTE, next, record, serverEnd, turn, unreadEnd } from './ends.js';

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
    await fill(connection);
    connection.pause();
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
