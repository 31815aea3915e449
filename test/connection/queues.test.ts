/**
 * A connection while an entry of one of its two queues takes time: the order of everything behind it, over real sockets.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/connection/connection.js';
import { PauseReason } from '../../src/connection/inbound.js';
import type { OrderedQueue } from '../../src/connection/ordered-queue.js';
import { binary, close, continuation, ping, pong, text } from '../conformance/frames.js';
import { destroyAll, engineAndPeer, engineOver, framesIn, KeepingDuplex, turn } from './ends.js';

afterEach(() => {
  vi.useRealTimers();
  destroyAll();
});

/** An entry that takes time: as a message that is being compressed, inflated or read. Returns what ends it. */
function takeTime(queue: OrderedQueue, cancelled: Error[] = []): () => void {
  let finish = (): void => undefined;
  queue.push(
    (done) => { finish = done; },
    (error) => cancelled.push(error),
  );
  return () => { finish(); };
}

/** Resolves when the connection has sent everything up to here. */
function sent(connection: Connection): Promise<Error | undefined> {
  return new Promise((resolve) => connection.sendText('', resolve));
}

describe('while an outbound entry takes time', () => {
  it('messages wait behind it and PING and PONG pass', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    await sent(connection);
    const finish = takeTime(connection.outbound.queue);
    connection.sendText('a');
    connection.sendBinary(Buffer.from('b'));
    connection.ping(Buffer.from('c'));
    peer.send(ping('d'));
    expect(await peer.receives(3)).toEqual(['text ', 'ping c', 'pong d']);
    peer.send(pong('c'));
    expect((await recorder.report('pong'))[2]).toBeGreaterThanOrEqual(0);
    finish();
    connection.sendText('e');
    expect((await peer.receives(6)).slice(3)).toEqual(['text a', 'binary b', 'text e']);
  });

  it('bufferedAmount counts the messages that wait, to the byte, and callbacks come when they are out', async () => {
    const { connection, peer } = await engineAndPeer();
    const finish = takeTime(connection.outbound.queue);
    const log: string[] = [];
    connection.sendText('äöü', () => log.push(`text, ${String(connection.bufferedAmount)} left`));
    expect(connection.bufferedAmount).toBe(6);
    connection.sendText('\ud800', () => log.push('surrogate'));
    expect(connection.bufferedAmount).toBe(9);
    connection.sendBinary(Buffer.alloc(20_000), () => log.push(`binary, ${String(connection.bufferedAmount)} left`));
    expect(connection.bufferedAmount).toBe(20_009);
    await turn();
    expect(connection.bufferedAmount).toBe(20_009);
    finish();
    expect(connection.bufferedAmount).toBe(20_009);
    await peer.receives(3);
    await sent(connection);
    expect(log).toEqual(['text, 20000 left', 'surrogate', 'binary, 0 left']);
    expect(connection.bufferedAmount).toBe(0);
  });

  it('the bytes of a message that waits are those of the call', async () => {
    const { connection, peer } = await engineAndPeer();
    const finish = takeTime(connection.outbound.queue);
    const bytes = Buffer.from('before');
    connection.sendBinary(bytes);
    bytes.fill('x');
    finish();
    expect(await peer.receives(1)).toEqual(['binary before']);
  });

  it('send returns false at highWaterMark, and drain comes when all that waited is out', async () => {
    const { connection, recorder, peer } = await engineAndPeer({ highWaterMark: 10 });
    const finish = takeTime(connection.outbound.queue);
    expect(connection.sendText('a'.repeat(9))).toBe(true);
    expect(connection.sendText('b')).toBe(false);
    await turn();
    expect(recorder.names).toEqual([]);
    finish();
    await recorder.report('drain');
    expect(connection.bufferedAmount).toBe(0);
    expect(await peer.receives(2)).toEqual(['text aaaaaaaaa', 'text b']);
  });

  it('a broadcast frame waits behind it like every other', async () => {
    const { connection, peer } = await engineAndPeer();
    const finish = takeTime(connection.outbound.queue);
    connection.sendText('a');
    connection.sendEncoded({ opcode: 1, data: Buffer.from('b'), frame: serverFrame('b'), isCompressed: false });
    expect(connection.bufferedAmount).toBe(2);
    finish();
    expect(await peer.receives(2)).toEqual(['text a', 'text b']);
  });

  it('our CLOSE waits behind the messages, and the end of TCP behind it', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.outbound.queue);
    connection.sendText('a');
    connection.close(1001, 'bye');
    expect(connection.readyState).toBe(2);
    connection.ping(Buffer.from('still there'));
    peer.send(text('late'), ping('b'));
    // PINGs are answered until our CLOSE goes out, and messages come until the peer's.
    expect(await peer.receives(2)).toEqual(['ping still there', 'pong b']);
    expect(recorder.texts).toEqual(['late']);
    finish();
    expect((await peer.receives(4)).slice(2)).toEqual(['text a', 'close 1001 bye']);
    connection.ping(Buffer.from('too late'));
    peer.send(close(1001));
    await peer.end();
    peer.socket.end();
    expect(await recorder.end()).toEqual({ close: { code: 1001, reason: '' }, wasClean: true });
    expect(peer.frames).toHaveLength(4);
  });

  it("our CLOSE that waits is still sent, behind the messages, when the peer's comes first", async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.outbound.queue);
    const errors: (Error | undefined)[] = [];
    connection.sendText('a', (error) => errors.push(error));
    connection.close(4000, 'ours');
    peer.send(close(4001, 'theirs'));
    await dataOf(connection);
    finish();
    expect(await peer.receives(2)).toEqual(['text a', 'close 4000 ours']);
    await peer.end();
    peer.socket.end();
    expect(await recorder.end()).toEqual({ close: { code: 4001, reason: 'theirs' }, wasClean: true });
    expect(errors).toEqual([undefined]);
    expect(recorder.names).toEqual(['end']);
  });

  it("the answer to the peer's CLOSE waits behind the messages", async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.outbound.queue);
    connection.sendText('a');
    peer.send(close(1000, 'bye'));
    await dataOf(connection);
    connection.ping(Buffer.from('b'));
    expect(await peer.receives(1)).toEqual(['ping b']);
    finish();
    expect((await peer.receives(3)).slice(1)).toEqual(['text a', 'close 1000 bye']);
    await peer.end();
    peer.socket.end();
    expect((await recorder.end()).wasClean).toBe(true);
  });

  it("a peer that ends TCP right behind its CLOSE gets the messages and the answer, and it is no reset", async () => {
    // No timer is to be needed for it.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    for (const isServer of [true, false]) {
      const { connection, recorder, peer } = await engineAndPeer({ isServer });
      const finish = takeTime(connection.outbound.queue);
      connection.sendText('a');
      peer.socket.end(peer.encode(close(1000)));
      // Our end has seen the end of theirs when it has read it all.
      await new Promise((resolve) => connection.socket?.once('end', resolve));
      finish();
      await peer.end();
      expect(peer.received).toEqual(['text a', 'close 1000 ']);
      expect(await recorder.end()).toEqual({ close: { code: 1000, reason: '' }, wasClean: true });
      expect(recorder.names).toEqual(['end']);
    }
  });

  it("a transport that breaks behind the peer's CLOSE ends without a reset, not clean", async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    takeTime(connection.outbound.queue);
    const errors: (Error | undefined)[] = [];
    connection.sendText('a', (error) => errors.push(error));
    peer.send(close(1000));
    await dataOf(connection);
    connection.socket?.destroy();
    expect(await recorder.end()).toEqual({ close: { code: 1000, reason: '' }, wasClean: false });
    expect(recorder.names).toEqual(['end']);
    expect(errors).toEqual([expect.objectContaining({ code: 'WATERSHED_CONNECTION_LOST' })]);
  });

  it('a protocol error sends its CLOSE at once, drops what waits and calls it back', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const cancelled: Error[] = [];
    const finish = takeTime(connection.outbound.queue, cancelled);
    const errors: (Error | undefined)[] = [];
    connection.sendText('a', (error) => errors.push(error));
    connection.close(1000, '');
    peer.send(continuation('wrong'));
    expect(await peer.receives(1)).toEqual(['close 1002 ']);
    finish();
    await peer.end();
    peer.socket.end();
    await recorder.end();
    expect(peer.received).toEqual(['close 1002 ']);
    expect(recorder.names).toEqual(['error', 'end']);
    const code = expect.objectContaining({ code: 'WATERSHED_UNEXPECTED_CONTINUATION' }) as unknown;
    expect([...cancelled, ...errors]).toEqual([code, code]);
  });

  it('a CLOSE whose turn comes while the connection is failed is not sent', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.outbound.queue);
    recorder.onReport = ([name]) => {
      if (name === 'error') finish();
    };
    connection.close(1000, '');
    peer.send(continuation('wrong'));
    await peer.end();
    expect(peer.received).toEqual(['close 1002 ']);
    peer.socket.end();
    await recorder.end();
  });

  it('a callback that destroys the connection while it is failed leaves the end last', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    takeTime(connection.outbound.queue);
    connection.sendText('a', () => { connection.destroy(); });
    peer.send(continuation('wrong'));
    await recorder.end();
    await turn();
    expect(recorder.names).toEqual(['error', 'end']);
  });

  it('a peer that goes away gets nothing of what waits, and it is called back', async () => {
    const socket = new KeepingDuplex();
    const { connection, recorder } = engineOver(socket);
    socket.isStuck = true;
    connection.sendText('before');
    const finish = takeTime(connection.outbound.queue);
    const errors: (Error | undefined)[] = [];
    connection.sendText('a', (error) => errors.push(error));
    socket.push(null);
    await recorder.report('reset');
    // Before the transport has ended.
    expect(errors).toHaveLength(1);
    finish();
    socket.goOn();
    await recorder.end();
    expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual(['before']);
    expect(recorder.names).toEqual(['reset', 'end']);
    expect(errors).toEqual([expect.objectContaining({ code: 'WATERSHED_CONNECTION_LOST' })]);
  });

  it('destroy calls back everything that did not go out, once, in the order of the sends', async () => {
    const socket = new KeepingDuplex();
    socket.isStuck = true;
    const { connection, recorder } = engineOver(socket);
    const log: string[] = [];
    const note = (name: string) => (error?: Error) => log.push(`${name} ${String((error as { code?: string } | undefined)?.code)}`);
    connection.sendText('written', note('written'));
    await turn();
    connection.sendText('in the batch', note('in the batch'));
    const finish = takeTime(connection.outbound.queue);
    connection.sendText('waiting', note('waiting'));
    connection.sendBinary(Buffer.alloc(100_000), note('large'));
    connection.sendText('without a callback');
    connection.destroy();
    const code = 'WATERSHED_DESTROYED';
    expect(log).toEqual([`written ${code}`, `in the batch ${code}`, `waiting ${code}`, `large ${code}`]);
    expect(recorder.names).toEqual(['end']);
    finish();
    socket.goOn();
    await turn();
    expect(log).toHaveLength(4);
    expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual(['written']);
    expect(connection.bufferedAmount).toBeGreaterThan(0);
  });
});

