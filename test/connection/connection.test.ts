import { AsyncLocalStorage } from 'node:async_hooks';
import { Blob } from 'node:buffer';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/connection/connection.js';
import { PauseReason } from '../../src/connection/inbound.js';
import { binary, close, continuation, encodeFrame, opcodes, ping, pong, text } from '../conformance/frames.js';
import {
  destroyAll,
  type Engine,
  engine,
  engineAndPeer,
  engineOver,
  framesIn,
  KeepingDuplex,
  NOTHING_NEGOTIATED,
  Peer,
  type Recorder,
  tcpPair,
  turn,
} from './ends.js';

afterEach(() => {
  vi.useRealTimers();
  destroyAll();
});

const code = (value: string): unknown => expect.objectContaining({ code: value });

/** Waits until the engine's end has read the next data. */
function dataOf(connection: Connection): Promise<unknown> {
  return new Promise((resolve) => connection.socket?.once('data', resolve));
}

describe('opening', () => {
  it('takes what a stream delivers at once, inside the call, in a later tick', async () => {
    // A stream that has been read before, and whose other end answers synchronously.
    const socket = new KeepingDuplex();
    socket.on('data', () => undefined);
    socket.push('the request');
    await turn();
    socket.removeAllListeners('data');
    const { connection, recorder } = engine();
    socket._write = (_chunk, _encoding, callback) => {
      socket.push(encodeFrame(text('at once'), true));
      callback();
    };
    connection.open(socket, Buffer.alloc(0), { ...NOTHING_NEGOTIATED, responseHead: 'HTTP/1.1 101 Switching Protocols\r\n\r\n' });
    expect(recorder.names).toEqual([]);
    await recorder.report('text');
    expect(recorder.texts).toEqual(['at once']);
  });

  it('stays paused when it was paused while CONNECTING', async () => {
    const [ours, theirs] = await tcpPair();
    const { connection, recorder } = engine();
    connection.inbound.pause(PauseReason.USER);
    connection.open(ours, encodeFrame(text('head'), true), NOTHING_NEGOTIATED);
    new Peer(theirs, true).send(text('a'));
    await turn();
    expect(recorder.names).toEqual([]);
    connection.inbound.resume(PauseReason.USER);
    await recorder.until(() => recorder.texts.length === 2);
    expect(recorder.texts).toEqual(['head', 'a']);
  });

  it('refuses to send while CONNECTING, and says so to the callback', async () => {
    const { connection } = engine();
    const error = await new Promise((resolve) => {
      expect(connection.sendText('a', resolve)).toBe(false);
      connection.ping(Buffer.from('b'));
    });
    expect(error).toEqual(code('WATERSHED_NOT_OPEN'));
    expect((error as Error).message).toContain('CONNECTING');
    expect(connection.bufferedAmount).toBe(0);
    expect(connection.socket).toBeUndefined();
  });

  it('ends a connection that is destroyed while CONNECTING', () => {
    const { connection, recorder } = engine();
    connection.destroy();
    expect(recorder.reports).toEqual([['end', { close: undefined, wasClean: false }]]);
    expect(connection.readyState).toBe(3);
  });
});

describe('a connection that is new', () => {
  it('has a number that is larger than those before, no extensions and no addresses', () => {
    const [first, second] = [engine().connection, engine().connection];
    expect(second.id).toBeGreaterThan(first.id);
    expect([first.extensions, first.remote, first.local, first.url]).toEqual(['', '', '', '']);
  });

  it('writes the response head in Latin-1', async () => {
    const socket = new KeepingDuplex();
    const { connection } = engine();
    connection.open(socket, Buffer.alloc(0), { ...NOTHING_NEGOTIATED, responseHead: 'HTTP/1.1 101 \xe9\r\n\r\n' });
    await turn();
    expect(socket.bytes.toString('latin1')).toBe('HTTP/1.1 101 \xe9\r\n\r\n');
  });

  it('gives its opening handshake up when it is closed or destroyed, and says why to nobody who did not ask', () => {
    for (const end of ['close', 'destroy'] as const) {
      const { connection, recorder } = engine();
      const calls: string[] = [];
      connection.beginOpening({
        abort: () => calls.push('abort'),
        ref: () => calls.push('ref'),
        unref: () => calls.push('unref'),
      });
      connection.setRef(false);
      connection.setRef(true);
      if (end === 'close') connection.close(1000, '');
      else connection.destroy();
      expect(calls).toEqual(['unref', 'ref', 'abort']);
      expect(recorder.names).toEqual(end === 'close' ? ['error', 'end'] : ['end']);
      const [, error] = recorder.reports[0] ?? [];
      if (end === 'close') {
        expect(error).toMatchObject({
          code: 'WATERSHED_CLOSED_EARLY',
          message: 'The connection was closed before it was open',
        });
      }
    }
  });

  it('fails its opening handshake once, and not when it is open', async () => {
    const { connection, recorder } = engine();
    connection.failOpening(new Error('first'));
    connection.failOpening(new Error('second'));
    expect(recorder.names).toEqual(['error', 'end']);
    const open = await engineAndPeer();
    open.connection.failOpening(new Error('late'));
    expect(open.connection.readyState).toBe(1);
    expect(open.recorder.names).toEqual([]);
  });

  it('remembers whether it may keep the process alive until there is a socket', async () => {
    for (const isRef of [true, false]) {
      const [ours] = await tcpPair();
      const unref = vi.spyOn(ours, 'unref');
      const { connection } = engine();
      connection.setRef(isRef);
      connection.open(ours, Buffer.alloc(0), NOTHING_NEGOTIATED);
      expect(unref).toHaveBeenCalledTimes(isRef ? 0 : 1);
    }
  });
});

