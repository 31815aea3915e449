/** `closeAll`: every connection of an instance, closed together. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Watershed, WatershedConnection } from '../../src/index.js';
import { close } from '../conformance/frames.js';
import { bothEnds, dialPeer, listen, next, type Peer, serverEnd } from './ends.js';

/** Connections of one instance, each with its raw client. */
async function instanceEnds(
  shed: Watershed,
  count: number,
): Promise<{ connections: WatershedConnection[]; peers: Peer[] }> {
  const connections: WatershedConnection[] = [];
  const port = await listen((req, socket, head) => {
    connections.push(shed.accept(req, socket, head));
  });
  const peers: Peer[] = [];
  for (let index = 0; index < count; index++) peers.push(await dialPeer(port));
  return { connections, peers };
}

function answerClose(peer: Peer): void {
  void peer.frame().then(() => {
    peer.send(close(1001));
    peer.socket.end();
  });
}

describe('closeAll', () => {
  it('closes every connection of the instance with 1001, and counts the clean and the destroyed', async () => {
    const shed = new Watershed();
    const { connections, peers } = await instanceEnds(shed, 3);
    const ends = connections.map((connection) => next(connection, 'end'));
    peers.slice(0, 2).forEach(answerClose);
    const other = await serverEnd();
    expect(await shed.closeAll({ timeout: 100 })).toEqual({ clean: 2, destroyed: 1 });
    expect(await Promise.all(ends)).toEqual([['GOING_AWAY', ''], ['GOING_AWAY', ''], [null, null]]);
    expect(other.connection.readyState).toBe(1);
    expect(await shed.closeAll()).toEqual({ clean: 0, destroyed: 0 });
  });

  it('closes clients too, with the code and the reason that are given', async () => {
    const shed = new Watershed();
    const { server, client } = await bothEnds();
    const { connections } = await instanceEnds(shed, 0);
    expect(connections).toEqual([]);
    const port = await listen((req, socket, head) => { Watershed.accept(req, socket, head); });
    const key = shed.generateKey();
    const request = httpRequest({ port, host: '127.0.0.1', headers: shed.requestHeaders(key) });
    request.end();
    const [res, socket, head] = (await once(request, 'upgrade')) as Parameters<typeof Watershed.connect>;
    const own = shed.connect(res, socket, head, key);
    const ended = next(own, 'end');
    expect(await shed.closeAll({ code: 1012, reason: 'restarting' })).toEqual({ clean: 1, destroyed: 0 });
    expect(await ended).toEqual(['1012', 'restarting']);
    expect([server.readyState, client.readyState]).toEqual([1, 1]);
  });

  it('waits for connections that are closing already, and counts one that goes away as destroyed', async () => {
    const shed = new Watershed();
    const { connections, peers } = await instanceEnds(shed, 2);
    connections[0]?.end(3000);
    const result = shed.closeAll();
    expect((await peers[0]?.frame())?.payload.readUInt16BE()).toBe(3000);
    peers[0]?.send(close(3000));
    peers[0]?.socket.end();
    peers[1]?.socket.resetAndDestroy();
    expect(await result).toEqual({ clean: 1, destroyed: 1 });
  });

  it('counts as clean what had completed the closing handshake, though its TCP had to be destroyed', async () => {
    const shed = new Watershed();
    const { peers } = await instanceEnds(shed, 1);
    const result = shed.closeAll({ timeout: 50 });
    await peers[0]?.frame();
    peers[0]?.send(close(1001));
    expect(await result).toEqual({ clean: 1, destroyed: 0 });
  });

  it('may be called twice: both wait for the same end', async () => {
    const shed = new Watershed();
    const { peers } = await instanceEnds(shed, 1);
    const both = Promise.all([shed.closeAll(), shed.closeAll({ timeout: 5_000 })]);
    peers.forEach(answerClose);
    expect(await both).toEqual([{ clean: 1, destroyed: 0 }, { clean: 1, destroyed: 0 }]);
  });

  it('throws for a code and a reason that may not be sent, and closes nothing', async () => {
    const shed = new Watershed();
    const { connections } = await instanceEnds(shed, 1);
    expect(() => shed.closeAll({ code: 1005 })).toThrow(RangeError);
    expect(() => shed.closeAll({ reason: 'x'.repeat(124) })).toThrow(/^reason must be at most 123 bytes/);
    expect(() => shed.closeAll({ timeout: -1 })).toThrow(/^options\.timeout must be/);
    expect(() => shed.closeAll({ code: '1001' as never })).toThrow(/^options\.code must be a number, but is "1001"$/);
    expect(() => shed.closeAll({ reason: 1 as never })).toThrow(/^options\.reason must be a string, but is 1$/);
    expect(connections[0]?.readyState).toBe(1);
  });
});
