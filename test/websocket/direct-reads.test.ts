/** A client whose socket is read into one buffer that is used again and again: nothing of that is ever to be seen. */
import fc from 'fast-check';
import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { type CloseEvent, WatershedConnection, type WebSocket } from '../../src/index.js';
import { turn } from '../classic/ends.js';
import { binary, close, encodeFrame, type Frame, ping, text } from '../conformance/frames.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { clientEnd, opened } from './ends.js';

expectNoOpenHandles();

const MEGABYTE = 1024 * 1024;

/** What comes, as it was when it came: the data itself, not a copy. */
function record(webSocket: WebSocket): (string | Buffer)[] {
  const messages: (string | Buffer)[] = [];
  const connection = WatershedConnection.from(webSocket);
  for (const type of ['text', 'binary', 'ping', 'pong'] as const) {
    connection.on(type, (data: string | Buffer) => { messages.push(data); });
  }
  return messages;
}

async function received(messages: readonly unknown[], count: number): Promise<void> {
  while (messages.length < count) await turn();
}

const encode = (...frames: Frame[]): Buffer => Buffer.concat(frames.map((frame) => encodeFrame(frame, false)));

describe('a client that reads directly', () => {
  it('has a socket of node:net without a listener for data', async () => {
    const { webSocket } = await opened(clientEnd());
    const { socket } = WatershedConnection.from(webSocket);
    expect(socket).toBeInstanceOf(net.Socket);
    expect(socket?.listenerCount('data')).toBe(0);
    const ordinary = await opened(clientEnd({ agent: false }));
    expect(WatershedConnection.from(ordinary.webSocket).socket?.listenerCount('data')).toBe(1);
  });

  it('gives messages and pings that stay as they are while more is read', async () => {
    const { webSocket, peer } = await opened(clientEnd());
    const messages = record(webSocket);
    for (let i = 0; i < 20; i++) {
      peer.send(binary(Buffer.alloc(5000, i)), ping(Buffer.alloc(100, i)), binary(Buffer.of(i)));
      await received(messages, 3 * (i + 1));
    }
    const expected = Array.from({ length: 20 }, (_, i) => [Buffer.alloc(5000, i), Buffer.alloc(100, i), Buffer.of(i)]);
    expect(messages).toEqual(expected.flat());
  });

  it('gives what came with the answer first, and it stays as it is', async () => {
    const more = [binary(Buffer.alloc(100, 1)), text('2'), binary(Buffer.alloc(100, 3))];
    let messages: unknown[] = [];
    const { peer } = await clientEnd({}, (webSocket) => { messages = record(webSocket); }, more);
    peer.send(binary(Buffer.alloc(100, 4)));
    await received(messages, 4);
    expect(messages).toEqual([Buffer.alloc(100, 1), '2', Buffer.alloc(100, 3), Buffer.alloc(100, 4)]);
  });

  it('holds back what came with the answer, and what came after it, while it is paused', async () => {
    let messages: unknown[] = [];
    const { webSocket, peer } = await clientEnd({}, (webSocket) => {
      messages = record(webSocket);
      webSocket.addEventListener('open', () => { WatershedConnection.from(webSocket).pause(); });
    }, [text('1')]);
    await once(webSocket, 'open');
    peer.send(text('2'));
    await turn();
    await turn();
    const early = messages.length;
    WatershedConnection.from(webSocket).resume();
    await received(messages, 2);
    expect(messages).toEqual(['1', '2']);
    expect(early).toBeLessThan(2);
  });

  it('takes a message that is many times as large as the buffer', async () => {
    const { webSocket, peer } = await opened(clientEnd());
    const messages = record(webSocket);
    const data = Buffer.alloc(8 * MEGABYTE + 3);
    for (let i = 0; i < data.length; i++) data[i] = (i * 31) >> 3;
    peer.send(binary(data), text('after'));
    await received(messages, 2);
    expect(data.equals(messages[0] as Buffer)).toBe(true);
    expect(messages[1]).toBe('after');
  });

  it('reads no more while it is paused, and goes on where it was', async () => {
    const { webSocket, peer } = await opened(clientEnd());
    const messages = record(webSocket);
    const connection = WatershedConnection.from(webSocket);
    const socket = connection.socket as net.Socket;
    connection.pause();
    const before = socket.bytesRead;
    const count = 64;
    for (let i = 0; i < count; i++) peer.socket.write(encode(binary(Buffer.alloc(MEGABYTE, i))));
    for (let i = 0; i < 50; i++) await turn();
    expect(socket.bytesRead - before).toBeLessThanOrEqual(MEGABYTE);
    expect(socket.readableLength).toBe(0);
    expect(peer.socket.writableLength).toBeGreaterThan(MEGABYTE);
    expect(messages).toEqual([]);
    connection.resume();
    await received(messages, count);
    expect(messages.map((message) => [message.length, (message as Buffer)[MEGABYTE - 1]])).toEqual(
      Array.from({ length: count }, (_, i) => [MEGABYTE, i]),
    );
  });

  it('may be paused and resumed inside a message, again and again', async () => {
    const { webSocket, peer } = await opened(clientEnd());
    const messages = record(webSocket);
    const connection = WatershedConnection.from(webSocket);
    connection.on('text', () => {
      connection.pause();
      setImmediate(() => { connection.resume(); });
    });
    const sent = Array.from({ length: 200 }, (_, i) => `${String(i)} ${'x'.repeat(i * 40)}`);
    peer.send(...sent.map((message) => text(message)));
    await received(messages, sent.length);
    expect(messages).toEqual(sent);
  });

  it('gives everything before the end that came while it was paused', async () => {
    const { webSocket, peer } = await opened(clientEnd());
    const messages = record(webSocket);
    const connection = WatershedConnection.from(webSocket);
    connection.pause();
    peer.socket.end(encode(text('1'), close(1000, 'bye')));
    for (let i = 0; i < 10; i++) await turn();
    expect(messages).toEqual([]);
    const closed = once(webSocket, 'close');
    connection.resume();
    const [event] = (await closed) as [CloseEvent];
    expect([messages, event.code, event.reason, event.wasClean]).toEqual([['1'], 1000, 'bye', true]);
  });

  it('tells of a peer that is reset', async () => {
    const { webSocket, peer } = await opened(clientEnd());
    const closed = once(webSocket, 'close');
    peer.socket.resetAndDestroy();
    const [event] = (await closed) as [CloseEvent];
    expect([event.code, event.wasClean]).toEqual([1006, false]);
  });

  it('gives the same messages however they are split', async () => {
    const message = fc.oneof(
      fc.string({ maxLength: 300 }).map((data) => ({ frame: text(data), data })),
      fc.uint8Array({ maxLength: 300 }).map((data) => ({ frame: binary(Buffer.from(data)), data: Buffer.from(data) })),
      fc.uint8Array({ maxLength: 125 }).map((data) => ({ frame: ping(Buffer.from(data)), data: Buffer.from(data) })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 20 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 12 }),
        async (sent, sizes) => {
          const { webSocket, peer } = await opened(clientEnd());
          const messages = record(webSocket);
          let bytes = encode(...sent.map(({ frame }) => frame));
          for (const size of sizes) {
            peer.socket.write(bytes.subarray(0, size));
            bytes = bytes.subarray(size);
            await turn();
          }
          peer.socket.write(bytes);
          await received(messages, sent.length);
          expect(messages).toEqual(sent.map(({ data }) => data));
        },
      ),
      { numRuns: 40 },
    );
  });
});