describe('a turn of the event loop', () => {
  it('is taken once for each chunk that a socket has read, and never over a stream of somebody’s own', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const taken: boolean[] = [];
    recorder.onReport = () => taken.push(connection.takeTurn());
    peer.send(text('a'), text('b'));
    await recorder.until(() => recorder.texts.length === 2);
    peer.send(text('c'));
    await recorder.until(() => recorder.texts.length === 3);
    expect(taken).toEqual([true, false, true]);
    expect(connection.takeTurn()).toBe(false);

    const socket = new KeepingDuplex();
    const other = engineOver(socket);
    other.recorder.onReport = () => taken.push(other.connection.takeTurn());
    socket.push(encodeFrame(text('d'), true));
    await other.recorder.report('text');
    expect(taken.at(-1)).toBe(false);
  });
});

describe('the end', () => {
  it('comes at once over a transport that breaks or closes without an end, though somebody has paused', async () => {
    for (const how of ['error', 'close'] as const) {
      const socket = new KeepingDuplex();
      const { connection, recorder } = engineOver(socket);
      await turn();
      connection.inbound.pause(PauseReason.USER);
      socket.destroy(how === 'error' ? new Error('broken') : undefined);
      await turn();
      expect(recorder.names).toEqual(how === 'error' ? ['error', 'end'] : ['reset', 'end']);
    }
  });

  it('is reported without an error when the transport breaks after both CLOSE frames', async () => {
    const socket = new KeepingDuplex();
    const { recorder } = engineOver(socket, { isServer: false });
    socket.push(encodeFrame(close(1000), false));
    await turn();
    socket.destroy(new Error('broken'));
    expect(await recorder.end()).toMatchObject({ wasClean: true });
    expect(recorder.names).toEqual(['end']);
  });

  it('says to callbacks that are still due that they came too late, when nothing else is to blame', async () => {
    const socket = new KeepingDuplex({ writableHighWaterMark: 1, emitClose: false, autoDestroy: false });
    const { connection, recorder } = engineOver(socket);
    await turn();
    socket.isStuck = true;
    const late = new Promise((resolve) => connection.sendText('a', resolve));
    connection.close(1000, '');
    socket.push(encodeFrame(close(1000), true));
    await turn();
    socket.emit('close');
    await recorder.end();
    expect(await late).toMatchObject({
      code: 'WATERSHED_CONNECTION_LOST',
      message: 'The connection ended before this was sent',
    });
  });

  const events = ['text', 'binary', 'ping', 'pong', 'drain', 'error', 'reset', 'callback'] as const;
  const actions = ['destroy', 'close', 'pause and resume', 'pause', 'send', 'nothing'] as const;

  /** Everything a listener may hear of, with an action in one of them. */
  async function provoke(event: (typeof events)[number], act: (connection: Connection) => void): Promise<[Recorder, number]> {
    const { connection, recorder, peer } = await engineAndPeer({ highWaterMark: 0, closeTimeout: 5000 });
    let callbacks = 0;
    let hasActed = false;
    const actOnce = (): void => {
      if (!hasActed) act(connection);
      hasActed = true;
    };
    recorder.onReport = ([name]) => {
      if (name === event) actOnce();
    };
    connection.sendText('a', () => {
      callbacks++;
      if (event === 'callback') actOnce();
    });
    void peer.end().then(() => peer.socket.end());
    peer.send(text('b'), binary('c'), ping('d'), pong('e'), text('f'));
    if (event === 'drain' || event === 'callback') await peer.receives(1);
    if (event === 'error') peer.send(continuation('wrong'));
    else if (event === 'reset') peer.socket.end();
    else peer.send(close(1000));
    // Whatever happens, the peer goes away in the end; a pause is ended for that.
    const goneBy = setTimeout(() => {
      connection.inbound.resume(PauseReason.USER);
      peer.socket.destroy();
    }, 30);
    await recorder.end();
    clearTimeout(goneBy);
    await turn();
    return [recorder, callbacks];
  }

  const act: Record<(typeof actions)[number], (connection: Connection) => void> = {
    destroy: (connection) => { connection.destroy(); },
    close: (connection) => { connection.close(1000, ''); },
    'pause and resume': (connection) => {
      connection.inbound.pause(PauseReason.USER);
      connection.inbound.resume(PauseReason.USER);
    },
    pause: (connection) => { connection.inbound.pause(PauseReason.USER); },
    send: (connection) => {
      connection.sendText('g');
      connection.sendBinary(Buffer.alloc(30_000));
      connection.ping(Buffer.from('h'));
    },
    'nothing': () => undefined,
  };

  describe.each(events)("whatever a '%s' listener does", (event) => {
    it.each(actions)('is reported once and last: %s', async (action) => {
      const [recorder, callbacks] = await provoke(event, act[action]);
      expect(recorder.names.filter((name) => name === 'end')).toHaveLength(1);
      expect(recorder.names.at(-1)).toBe('end');
      expect(recorder.names.filter((name) => name === 'error' || name === 'reset').length).toBeLessThanOrEqual(1);
      expect(callbacks).toBe(1);
      if (event !== 'callback') expect(recorder.names).toContain(event);
    });
  });

  it.each(['destroy', 'reset', 'clean', 'failed'] as const)('leaves no timer and no listener behind: %s', async (way) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { connection, recorder, peer } = await engineAndPeer({ heartbeat: { interval: 1000, timeout: 1000 } });
    const { socket } = connection;
    const events = ['data', 'end', 'finish', 'drain', 'close'];
    const listeners = (): number[] => events.map((event) => Number(socket?.listenerCount(event)));
    const opened = listeners();
    recorder.onReport = ([name]) => {
      if (name === 'reset' || name === 'error') connection.destroy();
    };
    await turn();
    expect(vi.getTimerCount()).toBe(1);
    if (way === 'destroy') connection.destroy();
    else if (way === 'reset') peer.socket.end();
    else peer.send(way === 'clean' ? close(1000) : continuation('wrong'));
    await peer.end();
    peer.socket.end();
    await recorder.end();
    expect(vi.getTimerCount()).toBe(0);
    expect(listeners()).toEqual(opened.map((count) => expect.toSatisfy((left: number) => left < count) as unknown));
  });

  it("is a reset when the socket's 'close' comes without an 'end'", async () => {
    const { connection, recorder } = await engineAndPeer();
    connection.socket?.destroy();
    expect(await recorder.end()).toEqual({ close: undefined, wasClean: false });
    expect(recorder.names).toEqual(['reset', 'end']);
  });

  it('is a reset when the peer resets TCP, with what the socket said as the cause', async () => {
    const { recorder, peer } = await engineAndPeer();
    peer.socket.resetAndDestroy();
    await recorder.end();
    expect(recorder.names).toEqual(['reset', 'end']);
    expect((await recorder.report('reset'))[1]).toEqual(
      expect.objectContaining({ code: 'WATERSHED_CONNECTION_LOST', cause: code('ECONNRESET') }),
    );
  });

  it('comes after an error when the socket fails with another one', async () => {
    const { connection, recorder } = await engineAndPeer();
    const callback = new Promise((resolve) => connection.sendText('a', resolve));
    const failure = Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
    connection.socket?.destroy(failure);
    await recorder.end();
    expect(recorder.reports).toEqual([
      ['error', failure],
      ['end', { close: undefined, wasClean: false }],
    ]);
    expect(await callback).toBeInstanceOf(Error);
  });

  it('is a reset when our CLOSE is answered by the end of TCP alone', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    connection.close(1000, '');
    expect(await peer.receives(1)).toEqual(['close 1000 ']);
    peer.socket.end();
    await recorder.end();
    expect(recorder.names).toEqual(['reset', 'end']);
  });

  it('comes after closeTimeout when the peer does not answer our CLOSE, heartbeat or not', async () => {
    const { connection, recorder, peer } = await engineAndPeer({
      closeTimeout: 60,
      heartbeat: { interval: 5, timeout: 5 },
    });
    connection.close(1000, '');
    peer.send(text('not what was asked for'));
    await recorder.end();
    expect(recorder.names).toEqual(['text', 'reset', 'end']);
    expect((await recorder.report('reset'))[1]).toEqual(code('WATERSHED_CLOSE_TIMEOUT'));
    await peer.end();
    expect(peer.received).toEqual(['close 1000 ']);
  });

  it.each([true, false])('comes after closeTimeout when the peer does not end TCP, and is clean (server: %s)', async (isServer) => {
    const { connection, recorder, peer } = await engineAndPeer({ isServer, closeTimeout: 30 });
    peer.send(close(1001, 'away'));
    expect(await recorder.end()).toEqual({ close: { code: 1001, reason: 'away' }, wasClean: true });
    await peer.end();
    expect(peer.received).toEqual(['close 1001 away']);
    expect(connection.socket?.destroyed).toBe(true);
  });

  it('comes after closeTimeout when the peer reads nothing, with an error for what did not go out', async () => {
    const [ours] = await tcpPair();
    const { connection, recorder } = engineOver(ours, { closeTimeout: 30 });
    const results: (Error | undefined)[] = [];
    for (let index = 0; index < 64; index++) connection.sendBinary(Buffer.alloc(1024 * 1024), (error) => results.push(error));
    connection.close(1000, '');
    await recorder.end();
    expect(recorder.names).toEqual(['reset', 'end']);
    expect(results).toHaveLength(64);
    expect(results.at(-1)).toEqual(code('WATERSHED_CLOSE_TIMEOUT'));
  });

  it('discards what comes behind the CLOSE, however much, until TCP ends', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    peer.send(close(1000));
    for (let index = 0; index < 32; index++) peer.send(binary(Buffer.alloc(256 * 1024)));
    peer.socket.end();
    await recorder.end();
    expect(recorder.names).toEqual(['end']);
    expect(connection.bufferedAmount).toBe(0);
  });

  it('comes when the peer ends TCP although a listener has paused the connection as it failed', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    recorder.onReport = ([name]) => {
      if (name === 'error') connection.inbound.pause(PauseReason.USER);
    };
    peer.send(continuation('wrong'));
    for (let index = 0; index < 8; index++) peer.send(binary(Buffer.alloc(256 * 1024)));
    peer.socket.end();
    await recorder.end();
    expect(recorder.names).toEqual(['error', 'end']);
  });
});

