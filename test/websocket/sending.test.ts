/** What send takes, and what arrives: the bytes as they were at the call, in the order of the calls. */
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WatershedConnection, WebSocket } from '../../src/index.js';
import { fill, turn } from '../classic/ends.js';
import { close, opcodes } from '../conformance/frames.js';
import { answerClose, bothEnds, type Ends, opened, recordEvents } from './ends.js';

// Around the lengths at which a frame's header, or the way that the bytes take, changes.
const SIZES = [0, 1, 125, 126, 16_384, 16_385, 65_535, 65_536, 65_537, 1_000_000];

describe.each(bothEnds)("a %s's messages", (_end, makeEnd) => {
  it.each(SIZES)('of %i bytes are what the bytes were at the call, whatever becomes of them', async (size) => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const bytes = new Uint8Array(size);
    const fill = (value: number): Uint8Array => bytes.fill(value);
    // The array, a view of another type on it, its buffer, and behind a Blob that takes time; then it is gone.
    webSocket.send(fill(1));
    webSocket.send(new DataView(fill(2).buffer));
    webSocket.send(fill(3).buffer);
    webSocket.send(new Blob([fill(4)]));
    webSocket.send(fill(5));
    structuredClone(fill(6), { transfer: [bytes.buffer] });
    expect(bytes.length).toBe(0);
    webSocket.send(bytes);
    for (const value of [1, 2, 3, 4, 5]) {
      const { opcode, payload } = await peer.frame();
      expect(opcode).toBe(opcodes.binary);
      expect(payload.equals(Buffer.alloc(size, value))).toBe(true);
    }
    expect((await peer.frame()).payload.length).toBe(0);
    await leave(ends);
  });

  it('are what the bytes were at the call, though they wait in a socket that takes no more', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    peer.socket.pause();
    const before = await fill(WatershedConnection.from(webSocket));
    const sizes = SIZES.filter((size) => size > 0);
    for (const size of sizes) {
      const bytes = new Uint8Array(size).fill(1);
      webSocket.send(bytes);
      bytes.fill(2);
    }
    await turn();
    peer.socket.resume();
    for (let index = 0; index < before; index++) await peer.frame();
    for (const size of sizes) expect((await peer.frame()).payload.equals(Buffer.alloc(size, 1))).toBe(true);
    await leave(ends);
  });

  it('are the bytes of a view alone, never masked in place', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    for (const size of [6, 60_000]) {
      const whole = Uint8Array.from({ length: size * 2 }, (_, index) => index);
      const before = Buffer.from(whole);
      const view = new Uint16Array(whole.buffer, 2, size / 2);
      webSocket.send(view);
      expect((await peer.frame()).payload.equals(before.subarray(2, 2 + size))).toBe(true);
      expect(before.equals(whole)).toBe(true);
    }
    await leave(ends);
  });

  it('are refused when the bytes are shared or resizable, and nothing is sent', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const shared = new SharedArrayBuffer(8);
    // The types of ES2023 do not know the second argument.
    const resizable = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]) as ArrayBuffer;
    for (const buffer of [shared, resizable]) {
      for (const data of [buffer, new Uint8Array(buffer), new DataView(buffer)]) {
        expect(() => { webSocket.send(data); }).toThrow(TypeError);
      }
    }
    expect(webSocket.bufferedAmount).toBe(0);
    webSocket.send('next');
    expect((await peer.frame()).payload.toString()).toBe('next');
    await leave(ends);
  });

  it('arrive in the order of the calls, Blobs among the others, and before the CLOSE', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const large = 'x'.repeat(300_000);
    const sent: (string | Blob | Uint8Array)[] = [
      'text',
      new Blob([large]),
      'after a large Blob',
      new Blob([]),
      Buffer.from('bytes'),
      new Blob(['a', 'b'], { type: 'text/plain' }),
      new Blob(['0123456789']).slice(2, 5),
      new Blob(['small']),
      large,
    ];
    for (const message of sent) webSocket.send(message);
    webSocket.close(3000);
    webSocket.send('dropped');
    const received: string[] = [];
    for (let index = 0; index < sent.length; index++) {
      const { opcode, payload } = await peer.frame();
      expect(opcode).toBe(typeof sent[index] === 'string' ? opcodes.text : opcodes.binary);
      received.push(payload.toString());
    }
    expect(received).toEqual(['text', large, 'after a large Blob', '', 'bytes', 'ab', '234', 'small', large]);
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(3000).payload });
    await answerClose(ends);
  });

  it('may be a Blob of a file, larger than what is read of it at once', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const bytes = Buffer.alloc(400_000, 'the bytes of a file ');
    webSocket.send(await openAsBlob(await temporaryFile(bytes)));
    expect((await peer.frame()).payload.equals(bytes)).toBe(true);
    await leave(ends);
  });

  it('fail the connection with 1011 when a Blob cannot be read, and none comes after it', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const events = recordEvents(webSocket);
    const path = await temporaryFile(Buffer.from('first'));
    const blob = await openAsBlob(path);
    // The file is another one now.
    await writeFile(path, 'the second, which is longer');
    webSocket.send('before');
    webSocket.send(blob);
    webSocket.send('after');
    const closed = once(webSocket, 'close');
    expect((await peer.frame()).payload.toString()).toBe('before');
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(1011).payload });
    expect(webSocket.readyState).toBeGreaterThan(WebSocket.OPEN);
    peer.socket.end();
    await closed;
    expect(events).toEqual(['error WATERSHED_UNREADABLE_BLOB [3]', 'close 1006 "" not clean [3]']);
    expect(await peer.rest()).toEqual([]);
    expect(webSocket.bufferedAmount).toBe(10);
  });

  it('do not fail a connection that is gone when the Blob cannot be read', async () => {
    const { webSocket } = await opened(makeEnd());
    const events = recordEvents(webSocket);
    const path = await temporaryFile(Buffer.from('first'));
    const blobs = [await openAsBlob(path), new Blob(['could be read'])];
    await writeFile(path, 'the second, which is longer');
    const [blob, other] = blobs;
    if (blob !== undefined) webSocket.send(blob);
    if (other !== undefined) webSocket.send(other);
    WatershedConnection.from(webSocket).destroy();
    await once(webSocket, 'close');
    await turn();
    expect(events).toEqual(['close 1006 "" not clean [3]']);
    expect(webSocket.bufferedAmount).toBe(18);
  });

  it('wait behind a Blob while the peer closes: the answer to its CLOSE comes last', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const closed = once(webSocket, 'close');
    peer.send(close(3001));
    webSocket.send(new Blob(['read']));
    webSocket.send('then');
    expect((await peer.frame()).payload.toString()).toBe('read');
    expect((await peer.frame()).payload.toString()).toBe('then');
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(3001).payload });
    peer.socket.end();
    expect(await closed).toMatchObject([{ code: 3001, wasClean: true }]);
  });

  async function leave({ webSocket, peer }: Ends): Promise<void> {
    const closed = once(webSocket, 'close');
    peer.socket.destroy();
    await closed;
  }
});

async function temporaryFile(contents: Buffer): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'watershed-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'file');
  await writeFile(path, contents);
  return path;
}
