/** Ready state and closing handshake (RFC 6455 sections 5.5.1 and 7), on both ends, with peers of every kind. */
import { describe, expect, it } from 'vitest';
import { close, ping, text } from '../conformance/frames.js';
import { clientEnd, fill, MEBIBYTE, next, record, serverEnd, turn } from './ends.js';

const ends = { server: serverEnd, client: clientEnd };

describe.each(['server', 'client'] as const)('the %s’s end', (side) => {
  it('is OPEN, CLOSING from end on, and CLOSED at the end', async () => {
    const { connection, peer } = await ends[side]();
    expect(connection.readyState).toBe(1);
    connection.end();
    expect(connection.readyState).toBe(2);
    await peer.frame();
    expect(connection.readyState).toBe(2);
    peer.send(close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(connection.readyState).toBe(3);
  });

  it('answers a CLOSE with its code and its reason, behind what it had sent, and sends nothing after it', async () => {
    const { connection, peer } = await ends[side]();
    connection.on('text', (message) => {
      connection.send(`echo ${message}`);
    });
    peer.send(text('1'), ping('2'), close(3456, 'why not'));
    const frames = [await peer.frame(), await peer.frame(), await peer.frame()];
    expect(frames.map(({ opcode, payload }) => [opcode, payload.subarray(opcode === 8 ? 2 : 0).toString()])).toEqual([
      [1, 'echo 1'],
      [10, '2'],
      [8, 'why not'],
    ]);
    expect(frames[2]?.payload.readUInt16BE()).toBe(3456);
    expect(connection.send('late')).toBe(false);
    connection.ping('late');
    connection.pong('late');
    connection.end('late');
    const ended = next(connection, 'end');
    peer.socket.end();
    expect(await ended).toEqual(['3456', 'why not']);
    expect(await peer.rest()).toEqual([]);
  });

  it('answers an empty CLOSE with an empty one', async () => {
    const { peer } = await ends[side]();
    peer.send(close());
    expect(await peer.frame()).toEqual({ opcode: 8, payload: Buffer.alloc(0) });
  });

  it('sends one CLOSE when both ends close at once, and has the code of the peer', async () => {
    const { connection, peer } = await ends[side]();
    connection.end(3001, 'ours');
    peer.send(close(3002, 'theirs'));
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual(['3002', 'theirs']);
    expect((await peer.rest()).map(({ opcode, payload }) => [opcode, payload.readUInt16BE()])).toEqual([[8, 3001]]);
  });

  it('does not answer a PING after its CLOSE, but emits it', async () => {
    const { connection, peer } = await ends[side]();
    const events = record(connection);
    connection.end();
    await peer.frame();
    peer.send(ping('unanswered'), close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(await peer.rest()).toEqual([]);
    expect(events).toEqual([['ping', Buffer.from('unanswered')], ['end', 'NORMAL', '']]);
  });

  it('gives a peer up that does not answer its CLOSE within closeTimeout: a reset, then the end', async () => {
    const { connection, peer } = await ends[side]({ closeTimeout: 30 });
    const events = record(connection);
    connection.end();
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
    await peer.ended;
  });

  it('gives a peer up that goes on sending messages instead of its CLOSE', async () => {
    const { connection, peer } = await ends[side]({ closeTimeout: 50 });
    connection.on('text', () => { peer.send(text('and on')); });
    connection.end();
    peer.send(text('and on'));
    expect(await next(connection, 'end')).toEqual([null, null]);
  });

  it('ends though its CLOSE waits behind megabytes that the peer never reads', async () => {
    const { connection, peer } = await ends[side]({ closeTimeout: 50 });
    peer.socket.pause();
    await fill(connection);
    const results: unknown[] = [];
    connection.send(MEBIBYTE, (error) => results.push(error?.message));
    connection.end();
    await next(connection, 'end');
    expect(results).toEqual(['closeTimeout: the peer did not answer our CLOSE within 50 ms']);
  });

  it('is lost when the peer ends TCP instead of answering its CLOSE', async () => {
    const { connection, peer } = await ends[side]();
    const events = record(connection);
    connection.end();
    await peer.frame();
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
  });

  it('ends cleanly when the peer resets TCP after both CLOSEs', async () => {
    const { connection, peer } = await ends[side]();
    const events = record(connection);
    peer.send(close(1001, 'leaving'));
    await peer.frame();
    peer.socket.resetAndDestroy();
    await next(connection, 'end');
    expect(events).toEqual([['end', 'GOING_AWAY', 'leaving']]);
  });

  it('ends cleanly when its answer to a CLOSE is lost, of which it cannot know', async () => {
    const { connection, peer } = await ends[side]();
    const events = record(connection);
    peer.send(close(1001, 'leaving'));
    // It reads nothing any more: what comes now is answered by a reset.
    peer.socket.destroySoon();
    await next(connection, 'end');
    expect(events).toEqual([['end', 'GOING_AWAY', 'leaving']]);
  });

  it('ends TCP on its side when a half-open peer ends without a CLOSE', async () => {
    const { connection, peer } = await ends[side]();
    const ended = next(connection, 'end');
    peer.socket.end();
    await peer.ended;
    expect(await ended).toEqual([null, null]);
  });

  it('discards what comes after it has failed the connection, and sends its CLOSE once', async () => {
    const { connection, peer } = await ends[side]({ closeTimeout: 100 });
    const events = record(connection);
    peer.send(text('', { rsv: 1 }));
    expect((await peer.frame()).payload.readUInt16BE()).toBe(1002);
    expect(connection.readyState).toBe(2);
    peer.send(text('ignored'), ping('ignored'), close(1000), text('', { rsv: 1 }));
    peer.socket.end();
    await next(connection, 'end');
    expect(events.map(([name]) => name)).toEqual(['error', 'end']);
    expect(await peer.rest()).toEqual([]);
  });

  it('sends no second CLOSE when the peer breaks the protocol after the first', async () => {
    const { connection, peer } = await ends[side]({ closeTimeout: 100 });
    const events = record(connection);
    connection.end();
    await peer.frame();
    peer.send(text('', { rsv: 1 }));
    peer.socket.end();
    await next(connection, 'end');
    expect(events.map(([name]) => name)).toEqual(['error', 'end']);
    expect(await peer.rest()).toEqual([]);
  });

  it('may be ended within a listener: what came in the same chunk is delivered until the CLOSE', async () => {
    const { connection, peer } = await ends[side]();
    const events = record(connection);
    connection.once('text', () => { connection.end('first'); });
    peer.send(text('1'), text('2'), close(1000));
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['text', '1'], ['text', '2'], ['end', 'NORMAL', '']]);
  });

  it('may be destroyed within a listener: nothing more comes', async () => {
    const { connection, peer } = await ends[side]();
    const events = record(connection);
    connection.once('text', () => { connection.destroy(); });
    peer.send(text('1'), text('2'), close(1000));
    await peer.ended;
    await turn();
    expect(events).toEqual([['text', '1'], ['end', null, null]]);
  });
});

