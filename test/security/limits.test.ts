/** What a peer may send, and how much of it: the same limits on both ends and on both faces. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Watershed, WebSocket } from '../../src/index.js';
import { deferred, fill, handMadeRequest, next } from '../classic/ends.js';
import { duplexPair } from '../classic/duplex-pair.js';
import { binary, continuation, encodeFrame, type Frame, opcodes, ping, text } from '../conformance/frames.js';
import { everyEnd } from './ends.js';
import { heldMemory, KiB, MiB, watchMemory } from './memory.js';

describe.each(everyEnd)('%s counts fragments as well as bytes', (_, open) => {
  const first = text('', { fin: false });
  const empty = continuation('', { fin: false });
  const tiny = continuation('x', { fin: false });

  it.each<[string, Frame]>([['empty', empty], ['tiny', tiny]])('%s ones, too', async (_, fragment) => {
    const maxFragments = 1_000;
    const { failure, messages, peer } = await open({ maxFragments });
    const most = [first, ...Array.from({ length: maxFragments - 2 }, () => fragment)];
    peer.send(...most, continuation('end'), ...most, fragment, fragment);
    expect(await failure).toMatchObject({ closeCode: 1008 });
    expect(messages).toHaveLength(1);
  });
});

describe.each(everyEnd)('%s refuses a length before it counts with it', (_, open, isServer) => {
  const lengths: [string, bigint, number][] = [
    ['with the top bit', 2n ** 63n, 1002],
    ['of all ones', 2n ** 64n - 1n, 1002],
    ['that no number holds', 2n ** 53n, 1009],
    ['of more than maxPayload', 65n * 1024n * 1024n, 1009],
  ];

  it.each(lengths)('one %s', async (_, length, closeCode) => {
    const { failure, peer } = await open();
    const header = Buffer.alloc(10);
    header[0] = 0x82;
    header[1] = isServer ? 0xff : 0x7f;
    header.writeBigUInt64BE(length, 2);
    const stop = watchMemory();
    peer.socket.write(isServer ? Buffer.concat([header, Buffer.from([1, 2, 3, 4])]) : header);
    expect(await failure).toMatchObject({ closeCode });
    // The least that was announced is 65 MiB.
    expect(stop().buffers).toBeLessThan(MiB);
  });
});

describe('memory follows the bytes of a message', () => {
  it.each([['', ''], ['x', 'x']])('and not the number of its fragments (each of %j)', async (_, payload) => {
    const [ours, theirs] = duplexPair();
    const connection = Watershed.accept(handMadeRequest(), ours, Buffer.alloc(0));
    theirs.resume();
    const count = 50_000;
    const before = await heldMemory();
    theirs.write(encodeFrame(text('', { fin: false }), true));
    const fragment = encodeFrame(continuation(payload, { fin: false }), true);
    await pushAll(theirs, count, () => fragment);
    // A Buffer for each would be 5 MB.
    expect((await heldMemory()) - before).toBeLessThan(2 * MiB);
    const message = next(connection, 'text');
    theirs.write(encodeFrame(continuation('!'), true));
    expect((await message)[0]).toBe(`${payload.repeat(count)}!`);
    connection.destroy();
  });

  it('and not the number of the chunks that it comes in', async () => {
    const [ours, theirs] = duplexPair();
    const connection = Watershed.accept(handMadeRequest(), ours, Buffer.alloc(0));
    theirs.resume();
    const bytes = encodeFrame(binary(Buffer.alloc(100_000, 'x')), true);
    const before = await heldMemory();
    await pushAll(theirs, bytes.length - 1, (index) => bytes.subarray(index, index + 1));
    expect((await heldMemory()) - before).toBeLessThan(2 * MiB);
    const message = next(connection, 'binary');
    theirs.write(bytes.subarray(-1));
    const [data] = await message;
    expect(data.equals(Buffer.alloc(100_000, 'x'))).toBe(true);
    connection.destroy();
  });

  it.each([
    ['the classic server', (socket: Duplex): unknown => Watershed.accept(handMadeRequest(), socket, Buffer.alloc(0))],
    ['the WebSocket of a server', (socket: Duplex): unknown => WebSocket.accept(handMadeRequest(), socket, Buffer.alloc(0))],
  ])('and not the length that was announced (%s)', async (_, accept) => {
    const [ours, theirs] = duplexPair();
    accept(ours);
    theirs.resume();
    // 60 MiB, which maxPayload allows.
    const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x03, 0xc0, 0, 0, 1, 2, 3, 4]);
    const before = await heldMemory();
    await pushAll(theirs, 1, () => header);
    await pushAll(theirs, 64, () => Buffer.alloc(KiB));
    expect((await heldMemory()) - before).toBeLessThan(MiB);
    await pushAll(theirs, 64, () => Buffer.alloc(64 * KiB));
    // What has come, doubled at most.
    expect((await heldMemory()) - before).toBeLessThan(9 * MiB);
    ours.destroy();
  });

  it('so that 4 MiB in 65,537 frames are a message as good as any', async () => {
    const [ours, theirs] = duplexPair();
    const connection = Watershed.accept(handMadeRequest(), ours, Buffer.alloc(0));
    theirs.resume();
    const part = encodeFrame(continuation(Buffer.alloc(64, 'x'), { fin: false }), true);
    const message = next(connection, 'binary');
    theirs.write(encodeFrame(binary('', { fin: false }), true));
    theirs.write(Buffer.concat(Array.from({ length: 65_535 }, () => part)));
    theirs.write(encodeFrame(continuation(Buffer.alloc(64, 'x')), true));
    const [data] = await message;
    expect(data.equals(Buffer.alloc(4 * MiB, 'x'))).toBe(true);
    connection.destroy();
  });
});

/** Writes chunks, each by itself, and waits until the other side has taken them. */
async function pushAll(stream: Duplex, count: number, chunkAt: (index: number) => Buffer): Promise<void> {
  for (let index = 0; index < count - 1; index++) if (!stream.write(chunkAt(index))) await once(stream, 'drain');
  await new Promise((resolve) => stream.write(chunkAt(count - 1), resolve));
}

describe.each(everyEnd)('%s answers pings', (_, open) => {
  it('each, in order, while the peer reads', async () => {
    const { peer } = await open();
    const payloads = Array.from({ length: 1_000 }, (_, index) => String(index));
    peer.send(...payloads.map((payload) => ping(payload)));
    for (const payload of payloads) {
      expect(await peer.frame()).toEqual({ opcode: opcodes.pong, payload: Buffer.from(payload) });
    }
  });

  it('and owes one, the newest, to a peer that does not', async () => {
    const { connection: find, peer } = await open();
    const connection = find();
    peer.socket.pause();
    await fill(connection);
    const { writableLength = 0 } = connection.socket ?? {};
    const count = 10_000;
    const arrived = deferred();
    let pings = 0;
    connection.on('ping', () => {
      if (++pings === count) arrived.resolve();
    });
    peer.send(...Array.from({ length: count }, (_, index) => ping(`number ${String(index)}`.padEnd(125))));
    await arrived.promise;
    // Answering each would be 1.25 MB.
    expect((connection.socket?.writableLength ?? 0) - writableLength).toBeLessThan(KiB);

    peer.socket.resume();
    let frame = await peer.frame();
    while (frame.opcode !== opcodes.pong) frame = await peer.frame();
    expect(frame.payload.toString().trim()).toBe(`number ${String(count - 1)}`);
    connection.send('the last');
    expect((await peer.frame()).payload.toString()).toBe('the last');
    connection.destroy();
  });
});
