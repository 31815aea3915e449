/** bufferedAmount: exact to the byte, and never falling while script or its microtasks run. */
import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { WatershedConnection, WebSocket } from '../../src/index.js';
import { close, ping } from '../conformance/frames.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { answerClose, bothEnds, opened } from './ends.js';

expectNoOpenHandles();

/** Messages, and the bytes that each of them is. */
const MESSAGES: [string | Blob | ArrayBuffer | ArrayBufferView, number][] = [
  ['', 0],
  ['text', 4],
  ['żółw ☃ 😀', 16],
  ['\ud800', 3],
  ['ż'.repeat(40_000), 80_000],
  [new ArrayBuffer(20), 20],
  [new ArrayBuffer(100_000), 100_000],
  [new Uint16Array(new ArrayBuffer(10), 2, 3), 6],
  [new DataView(new ArrayBuffer(9), 4), 5],
  [new Blob(['żółw']), 7],
  [new Blob([new Uint8Array(100_000)]), 100_000],
];

describe.each(bothEnds)("a %s's bufferedAmount", (_end, makeEnd) => {
  it('grows by the bytes of each message, and falls to 0 in a later task', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    let expected = 0;
    for (const [message, bytes] of MESSAGES) {
      webSocket.send(message);
      expected += bytes;
      expect(webSocket.bufferedAmount).toBe(expected);
    }
    await vi.waitFor(() => { expect(webSocket.bufferedAmount).toBe(0); });
    expect(webSocket.readyState).toBe(WebSocket.OPEN);
    for (const [, bytes] of MESSAGES) expect((await peer.frame()).payload.length).toBe(bytes);
    peer.socket.destroy();
    await once(webSocket, 'close');
  });

  it('does not fall in microtasks, nor in ticks, in which the socket has taken the bytes', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const connection = WatershedConnection.from(webSocket);
    webSocket.send('x'.repeat(1000));
    const amounts: number[] = [];
    for (let index = 0; index < 20; index++) {
      await new Promise<void>((resolve) => { process.nextTick(resolve); });
      for (let microtask = 0; microtask < 5; microtask++) await Promise.resolve();
      amounts.push(webSocket.bufferedAmount);
    }
    // The engine knows that they are gone.
    expect(connection.bufferedAmount).toBe(0);
    expect(new Set(amounts)).toEqual(new Set([1000]));
    await new Promise(setImmediate);
    expect(webSocket.bufferedAmount).toBe(0);
    peer.socket.destroy();
    await once(webSocket, 'close');
  });

  it('counts what the peer has not read', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    peer.socket.pause();
    const size = 32 * 1024 * 1024;
    webSocket.send(new Uint8Array(size));
    await vi.waitFor(() => { expect(WatershedConnection.from(webSocket).socket?.writableNeedDrain).toBe(true); });
    await new Promise(setImmediate);
    expect(webSocket.bufferedAmount).toBe(size);
    webSocket.send('more');
    expect(webSocket.bufferedAmount).toBe(size + 4);
    // It is lost, and is not reset.
    const closed = once(webSocket, 'close');
    WatershedConnection.from(webSocket).destroy();
    expect(webSocket.bufferedAmount).toBe(size + 4);
    await closed;
    webSocket.send('never');
    expect(webSocket.bufferedAmount).toBe(size + 9);
  });

  it('grows while CLOSING and when CLOSED, and never falls again', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    webSocket.send('sent');
    await vi.waitFor(() => { expect(webSocket.bufferedAmount).toBe(0); });
    webSocket.close();
    let expected = 0;
    const sendAll = (): void => {
      for (const [message, bytes] of MESSAGES) {
        webSocket.send(message);
        expected += bytes;
        expect(webSocket.bufferedAmount).toBe(expected);
      }
    };
    sendAll();
    expect((await peer.frame()).payload.toString()).toBe('sent');
    await answerClose(ends);
    expect(webSocket.readyState).toBe(WebSocket.CLOSED);
    expect(webSocket.bufferedAmount).toBe(expected);
    sendAll();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(webSocket.bufferedAmount).toBe(expected);
    expect(await peer.rest()).toEqual([{ opcode: 8, payload: close().payload }]);
  });

  it('counts what is sent once the peer has started to close, though the ready state is not CLOSING yet', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const connection = WatershedConnection.from(webSocket);
    const sent = new Promise<void>((resolve) => {
      connection.on('ping', () => {
        // The CLOSE is parsed in this tick; the task that sets the ready state comes in a later one.
        process.nextTick(() => {
          expect(connection.readyState).toBe(WebSocket.CLOSING);
          expect(webSocket.readyState).toBe(WebSocket.OPEN);
          webSocket.send('too late');
          resolve();
        });
      });
    });
    const closed = once(webSocket, 'close');
    peer.send(ping(''), close(1000));
    await sent;
    peer.socket.end();
    await closed;
    expect(webSocket.bufferedAmount).toBe(8);
    expect((await peer.rest()).map(({ opcode }) => opcode)).toEqual([10, 8]);
  });

  it('takes no part in pings and pongs', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const connection = WatershedConnection.from(webSocket);
    connection.ping('12345');
    expect(webSocket.bufferedAmount).toBe(0);
    peer.send(ping('12345'));
    await peer.frame();
    await peer.frame();
    expect(webSocket.bufferedAmount).toBe(0);
    peer.socket.destroy();
    await once(webSocket, 'close');
  });
});
