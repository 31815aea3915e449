/**
 * Messages that inflate without end: they are cut off at `maxPayload`, within memory in proportion to it, and the other
 * connections of the process go on.
 */
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Watershed, type WatershedConnection, WebSocket, type WebSocketErrorEvent } from '../../src/index.js';
import { deferred, dialPeer, listen, next, type Peer, requestText } from '../classic/ends.js';
import { binary, encodeFrame, type Frame, fragments, text } from '../conformance/frames.js';
import { rawServer, switchingProtocols } from '../handshake/opening.js';
import { heldMemory, KiB, MiB, watchMemory } from './memory.js';

const OFFER = requestText({ 'sec-websocket-extensions': 'permessage-deflate' });

/** So many MiB of zeros, compressed as far as DEFLATE goes, 1,000 to 1: after a full flush a block can be repeated. */
function zeros(mebibytes: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(MiB), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat(Array.from({ length: mebibytes }, () => block)).subarray(0, -4);
}

function compressed(bytes: Buffer): Buffer {
  return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

const bombs: [name: string, maxPayload: number, frames: Frame[]][] = [
  ['a message of 1 MiB that inflates to 1 GiB', 16 * MiB, [binary(zeros(1_024), { rsv: 4 })]],
  ['one of 1 MiB in fragments that inflates to 1 GiB', 16 * MiB, compressedFragments(zeros(1_024))],
  ['a text of 4 KiB that inflates to 4 MiB', 64 * KiB, [text(zeros(4), { rsv: 4 })]],
  ['the smallest that is one', 1_000, [text(zeros(1).subarray(0, 999), { rsv: 4 })]],
];

function compressedFragments(payload: Buffer): Frame[] {
  return fragments(binary(payload), 10_000).map((frame, index) => ({ ...frame, rsv: index === 0 ? 4 : 0 }));
}

/** A server of both faces, whose peers all have been answered. */
async function serve(maxPayload: number): Promise<{ bomber: Peer; bystander: Peer; error: Promise<unknown> }> {
  let error: Promise<unknown> = Promise.resolve();
  const port = await listen((req, socket, head) => {
    const options = { maxPayload, perMessageDeflate: true };
    if (req.headers['origin'] === undefined) {
      error = next(Watershed.accept(req, socket, head, options), 'error').then(([reason]) => reason);
    } else {
      const echo = WebSocket.accept(req, socket, head, options);
      echo.onmessage = ({ data }): void => { echo.send(data as string); };
    }
  });
  const bystander = await dialPeer(port, OFFER.replace('\r\n\r\n', '\r\norigin: http://example.com\r\n\r\n'));
  const bomber = await dialPeer(port, OFFER);
  return { bomber, bystander, error };
}

/** A server that sends a bomb as soon as it has answered. */
async function bombingServer(bomb: Frame): Promise<number> {
  const frame = encodeFrame(bomb, false);
  const { port } = await rawServer((socket, head) => {
    socket.write(switchingProtocols(head, 'Sec-WebSocket-Extensions: permessage-deflate'));
    socket.write(frame);
  });
  return port;
}

/** The ends beside the classic server: each meets a bomb, and gives its error. */
const otherEnds: [name: string, meet: (bomb: Frame, maxPayload: number) => Promise<unknown>][] = [
  ['the WebSocket of a server', async (bomb, maxPayload) => {
    const error = deferred<unknown>();
    const port = await listen((req, socket, head) => {
      const webSocket = WebSocket.accept(req, socket, head, { maxPayload, perMessageDeflate: true });
      webSocket.onerror = (event): void => { error.resolve(event.error); };
    });
    (await dialPeer(port, OFFER)).send(bomb);
    return error.promise;
  }],
  ['the classic client', async (bomb, maxPayload) => {
    const port = await bombingServer(bomb);
    const key = Watershed.generateKey();
    const headers = Watershed.requestHeaders(key, { perMessageDeflate: true });
    const request = httpRequest({ port, host: '127.0.0.1', headers }).end();
    const [res, socket, head] = (await once(request, 'upgrade')) as [IncomingMessage, Socket, Buffer];
    const connection = Watershed.connect(res, socket, head, key, { maxPayload, perMessageDeflate: true });
    return (await next(connection, 'error'))[0];
  }],
  ['the WebSocket of a client', async (bomb, maxPayload) => {
    const port = await bombingServer(bomb);
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`, { maxPayload, perMessageDeflate: true });
    const [event] = (await once(webSocket, 'error')) as [WebSocketErrorEvent];
    return event.error;
  }],
];

describe('a decompression bomb', () => {
  it.each(bombs)('is cut off within the memory of maxPayload: %s', async (_, maxPayload, frames) => {
    const { bomber, bystander, error } = await serve(maxPayload);
    const stop = watchMemory();
    bomber.send(...frames);
    bystander.send(text('still there?'));
    expect((await bystander.frame()).payload.toString()).toBe('still there?');
    expect(await error).toMatchObject({ code: 'WATERSHED_MESSAGE_TOO_BIG', closeCode: 1009 });
    const { buffers, resident } = stop();
    expect(await bomber.rest()).toEqual([{ opcode: 8, payload: Buffer.from([0x03, 0xf1]) }]);
    bystander.send(text('and now?'));
    expect((await bystander.frame()).payload.toString()).toBe('and now?');
    // What was sent (here, on the way and there), what was inflated of it, and what zlib and the process need.
    const sent = frames.reduce((length, { payload }) => length + payload.length, 0);
    expect(buffers).toBeLessThan(2 * maxPayload + 6 * sent + 4 * MiB);
    expect(resident).toBeLessThan(2 * maxPayload + 6 * sent + 48 * MiB);
  });

  it.each([
    ['is too big', zeros(64), 1009],
    ['is no UTF-8', compressed(Buffer.alloc(8 * MiB, 0xff)), 1007],
  ])('leaves nothing with the errors and the connections that are kept: one that %s', async (_, bomb, closeCode) => {
    const maxPayload = 8 * MiB;
    const connections: WatershedConnection[] = [];
    const port = await listen((req, socket, head) => {
      connections.push(Watershed.accept(req, socket, head, { maxPayload, perMessageDeflate: true }));
    });
    const errors: unknown[] = [];
    const before = await heldMemory();
    for (let count = 0; count < 8; count++) {
      const peer = await dialPeer(port, OFFER);
      const connection = connections[count] as WatershedConnection;
      connection.on('error', (error) => errors.push(error));
      const ended = next(connection, 'end');
      peer.send(text(bomb, { rsv: 4 }));
      peer.socket.end();
      await ended;
    }
    expect((await heldMemory()) - before).toBeLessThan(2 * maxPayload);
    expect(errors).toEqual(connections.map(() => expect.objectContaining({ closeCode }) as unknown));
  });

  it.each(otherEnds)('is cut off by %s, too', async (_, meet) => {
    const maxPayload = 16 * MiB;
    const bomb = binary(zeros(1_024), { rsv: 4 });
    const stop = watchMemory();
    expect(await meet(bomb, maxPayload)).toMatchObject({ code: 'WATERSHED_MESSAGE_TOO_BIG', closeCode: 1009 });
    expect(stop().buffers).toBeLessThan(2 * maxPayload + 6 * bomb.payload.length + 4 * MiB);
  });

  it('sent by many connections at once costs each no more than maxPayload', async () => {
    const maxPayload = 256 * KiB;
    const ends = await Promise.all(Array.from({ length: 20 }, () => serve(maxPayload)));
    const stop = watchMemory();
    const bomb = binary(zeros(32), { rsv: 4 });
    for (const { bomber } of ends) bomber.send(bomb);
    for (const { error } of ends) expect(await error).toMatchObject({ closeCode: 1009 });
    const { buffers, resident } = stop();
    const bound = ends.length * (2 * maxPayload + 6 * bomb.payload.length);
    expect(buffers).toBeLessThan(bound + 4 * MiB);
    expect(resident).toBeLessThan(bound + 48 * MiB);
  });
});