describe('sending', () => {
  it('calls every callback exactly once, whatever happens in whatever order', async () => {
    const step = fc.constantFrom(
      'text', 'binary', 'large', 'large text', 'turn', 'close', 'destroy', 'stuck', 'go on', 'peer close', 'peer end', 'break', 'queue', 'done', 'wrong',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, isServer) => {
        const socket = new KeepingDuplex();
        const { connection, recorder } = engineOver(socket, { isServer, closeTimeout: 1 });
        const counts: number[] = [];
        const dones: (() => void)[] = [];
        const callback = (): (() => void) => {
          const index = counts.push(0) - 1;
          return () => { counts[index] = Number(counts[index]) + 1; };
        };
        for (const name of steps) {
          if (name === 'text') connection.sendText('a', callback());
          else if (name === 'binary') connection.sendBinary(Buffer.from('b'), callback());
          else if (name === 'large') connection.sendBinary(Buffer.alloc(20_000), callback());
          else if (name === 'large text') connection.sendText('c'.repeat(70_000), callback());
          else if (name === 'turn') await turn();
          else if (name === 'close') connection.close(1000, '');
          else if (name === 'destroy') connection.destroy();
          else if (name === 'stuck') socket.isStuck = true;
          else if (name === 'go on') socket.goOn();
          else if (name === 'peer close') {
            if (!socket.readableEnded) socket.push(encodeFrame(close(1000), isServer));
          } else if (name === 'wrong') socket.push(encodeFrame(continuation(''), isServer));
          else if (name === 'peer end') socket.push(null);
          else if (name === 'break') socket.destroy(new Error('broken'));
          else if (name === 'queue') connection.outbound.queue.push((done) => { dones.push(done); });
          else dones.pop()?.();
          expect(connection.bufferedAmount).toBeGreaterThanOrEqual(0);
        }
        await turn();
        connection.destroy();
        await turn();
        expect(counts.filter((count) => count !== 1)).toEqual([]);
        expect(recorder.names.filter((name) => name === 'end')).toHaveLength(1);
        expect(recorder.names.at(-1)).toBe('end');
        // One CLOSE at most, and nothing behind it.
        const closeAt = framesIn(socket.bytes).findIndex(({ opcode }) => opcode === opcodes.close);
        if (closeAt >= 0) expect(framesIn(socket.bytes)).toHaveLength(closeAt + 1);
        destroyAll();
      }),
      { numRuns: 300 },
    );
  });

  it('gives the peer up above maxBufferedAmount, although that is below highWaterMark', async () => {
    const socket = new KeepingDuplex();
    socket.isStuck = true;
    const { connection, recorder } = engineOver(socket, { maxBufferedAmount: 100 });
    const errors: unknown[] = [];
    expect(connection.sendBinary(Buffer.alloc(100), (error) => errors.push(error))).toBe(true);
    await turn();
    expect(recorder.names).toEqual([]);
    connection.sendBinary(Buffer.alloc(1), (error) => errors.push(error));
    connection.sendBinary(Buffer.alloc(1), (error) => errors.push(error));
    // No event inside the call.
    expect(recorder.names).toEqual([]);
    await recorder.end();
    await turn();
    expect(recorder.names).toEqual(['reset', 'end']);
    expect(errors).toEqual(new Array(3).fill(code('WATERSHED_BUFFER_LIMIT')));
  });

  it('reports drain when bufferedAmount is 0 again, once, after send returned false', async () => {
    const socket = new KeepingDuplex();
    socket.isStuck = true;
    const { connection, recorder } = engineOver(socket, { highWaterMark: 10 });
    expect(connection.sendText('a'.repeat(9))).toBe(true);
    expect(connection.sendText('b')).toBe(false);
    await turn();
    expect(connection.sendText('c')).toBe(false);
    await turn();
    expect(recorder.names).toEqual([]);
    expect(connection.bufferedAmount).toBe(11);
    socket.goOn();
    await recorder.report('drain');
    expect(connection.bufferedAmount).toBe(0);
    connection.sendText('d');
    await turn();
    expect(recorder.names).toEqual(['drain']);
  });

  it('tells of closing once, and refuses Blobs and encoded messages from then on', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    let closings = 0;
    recorder.onClosing = () => { closings++; };
    connection.close(1000, 'first');
    connection.close(1001, 'second');
    expect(connection.sendBlob(new Blob(['a']))).toBe(false);
    const frame = encodeFrame(text('a'), false);
    expect(connection.sendEncoded({ opcode: 1, data: Buffer.from('a'), frame, isCompressed: false })).toBe(false);
    peer.socket.end();
    await recorder.end();
    expect(peer.received).toEqual(['close 1000 first']);
    expect(closings).toBe(1);
  });

  it('fails the connection when a Blob cannot be read, and says why', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    const cause = new Error('changed');
    connection.sendBlob({ size: 1, arrayBuffer: () => Promise.reject(cause) } as Partial<Blob> as Blob);
    const [, error] = await recorder.report('error');
    expect(error).toMatchObject({ code: 'WATERSHED_UNREADABLE_BLOB', message: 'A Blob could not be read', cause });
    expect(await peer.receives(1)).toEqual(['close 1011 ']);
  });

  it('sends nothing more after our CLOSE', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    connection.close(1000, 'first');
    connection.close(1001, 'second');
    connection.ping(Buffer.from('a'));
    connection.pong(Buffer.from('b'));
    const error = await new Promise((resolve) => connection.sendBinary(Buffer.from('c'), resolve));
    expect(error).toEqual(code('WATERSHED_NOT_OPEN'));
    peer.send(ping('d'), text('e'), close(1000));
    await peer.end();
    expect(peer.received).toEqual(['close 1000 first']);
    expect(recorder.names).toEqual(['ping', 'text']);
    peer.socket.end();
    await recorder.end();
    const late = await new Promise((resolve) => connection.sendText('f', resolve));
    expect((late as Error).message).toContain('CLOSED');
  });
});