describe('TCP', () => {
  it('is ended by the server as soon as both CLOSEs are seen, whoever closed first', async () => {
    const first = await serverEnd();
    first.connection.end();
    await first.peer.frame();
    first.peer.send(close(1000));
    await first.peer.ended;

    const second = await serverEnd();
    second.peer.send(close(1000));
    await second.peer.ended;
    expect((await second.peer.rest()).map(({ opcode }) => opcode)).toEqual([8]);
  });

  it('is not ended by the client, which waits for the server to do it', async () => {
    const { connection, peer } = await clientEnd();
    let hasEnded = false;
    void peer.ended.then(() => { hasEnded = true; });
    const events = record(connection);
    peer.send(close(1000));
    await peer.frame();
    await turn();
    await turn();
    expect([hasEnded, connection.readyState, events]).toEqual([false, 2, []]);
    peer.socket.end();
    expect(await next(connection, 'end')).toEqual(['NORMAL', '']);
    await peer.ended;
  });

  it('is destroyed by the client when the server does not end it, and the end is clean all the same', async () => {
    const { connection, peer } = await clientEnd({ closeTimeout: 30 });
    const events = record(connection);
    peer.send(close(1000, 'but never TCP'));
    await next(connection, 'end');
    expect(events).toEqual([['end', 'NORMAL', 'but never TCP']]);
    await peer.ended;
  });

  it('is destroyed by the client 2 seconds after both CLOSEs, however long closeTimeout is', async () => {
    const { connection, peer } = await clientEnd({ closeTimeout: 600_000 });
    peer.send(close(1000));
    expect(await next(connection, 'end')).toEqual(['NORMAL', '']);
  });

  it('is destroyed by the server when the client does not end its half, and the end is clean', async () => {
    const { connection, peer } = await serverEnd({ closeTimeout: 30 });
    const events = record(connection);
    peer.send(close(1000, 'half open'));
    await peer.ended;
    expect(connection.readyState).toBe(2);
    await next(connection, 'end');
    expect(events).toEqual([['end', 'NORMAL', 'half open']]);
  });
});
