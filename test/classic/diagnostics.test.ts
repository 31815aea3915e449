/** The diagnostics channels: what a tool sees that watches every connection of the process. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Watershed, type WatershedConnection } from '../../src/index.js';
import { close, ping, pong, text } from '../conformance/frames.js';
import { catchUncaught, clientEnd, next, serverEnd, turn } from './ends.js';

/** Everything that is published on the five channels, by the channel's name without its prefix. */
let published: [channel: string, message: unknown][];
beforeEach(() => {
  published = [];
  for (const name of ['start', 'end', 'send', 'receive', 'error']) {
    const channel = `watershed:${name}`;
    const onMessage = (message: unknown): void => {
      published.push([name, message]);
    };
    subscribe(channel, onMessage);
    onTestFinished(() => {
      unsubscribe(channel, onMessage);
    });
  }
});

function ends({ id, remote, local }: WatershedConnection): { id: number; remote: string; local: string } {
  return { id, remote, local };
}

describe('the channels', () => {
  it('tell of the start, of every frame both ways, and of the end of a server’s end', async () => {
    const { connection, peer } = await serverEnd();
    const which = ends(connection);
    connection.send('out');
    connection.send(Buffer.from([1, 2]));
    connection.ping('p');
    peer.send(text('in'), { ...text('bin'), opcode: 2 }, ping('q'), pong('p'), close(3000, 'bye'));
    peer.socket.end();
    await next(connection, 'end');
    const closing = Buffer.concat([Buffer.from([0x0b, 0xb8]), Buffer.from('bye')]);
    expect(published).toEqual([
      ['start', { ...which, type: 'accept' }],
      ['send', { ...which, opcode: 1, data: 'out' }],
      ['send', { ...which, opcode: 2, data: Buffer.from([1, 2]) }],
      ['send', { ...which, opcode: 9, data: Buffer.from('p') }],
      ['receive', { ...which, opcode: 1, data: 'in' }],
      ['receive', { ...which, opcode: 2, data: Buffer.from('bin') }],
      ['receive', { ...which, opcode: 9, data: Buffer.from('q') }],
      ['send', { ...which, opcode: 10, data: Buffer.from('q') }],
      ['receive', { ...which, opcode: 10, data: Buffer.from('p') }],
      ['receive', { ...which, opcode: 8, data: closing }],
      ['send', { ...which, opcode: 8, data: closing }],
      ['end', { ...which, code: 3000, reason: 'bye', wasClean: true }],
    ]);
  });

  it('tell of a client’s start, of the error of a bad frame with the CLOSE that answers it, and of an end that is not clean', async () => {
    const { connection, peer } = await clientEnd();
    const which = ends(connection);
    peer.send(text('', { rsv: 1 }));
    peer.socket.end();
    await next(connection, 'end');
    expect(published).toEqual([
      ['start', { ...which, type: 'connect' }],
      ['send', { ...which, opcode: 8, data: Buffer.from([3, 234]) }],
      ['error', { ...which, error: expect.objectContaining({ code: 'WATERSHED_RESERVED_BITS' }) as unknown }],
      ['end', { ...which, code: undefined, reason: '', wasClean: false }],
    ]);
  });

  it('tell why a peer was given up, though a connection has no error for that', async () => {
    const { connection } = await serverEnd({ closeTimeout: 10 });
    connection.end();
    await next(connection, 'end');
    expect(published.filter(([name]) => name === 'error')).toEqual([
      ['error', { ...ends(connection), error: expect.objectContaining({ code: 'WATERSHED_CLOSE_TIMEOUT' }) as unknown }],
    ]);
  });

  it('tell of a broadcast for each connection that it was handed to', async () => {
    const first = (await serverEnd()).connection;
    const second = (await clientEnd()).connection;
    published = [];
    Watershed.broadcast([first, second], 'to all');
    Watershed.broadcast([first, second], Buffer.from('all'));
    expect(published).toEqual([
      ['send', { ...ends(first), opcode: 1, data: 'to all' }],
      ['send', { ...ends(second), opcode: 1, data: 'to all' }],
      ['send', { ...ends(first), opcode: 2, data: Buffer.from('all') }],
      ['send', { ...ends(second), opcode: 2, data: Buffer.from('all') }],
    ]);
  });

  it('tell nothing of what was not sent', async () => {
    const { connection } = await serverEnd();
    connection.destroy();
    published = [];
    connection.send('never');
    connection.ping();
    connection.end();
    await turn();
    expect(published).toEqual([]);
  });

  it('do a connection no harm when a subscriber throws', async () => {
    const uncaught = catchUncaught();
    const broken = (): void => {
      throw new Error('broken tool');
    };
    subscribe('watershed:receive', broken);
    onTestFinished(() => {
      unsubscribe('watershed:receive', broken);
    });
    const { connection, peer } = await serverEnd();
    connection.on('text', (message) => connection.send(message));
    peer.send(text('echo'));
    expect((await peer.frame()).payload.toString()).toBe('echo');
    expect(uncaught).toHaveLength(1);
  });
});