describe('PING and PONG', () => {
  it('has one PONG to send, for the newest PING, while the socket takes no writes', async () => {
    const socket = new KeepingDuplex({ writableHighWaterMark: 1 });
    const { recorder } = engineOver(socket);
    await turn();
    const send = (...payloads: string[]): void => {
      socket.push(Buffer.concat(payloads.map((payload) => encodeFrame(ping(payload), true))));
    };
    socket.isStuck = true;
    send('a', 'b');
    await turn();
    send('c');
    send('d');
    await turn();
    expect(recorder.names).toEqual(['ping', 'ping', 'ping', 'ping']);
    socket.goOn();
    await turn();
    expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual(['a', 'b', 'd']);
    socket.isStuck = true;
    send('e');
    await turn();
    socket.goOn();
    await turn();
    expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual(['a', 'b', 'd', 'e']);
  });

  describe('without an answer', () => {
    beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); });

    const pings = (count: number): Buffer =>
      Buffer.concat(Array.from({ length: count }, (_, index) => encodeFrame(ping(String(index)), true)));

    /** An engine over a stream that takes no writes, with one PONG owed. */
    async function blocked(): Promise<Engine & { socket: KeepingDuplex; heard: () => number }> {
      const socket = new KeepingDuplex({ writableHighWaterMark: 1 });
      const made = engineOver(socket);
      await turn();
      socket.isStuck = true;
      made.connection.sendText('a');
      await turn();
      socket.push(encodeFrame(ping('owed'), true));
      await turn();
      return { ...made, socket, heard: () => made.recorder.names.filter((name) => name === 'ping').length - 1 };
    }

    it('128 are read every 100 ms, in however many chunks they come', async () => {
      for (const chunks of [1, 10, 300]) {
        const { recorder, socket, heard } = await blocked();
        for (let chunk = 0; chunk < chunks; chunk++) socket.push(pings(300 / chunks));
        socket.push(encodeFrame(text('behind'), true));
        // One was read before that is owed its PONG.
        for (const expected of [127, 255]) {
          await turn();
          expect(heard()).toBe(expected);
          vi.advanceTimersByTime(99);
          await turn();
          expect(heard()).toBe(expected);
          vi.advanceTimersByTime(1);
        }
        await turn();
        expect(heard()).toBe(300);
        expect(recorder.texts).toEqual(['behind']);
        expect(vi.getTimerCount()).toBe(0);
      }
    });

    it('the rest is read at once when PONGs are taken again, and the count begins anew', async () => {
      const { socket, heard } = await blocked();
      socket.push(pings(200));
      await turn();
      expect(heard()).toBe(127);
      socket.goOn();
      await turn();
      expect(heard()).toBe(200);
      expect(vi.getTimerCount()).toBe(0);
      expect(framesIn(socket.bytes).slice(0, 3).map(({ payload }) => payload.toString())).toEqual(['a', '126', '127']);
    });

    it('a pause of the user holds beyond the 100 ms, and the end waits behind what is read slowly', async () => {
      const { connection, recorder, socket, heard } = await blocked();
      socket.push(Buffer.concat([pings(200), encodeFrame(close(1000), true)]));
      socket.push(null);
      await turn();
      connection.inbound.pause(PauseReason.USER);
      vi.advanceTimersByTime(100);
      await turn();
      expect(heard()).toBe(127);
      connection.inbound.resume(PauseReason.USER);
      await turn();
      expect(heard()).toBe(200);
      socket.goOn();
      expect(await recorder.end()).toEqual({ close: { code: 1000, reason: '' }, wasClean: true });
    });

    it('they are read as slowly when our CLOSE has gone out, which no PONG follows', async () => {
      const socket = new KeepingDuplex();
      const { connection, recorder } = engineOver(socket);
      await turn();
      connection.close(1000, '');
      await turn();
      socket.push(Buffer.concat([pings(200), encodeFrame(close(1000), true)]));
      await turn();
      expect(recorder.names.length).toBe(128);
      vi.advanceTimersByTime(100);
      await turn();
      socket.push(null);
      expect(await recorder.end()).toMatchObject({ wasClean: true });
      expect(recorder.names.length).toBe(201);
    });

    it('or with one, 128 are read in a turn of the event loop', async () => {
      const socket = new KeepingDuplex();
      const { recorder } = engineOver(socket);
      await turn();
      socket.push(Buffer.concat([pings(300), encodeFrame(text('behind'), true)]));
      const heard: number[] = [recorder.names.length];
      while (recorder.texts.length === 0) {
        await turn();
        heard.push(recorder.names.length);
      }
      expect(heard).toEqual([128, 256, 301]);
      await turn();
      expect(framesIn(socket.bytes)).toHaveLength(300);
      expect(vi.getTimerCount()).toBe(0);
    });

    it('none is counted that the program answers by itself', async () => {
      const socket = new KeepingDuplex({ writableHighWaterMark: 1 });
      const { recorder } = engineOver(socket, { autoPong: false });
      await turn();
      socket.push(pings(2_000));
      await turn();
      expect(recorder.names.length).toBe(2_000);
    });

    it.each(['outside', 'inside'])('no timer is left when the connection is destroyed meanwhile, %s of an event', async (where) => {
      const { connection, recorder, socket, heard } = await blocked();
      if (where === 'inside') recorder.onReport = () => { if (heard() === 127) connection.destroy(); };
      socket.push(pings(200));
      await turn();
      expect(heard()).toBe(127);
      if (where === 'outside') {
        expect(vi.getTimerCount()).toBe(1);
        connection.destroy();
      }
      expect(vi.getTimerCount()).toBe(0);
      await turn();
      expect(recorder.names.at(-1)).toBe('end');
      expect(heard()).toBe(127);
    });
  });

  it('owes no PONG once our CLOSE is sent', async () => {
    const socket = new KeepingDuplex({ writableHighWaterMark: 1 });
    const { connection } = engineOver(socket);
    socket.isStuck = true;
    connection.sendText('a');
    await turn();
    socket.push(encodeFrame(ping('b'), true));
    await turn();
    connection.close(1000, '');
    await turn();
    socket.goOn();
    await turn();
    expect(framesIn(socket.bytes).map(({ opcode }) => opcode)).toEqual([opcodes.text, opcodes.close]);
  });

  it('leaves the answer to the user when autoPong is off', async () => {
    const { connection, recorder, peer } = await engineAndPeer({ autoPong: false });
    peer.send(ping('a'));
    await recorder.report('ping');
    connection.pong(Buffer.from('mine'));
    expect(await peer.receives(1)).toEqual(['pong mine']);
  });

  it('takes a payload of 125 bytes, and says how long one is that is refused', async () => {
    const { connection, peer } = await engineAndPeer();
    connection.ping(Buffer.alloc(125, 'p'));
    connection.pong(Buffer.alloc(125, 'q'));
    expect(await peer.receives(2)).toEqual([`ping ${'p'.repeat(125)}`, `pong ${'q'.repeat(125)}`]);
    expect(() => { connection.ping(Buffer.alloc(126)); }).toThrow(
      'nonce must be at most 125 bytes (RFC 6455 section 5.5), but has 126',
    );
  });

  it('refuses a payload of 126 bytes', async () => {
    const { connection } = await engineAndPeer();
    expect(() => { connection.ping(Buffer.alloc(126)); }).toThrow(RangeError);
    expect(() => { connection.pong(Buffer.alloc(126)); }).toThrow('RFC 6455 section 5.5');
  });
});

