/** PING, PONG and the heartbeat (RFC 6455 sections 5.5.2 and 5.5.3). */
import { describe, expect, it } from 'vitest';
import { encodeFrame, ping, pong, text } from '../conformance/frames.js';
import { bothEnds, deferred, fill, next, record, serverEnd, unreadEnd } from './ends.js';

describe('a PING of the peer', () => {
  it('is answered with its payload, each in order', async () => {
    const { peer } = await serverEnd();
    const nonces = Array.from({ length: 200 }, (_, index) => `nonce ${String(index)}`);
    peer.send(...nonces.map((nonce) => ping(nonce)));
    const answers: string[] = [];
    for (let count = 0; count < nonces.length; count++) {
      const { opcode, payload } = await peer.frame();
      expect(opcode).toBe(10);
      answers.push(payload.toString());
    }
    expect(answers).toEqual(nonces);
  });

  it('is answered between the fragments of a message', async () => {
    const { connection, peer } = await serverEnd();
    const events = record(connection);
    peer.send(text('a', { fin: false }), ping('p'));
    expect(await peer.frame()).toEqual({ opcode: 10, payload: Buffer.from('p') });
    peer.send({ ...text('b'), opcode: 0 });
    await next(connection, 'text');
    expect(events).toEqual([['ping', Buffer.from('p')], ['text', 'ab']]);
  });

  it('is left to the program when autoPong is false', async () => {
    const { connection, peer } = await serverEnd({ autoPong: false });
    peer.send(ping('mine'));
    const [payload] = await next(connection, 'ping');
    connection.send('not yet');
    connection.pong(payload);
    expect((await peer.frame()).payload.toString()).toBe('not yet');
    expect(await peer.frame()).toEqual({ opcode: 10, payload: Buffer.from('mine') });
  });

  it('from a flood of them, with a peer that never reads, costs no memory; the newest is answered in the end', async () => {
    const { connection, peer } = await unreadEnd();
    const sent = await fill(connection);
    const before = connection.socket?.writableLength;
    const count = 3_000;
    let heard = 0;
    const all = deferred();
    connection.on('ping', () => {
      if (++heard === count) all.resolve();
    });
    const frame = encodeFrame(ping(Buffer.alloc(121, 'p')), true);
    peer.socket.write(Buffer.concat(Array<Buffer>(count - 1).fill(frame)));
    peer.send(ping('the newest'));
    await all.promise;
    expect(connection.socket?.writableLength).toBe(before);

    peer.socket.resume();
    for (let count = 0; count < sent; count++) expect((await peer.frame()).opcode).toBe(2);
    expect(await peer.frame()).toEqual({ opcode: 10, payload: Buffer.from('the newest') });
    peer.send(ping('and on'));
    expect(await peer.frame()).toEqual({ opcode: 10, payload: Buffer.from('and on') });
  });
});

describe('the heartbeat', () => {
  it('pings a silent peer again and again, and gives the round-trip time with each PONG', async () => {
    const { server, client } = await bothEnds({ heartbeat: { interval: 10, timeout: 5_000 } });
    let pings = 0;
    client.on('ping', () => pings++);
    for (let count = 0; count < 3; count++) {
      const [, roundTripTime] = await next(server, 'pong');
      expect(roundTripTime).toBeGreaterThan(0);
    }
    expect(pings).toBeGreaterThanOrEqual(3);
    expect(server.readyState).toBe(1);
  });

  it('gives a peer up that stays silent: a reset, then the end, and an iterator is told why', async () => {
    const { connection } = await serverEnd({ heartbeat: { interval: 10, timeout: 20 } });
    const events = record(connection);
    await expect(connection[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'WATERSHED_HEARTBEAT_TIMEOUT',
      message: 'heartbeat: nothing came from the peer within 20 ms after a PING',
    });
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
  });

  it('takes anything from the peer as a sign of life, a part of a frame too', async () => {
    const { connection, peer } = await serverEnd({ heartbeat: { interval: 10, timeout: 10_000 } });
    const frame = encodeFrame(text('in parts'), true);
    // No PING is answered, but bytes come: each time a new interval begins, and with it a new PING.
    for (let index = 0; index < 3; index++) {
      expect((await peer.frame()).opcode).toBe(9);
      peer.socket.write(frame.subarray(index, index + 1));
    }
    expect((await peer.frame()).opcode).toBe(9);
    peer.socket.write(frame.subarray(3));
    expect(await next(connection, 'text')).toEqual(['in parts']);
    expect(connection.readyState).toBe(1);
  });

  it('does not judge a peer that is paused by us, and judges it again afterwards', async () => {
    const { connection, peer } = await serverEnd({ heartbeat: { interval: 10, timeout: 10 } });
    const events = record(connection);
    connection.pause();
    // Longer than interval and timeout together, several times.
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(events).toEqual([]);
    expect(connection.readyState).toBe(1);
    connection.resume();
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
    expect((await peer.rest()).map(({ opcode }) => opcode)).toEqual([9]);
  });

  it('does not judge a peer that is closing, though its PONG comes late', async () => {
    const { connection, peer } = await serverEnd({ heartbeat: { interval: 10, timeout: 40 }, closeTimeout: 150 });
    const result = deferred<unknown>();
    const iterator = connection[Symbol.asyncIterator]();
    iterator.next().catch(result.resolve);
    const { payload } = await peer.frame();
    connection.end();
    peer.send(pong(payload));
    expect(await result.promise).toMatchObject({ code: 'WATERSHED_CLOSE_TIMEOUT' });
  });
});
