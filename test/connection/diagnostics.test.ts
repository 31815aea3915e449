import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { broadcast } from '../../src/connection/broadcast.js';
import { binary, close, continuation, ping, pong, text } from '../conformance/frames.js';
import { destroyAll, engineAndPeer } from './ends.js';

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
  for (const name of names) unsubscribe(`watershed:${name}`, subscriber);
  destroyAll();
});

describe('the diagnostics channels', () => {
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