describe('the heartbeat of a connection', () => {
  it('pings a silent peer, and does not give it up while it answers', async () => {
    const { recorder, peer } = await engineAndPeer({ heartbeat: { interval: 10, timeout: 2000 } });
    peer.socket.on('data', () => {
      peer.send(...peer.frames.splice(0).map(({ payload }) => pong(payload)));
    });
    await recorder.until(() => recorder.names.length === 3);
    expect(recorder.names).toEqual(['pong', 'pong', 'pong']);
    for (const report of recorder.reports) expect(report[2]).toBeGreaterThanOrEqual(0);
  });

  it('gives a peer up that stays silent', async () => {
    const { recorder, peer } = await engineAndPeer({ heartbeat: { interval: 10, timeout: 10 } });
    await recorder.end();
    expect(recorder.names).toEqual(['reset', 'end']);
    expect((await recorder.report('reset'))[1]).toEqual(code('WATERSHED_HEARTBEAT_TIMEOUT'));
    await peer.end();
    expect(peer.received).toEqual(['ping heartbeat']);
  });

  it('counts nothing while the connection is paused, and counts again when it is resumed', async () => {
    const { connection, recorder, peer } = await engineAndPeer({ heartbeat: { interval: 10, timeout: 10 } });
    connection.inbound.pause(PauseReason.USER);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(recorder.names).toEqual([]);
    expect(peer.frames).toEqual([]);
    connection.inbound.resume(PauseReason.USER);
    await recorder.end();
    expect(peer.received).toEqual(['ping heartbeat']);
  });

  it('reads what has come while the process was busy before it gives a peer up', async () => {
    const { connection, recorder, peer } = await engineAndPeer({ heartbeat: { interval: 20, timeout: 40 } });
    await peer.receives(1);
    // The PONG is in our kernel, and the timer is due, when the loop is free again.
    peer.send(pong('heartbeat'));
    const busyUntil = performance.now() + 80;
    while (performance.now() < busyUntil);
    await recorder.report('pong');
    expect(connection.readyState).toBe(1);
    expect(recorder.names).toEqual(['pong']);
  });

  it("is over with the peer's CLOSE, which no PONG follows", async () => {
    const { connection, recorder, peer } = await engineAndPeer({ heartbeat: { interval: 5, timeout: 5 } });
    let finish = (): void => undefined;
    connection.outbound.queue.push((done) => { finish = done; });
    peer.send(close(1000));
    await dataOf(connection);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(recorder.names).toEqual([]);
    finish();
    await peer.end();
    expect(peer.received.at(-1)).toBe('close 1000 ');
  });
});

