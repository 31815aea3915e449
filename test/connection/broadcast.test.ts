import { afterEach, describe, expect, it } from 'vitest';
import { broadcast } from '../../src/connection/broadcast.js';
import { destroyAll, engine, engineAndPeer, engineOver, framesIn, KeepingDuplex, turn } from './ends.js';

afterEach(destroyAll);

describe('broadcast', () => {
  it('sends to every open connection, masked where it is a client, and says to how many', async () => {
    const server = await engineAndPeer();
    const client = await engineAndPeer({ isServer: false });
    const closing = await engineAndPeer();
    closing.connection.close(1000, '');
    const connections = [server, client, closing, engine()].map(({ connection }) => connection);
    expect(broadcast(connections, 'äöü', false)).toBe(2);
    expect(broadcast(connections, Buffer.from('b'), false)).toBe(2);
    for (const { peer, connection } of [server, client]) {
      expect(await peer.receives(2)).toEqual(['text äöü', 'binary b']);
      expect(peer.frames.every(({ isMasked }) => isMasked === !connection.isServer)).toBe(true);
    }
    await closing.peer.receives(1);
    expect(closing.peer.received).toEqual(['close 1000 ']);
  });

  it('counts in bufferedAmount, and leaves the slow out when it is asked to', async () => {
    const sockets = [new KeepingDuplex(), new KeepingDuplex()];
    const connections = sockets.map((socket) => engineOver(socket, { highWaterMark: 10 }).connection);
    for (const socket of sockets) socket.isStuck = true;
    connections[0]?.sendText('a'.repeat(11));
    connections[1]?.sendText('b'.repeat(10));
    await turn();
    expect(broadcast(connections, 'c', true)).toBe(1);
    expect(connections.map(({ bufferedAmount }) => bufferedAmount)).toEqual([11, 11]);
    expect(broadcast(connections, 'd', false)).toBe(2);
    for (const socket of sockets) socket.goOn();
    await turn();
    expect(sockets.map((socket) => framesIn(socket.bytes).length)).toEqual([2, 3]);
  });

  it('encodes a large message once for all, with the bytes of the call', async () => {
    const sockets = [new KeepingDuplex(), new KeepingDuplex()];
    const connections = sockets.map((socket) => engineOver(socket).connection);
    const bytes = Buffer.alloc(100_000, 'a');
    broadcast(connections, bytes, false);
    bytes.fill('x');
    await turn();
    const [first, second] = sockets.map((socket) => socket.chunks.at(-1));
    expect(first?.buffer).toBe(second?.buffer);
    expect(framesIn(first ?? Buffer.alloc(0))[0]?.payload.equals(Buffer.alloc(100_000, 'a'))).toBe(true);
  });
});
