/** What an idle or an ended connection, or a short message that a program keeps, keeps alive. */
import { describe, expect, it } from 'vitest';
import { Watershed, type WatershedConnection } from '../../src/index.js';
import { clientEnd, dial, dialPeer, listen, next, readHead, requestText, serverEnd } from '../classic/ends.js';
import { binary, encodeFrame, text } from '../conformance/frames.js';
import { heldBuffers, heldMemory, KiB, MiB } from './memory.js';

describe('nothing kept across reads is a view on a socket\'s buffer', () => {
  const ends = [['server', serverEnd], ['client', clientEnd]] as const;

  it.each(ends)('of a short message that came with a long one, the ArrayBuffer is Node\'s pool at most (%s)', async (_, open) => {
    const { connection, peer } = await open();
    const kept: Buffer[] = [];
    for (const length of [1, 4, 64, 65, 500, 1_000]) {
      const message = new Promise<Buffer>((resolve) => {
        connection.on('binary', (data) => {
          if (data.length === length) resolve(data);
        });
      });
      peer.send(binary(Buffer.alloc(50_000)), binary(Buffer.alloc(length)), binary(Buffer.alloc(10_000)));
      kept.push(await message);
    }
    // 8 KiB, and 64 KiB from Node 26 on.
    const poolLength = Buffer.allocUnsafe(1).buffer.byteLength;
    expect(kept.map((data) => data.buffer.byteLength).filter((length) => length > poolLength)).toEqual([]);
  });

  it.each(ends)('the beginning of a frame does not keep what came before it (%s)', async (name, open) => {
    const count = 100;
    const opened: Awaited<ReturnType<typeof open>>[] = [];
    while (opened.length < count) opened.push(await open());
    const before = await heldMemory();
    const messages = Promise.all(opened.map(async ({ connection }) => { await next(connection, 'binary'); }));
    // All of a chunk but the three bytes that begin the next header.
    const message = encodeFrame(binary(Buffer.alloc(30_000)), name === 'server');
    const beginning = Buffer.from([0x82, name === 'server' ? 0xfe : 0x7e, 0x10]);
    for (const { peer } of opened) peer.socket.write(Buffer.concat([message, beginning]));
    await messages;
    // The chunk of each would be 3 MB.
    expect((await heldMemory()) - before).toBeLessThan(1.5 * MiB);
  });
});

describe('closing frees the codec', () => {
  it('though the program keeps the connection', async () => {
    const count = 200;
    const connections: WatershedConnection[] = [];
    const port = await listen((req, socket, head) => {
      connections.push(Watershed.accept(req, socket, head, { perMessageDeflate: { threshold: 0 } }));
    });
    for (let opened = 0; opened < count; opened++) {
      const socket = dial(port);
      socket.write(requestText({ 'sec-websocket-extensions': 'permessage-deflate' }));
      await readHead(socket);
      socket.resume();
    }
    const before = await heldBuffers();
    const line = Array.from({ length: 400 }, (_, index) => `line ${String(index * 7919)}\n`).join('');
    const send = (connection: WatershedConnection): Promise<void> => new Promise((resolve) => {
      connection.send(line, () => { resolve(); });
    });
    await Promise.all(connections.map(send));
    const used = await heldBuffers();
    // The history of each, or there would be nothing to be freed.
    const histories = count * 2 * KiB;
    expect(used - before).toBeGreaterThanOrEqual(histories);
    const ends = connections.map((connection) => next(connection, 'end'));
    for (const connection of connections) connection.destroy();
    await Promise.all(ends);
    expect(used - (await heldBuffers())).toBeGreaterThanOrEqual(histories);
    expect(connections.every(({ readyState }) => readyState === 3)).toBe(true);
  });

  it.each(['destroyed', 'reset'])('and calls every callback back when it is %s', async (how) => {
    let connection: WatershedConnection | undefined;
    const port = await listen((req, socket, head) => {
      connection = Watershed.accept(req, socket, head, { perMessageDeflate: true });
    });
    const peer = await dialPeer(port, requestText({ 'sec-websocket-extensions': 'permessage-deflate' }));
    const calls: unknown[][] = Array.from({ length: 50 }, () => []);
    const big = Buffer.alloc(256 * KiB, 'compressible ');
    const end = next(connection as WatershedConnection, 'end');
    peer.send(text('hello'));
    await next(connection as WatershedConnection, 'text');
    // The first is with the socket already, the others wait for their turn to be compressed.
    for (const [index, own] of calls.entries()) {
      connection?.send(big, { compress: index > 0 }, (error) => { own.push(error?.name ?? 'sent'); });
    }
    if (how === 'destroyed') connection?.destroy();
    else peer.socket.resetAndDestroy();
    await end;
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls.map((own) => own.length)).toEqual(calls.map(() => 1));
    expect(calls.at(-1)).toEqual([expect.stringMatching(/Error$/)]);
  });
});