describe('what a listener throws', () => {
  it('is thrown where nobody catches it, and the rest is delivered', async () => {
    const thrown: string[] = [];
    process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error.message));
    try {
      const { connection, recorder, peer } = await engineAndPeer({ highWaterMark: 0 });
      recorder.onReport = ([name]) => {
        throw new Error(name);
      };
      connection.sendText('a', () => {
        throw new Error('callback');
      });
      await recorder.report('drain');
      peer.send(text('b'), binary('c'), ping('d'), pong('e'), continuation('wrong'));
      await peer.end();
      peer.socket.end();
      await recorder.end();
      await turn();
      expect(recorder.names).toEqual(['drain', 'text', 'binary', 'ping', 'pong', 'error', 'end']);
      expect(thrown).toEqual(['callback', ...recorder.names]);
      expect(peer.received).toEqual(['text a', 'pong d', 'close 1002 ']);
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
  });

  it('in a callback of a refused send, of a reset, or of destroy is thrown too', async () => {
    const thrown: string[] = [];
    process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error.message));
    try {
      const { connection, recorder, peer } = await engineAndPeer();
      recorder.onReport = ([name]) => {
        throw new Error(name);
      };
      connection.outbound.queue.push(() => undefined);
      connection.sendText('a', () => {
        throw new Error('callback');
      });
      peer.socket.end();
      await recorder.end();
      connection.sendText('b', () => {
        throw new Error('refused');
      });
      await turn();
      expect(thrown.sort()).toEqual(['callback', 'end', 'refused', 'reset']);
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
  });
});

