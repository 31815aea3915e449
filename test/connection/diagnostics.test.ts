import { Blob } from 'node:buffer';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { broadcast } from '../../src/connection/broadcast.js';
import { binary, close, continuation, ping, pong, text } from '../conformance/frames.js';
import { destroyAll, engine, engineAndPeer, NOTHING_NEGOTIATED, Peer, tcpPair } from './ends.js';

const names = ['start', 'end', 'send', 'receive', 'error'];
let log: [string, Record<string, unknown>][] = [];
const subscriber = (message: unknown, name: string | symbol): void => {
  log.push([String(name).replace('watershed:', ''), message as Record<string, unknown>]);
};

function subscribeAll(): void {
  log = [];
  for (const name of names) subscribe(`watershed:${name}`, subscriber);
}

afterEach(() => {
  vi.restoreAllMocks();
  for (const name of names) unsubscribe(`watershed:${name}`, subscriber);
  destroyAll();
});

describe('the diagnostics channels', () => {
  it('build nothing for nobody: without a subscriber nothing is published', async () => {
    const publish = [...names, 'compression'].map((name) => vi.spyOn(channel(`watershed:${name}`), 'publish'));
    const deflate = { noContextTakeover: true, windowBits: 15 };
    const { connection, recorder } = engine();
    const [ours, theirs] = await tcpPair();
    connection.open(ours, Buffer.alloc(0), { ...NOTHING_NEGOTIATED, deflate: { outgoing: deflate, incoming: deflate } });
    const peer = new Peer(theirs, true);
    connection.sendText('a'.repeat(2_000));
    connection.sendText('b');
    connection.sendBinary(Buffer.from('c'));
    connection.sendBlob(new Blob(['d']));
    connection.ping(Buffer.from('e'));
    broadcast([connection], 'f', false);
    // The first is "Hello", compressed (RFC 7692 section 7.2.3.1).
    const hello = text(Buffer.from('f248cdc9c90700', 'hex'), { rsv: 4 });
    peer.send(hello, text('f'), binary('g'), ping('h'), pong('i'), close(1000, 'bye'));
    await peer.end();
    peer.socket.end();
    await recorder.end();
    const failed = await engineAndPeer();
    failed.peer.send({ ...text('wrong'), opcode: 3 });
    await failed.recorder.report('error');
    const lost = await engineAndPeer();
    lost.peer.socket.resetAndDestroy();
    await lost.recorder.end();
    for (const spy of publish) expect(spy).not.toHaveBeenCalled();
  });

  it('tell of a Blob with the bytes that were read of it', async () => {
    subscribeAll();
    const { connection, peer } = await engineAndPeer();
    connection.sendBlob(new Blob(['blob']));
    await peer.receives(1);
    expect(log.filter(([name]) => name === 'send').map(([, { opcode, data }]) => [opcode, data])).toEqual([
      [2, new Uint8Array(Buffer.from('blob'))],
    ]);
  });

  it('tell of a connection from its start to its end, with its frames both ways', async () => {
    subscribeAll();
    const { connection, recorder, peer } = await engineAndPeer();
    connection.sendText('a');
    connection.sendBinary(Buffer.from('b'));
    connection.ping(Buffer.from('c'));
    broadcast([connection], 'd', false);
    broadcast([connection], Buffer.from('e'), false);
    peer.send(text('f'), binary('g'), ping('h'), pong('i'), close(1000, 'bye'));
    await peer.end();
    peer.socket.end();
    await recorder.end();
    const ends = { id: connection.id, remote: connection.remote, local: connection.local };
    for (const [, message] of log) expect(message).toMatchObject(ends);
    const frames = (channel: string): unknown[] =>
      log.filter(([name]) => name === channel).map(([, { opcode, data }]) => [opcode, data]);
    const closePayload = Buffer.from('\x03\xe8bye', 'latin1');
    expect(frames('send')).toEqual([
      [1, 'a'],
      [2, Buffer.from('b')],
      [9, Buffer.from('c')],
      [1, 'd'],
      [2, Buffer.from('e')],
      [10, Buffer.from('h')],
      [8, closePayload],
    ]);
    expect(frames('receive')).toEqual([
      [1, 'f'],
      [2, Buffer.from('g')],
      [9, Buffer.from('h')],
      [10, Buffer.from('i')],
      [8, closePayload],
    ]);
    expect(log[0]).toEqual(['start', { ...ends, type: 'accept' }]);
    expect(log.at(-1)).toEqual(['end', { ...ends, code: 1000, reason: 'bye', wasClean: true }]);
  });

  it('tell why a connection was failed or lost', async () => {
    subscribeAll();
    const failed = await engineAndPeer({ isServer: false });
    failed.peer.send(continuation('wrong'));
    await failed.peer.receives(1);
    failed.peer.socket.end();
    await failed.recorder.end();
    const lost = await engineAndPeer();
    lost.peer.socket.end();
    await lost.recorder.end();
    const starts = log.filter(([name]) => name === 'start').map(([, { type }]) => type);
    const errors = log.filter(([name]) => name === 'error').map(([, { error }]) => (error as { code: string }).code);
    const ends = log.filter(([name]) => name === 'end').map(([, { code, wasClean }]) => [code, wasClean]);
    expect(starts).toEqual(['connect', 'accept']);
    expect(errors).toEqual(['WATERSHED_UNEXPECTED_CONTINUATION', 'WATERSHED_CONNECTION_LOST']);
    expect(ends).toEqual([[undefined, false], [undefined, false]]);
  });
});