describe('while an inbound entry takes time', () => {
  it('messages, the CLOSE and the end of TCP wait behind it, and PING and PONG pass', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    peer.send(ping('a'), pong('b'), text('c'), binary('d'), ping('e'), close(1000, 'bye'));
    peer.socket.end();
    expect(await peer.receives(1)).toEqual(['pong a']);
    expect(recorder.names).toEqual(['ping', 'pong']);
    finish();
    expect(await peer.receives(3)).toEqual(['pong a', 'pong e', 'close 1000 bye']);
    await peer.end();
    expect(await recorder.end()).toEqual({ close: { code: 1000, reason: 'bye' }, wasClean: true });
    expect(recorder.names).toEqual(['ping', 'pong', 'text', 'binary', 'ping', 'end']);
  });

  it('the CLOSE alone waits behind it too', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    peer.send(ping('a'), close(1000));
    expect(await peer.receives(1)).toEqual(['pong a']);
    expect(connection.readyState).toBe(1);
    finish();
    expect(connection.readyState).toBe(2);
    expect(await peer.receives(2)).toEqual(['pong a', 'close 1000 ']);
    peer.socket.end();
    await recorder.end();
  });

  it('a binary message waits behind it', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    peer.send(ping('a'), binary('b'), binary('c'));
    await peer.receives(1);
    expect(recorder.names).toEqual(['ping']);
    finish();
    await recorder.until(() => recorder.names.length === 3);
    expect(recorder.reports).toEqual([
      ['ping', Buffer.from('a')],
      ['binary', Buffer.from('b')],
      ['binary', Buffer.from('c')],
    ]);
  });

  it('a protocol error waits behind it', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    peer.send(ping('a'), continuation('wrong'));
    await peer.receives(1);
    expect(recorder.names).toEqual(['ping']);
    finish();
    expect(await peer.receives(2)).toEqual(['pong a', 'close 1002 ']);
    expect(recorder.names).toEqual(['ping', 'error']);
  });

  it('the end of TCP without a CLOSE waits behind it', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    peer.socket.end();
    await new Promise((resolve) => connection.socket?.once('end', resolve));
    await turn();
    expect(recorder.names).toEqual([]);
    finish();
    await recorder.end();
    expect(recorder.names).toEqual(['reset', 'end']);
  });

  it('reading stops, so that a bounded amount is held, and goes on afterwards', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    const messages = Array.from({ length: 64 }, (_, index) => text(String(index).repeat(65_536)));
    peer.send(...messages);
    peer.send(close(1000));
    // No event says that nothing more is read: what is left waits in the kernel and at the peer.
    await new Promise<void>((resolve) => {
      let last = -1;
      const look = (): void => {
        const read = Number((connection.socket as { bytesRead?: number }).bytesRead);
        if (read === last && read > 0) {
          resolve();
          return;
        }
        last = read;
        setTimeout(look, 20);
      };
      look();
    });
    expect((connection.socket as { bytesRead?: number }).bytesRead).toBeLessThan(1024 * 1024);
    expect(recorder.names).toEqual([]);
    finish();
    await peer.receives(1);
    expect(recorder.texts).toEqual(messages.map(({ payload }) => payload.toString()));
    peer.socket.end();
    await recorder.end();
  });

  it('a pause of the user holds when it is done', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    recorder.onReport = ([name]) => {
      if (name === 'ping') connection.inbound.pause(PauseReason.USER);
    };
    peer.send(text('a'), ping('b'), text('c'));
    await dataOf(connection);
    connection.inbound.pause(PauseReason.USER);
    finish();
    await turn();
    expect(recorder.texts).toEqual(['a']);
    connection.inbound.resume(PauseReason.USER);
    // And again in the 'ping' listener.
    await recorder.report('ping');
    await turn();
    expect(recorder.texts).toEqual(['a']);
    connection.inbound.resume(PauseReason.USER);
    await recorder.until(() => recorder.texts.length === 2);
  });

  it('destroy drops what waits, and nothing comes after the end', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const cancelled: Error[] = [];
    const finish = takeTime(connection.inbound.queue, cancelled);
    peer.send(ping('a'), text('b'), close(1000));
    await peer.receives(1);
    connection.destroy();
    finish();
    await turn();
    expect(recorder.names).toEqual(['ping', 'end']);
    expect(cancelled).toEqual([expect.objectContaining({ code: 'WATERSHED_DESTROYED' })]);
  });

  it('a listener that destroys the connection gets nothing of what waits behind', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const finish = takeTime(connection.inbound.queue);
    recorder.onReport = ([name]) => {
      if (name === 'text') connection.destroy();
    };
    peer.send(ping('a'), text('b'), text('c'), close(1000));
    await peer.receives(1);
    finish();
    await turn();
    expect(recorder.names).toEqual(['ping', 'text', 'end']);
  });
});

/** Waits until the engine's end has read the next data. */
function dataOf(connection: Connection): Promise<unknown> {
  return new Promise((resolve) => connection.socket?.once('data', resolve));
}

/** A frame that a server sends. */
function serverFrame(payload: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, payload.length]), Buffer.from(payload)]);
}