describe('the async context', () => {
  it('of every report and callback is that in which the connection was made', async () => {
    const storage = new AsyncLocalStorage<string>();
    const [ours, theirs] = await tcpPair();
    const peer = new Peer(theirs, true);
    const contexts: string[] = [];
    const { connection, recorder } = storage.run('made here', () => engineOver(ours, { highWaterMark: 0 }));
    recorder.onReport = ([name]) => contexts.push(`${name} ${String(storage.getStore())}`);
    storage.run('elsewhere', () => {
      connection.sendText('a', () => contexts.push(`callback ${String(storage.getStore())}`));
    });
    await recorder.report('drain');
    peer.send(text('b'), ping('c'));
    await recorder.report('ping');
    storage.run('elsewhere', () => {
      connection.inbound.pause(PauseReason.USER);
      connection.inbound.resume(PauseReason.USER);
    });
    peer.socket.end();
    await recorder.end();
    storage.run('elsewhere', () => connection.sendText('d', () => contexts.push(`refused ${String(storage.getStore())}`)));
    await turn();
    const names = ['callback', 'drain', 'text', 'ping', 'reset', 'end', 'refused'];
    expect(contexts).toEqual(names.map((name) => `${name} made here`));
  });
});

describe('pausing', () => {
  it('holds everything until nobody wants it any more', async () => {
    const { connection, recorder, peer } = await engineAndPeer();
    connection.inbound.pause(PauseReason.USER);
    connection.inbound.pause(PauseReason.ITERATOR);
    connection.inbound.resume(PauseReason.QUEUE);
    peer.send(text('a'));
    connection.inbound.resume(PauseReason.ITERATOR);
    await turn();
    expect(recorder.names).toEqual([]);
    connection.inbound.resume(PauseReason.USER);
    expect(recorder.names).toEqual([]);
    await recorder.report('text');
    connection.inbound.resume(PauseReason.USER);
    peer.send(text('b'));
    await recorder.until(() => recorder.texts.length === 2);
  });

  it('holds the rest of a chunk, the CLOSE in it and the end of TCP', async () => {
    for (const isServer of [true, false]) {
      const { connection, recorder, peer } = await engineAndPeer({ isServer });
      recorder.onReport = ([name]) => {
        if (name === 'text') connection.inbound.pause(PauseReason.USER);
      };
      peer.socket.end(peer.encode(text('a'), text('b'), close(1000)));
      await new Promise((resolve) => connection.socket?.once('end', resolve));
      await turn();
      expect(recorder.texts).toEqual(['a']);
      connection.inbound.resume(PauseReason.USER);
      await recorder.until(() => recorder.texts.length === 2);
      await turn();
      expect(recorder.names).toEqual(['text', 'text']);
      connection.inbound.resume(PauseReason.USER);
      expect(await recorder.end()).toEqual({ close: { code: 1000, reason: '' }, wasClean: true });
      expect(recorder.names).toEqual(['text', 'text', 'end']);
    }
  });

  it('does not keep closeTimeout and destroy from ending the connection', async () => {
    const { connection, recorder, peer } = await engineAndPeer({ closeTimeout: 20 });
    connection.inbound.pause(PauseReason.USER);
    connection.close(1000, '');
    expect(await peer.receives(1)).toEqual(['close 1000 ']);
    peer.send(close(1000));
    await recorder.end();
    expect(recorder.names).toEqual(['reset', 'end']);
  });
});
