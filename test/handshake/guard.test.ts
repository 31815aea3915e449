import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { checkSocket, guard, isTaken, take, unguard } from '../../src/handshake/guard.js';
import { closeOf, UpgradeServer } from './upgrade.js';

let server: UpgradeServer;
beforeEach(async () => {
  server = new UpgradeServer();
  await server.listen();
});
afterEach(() => server.close());

describe('guard', () => {
  it('keeps the error of a socket that nobody has taken from being uncaught', async () => {
    const { socket } = await server.upgrade();
    guard(socket);
    const closed = closeOf(socket);
    // An error that had no listener would fail the test run.
    socket.destroy(new Error('read ECONNRESET'));
    await closed;
    expect(socket.destroyed).toBe(true);
  });

  it('adds one listener, however often it is called, and unguard takes it away', async () => {
    const { socket } = await server.upgrade();
    const before = socket.listeners('error');
    guard(socket);
    guard(socket);
    expect(socket.listenerCount('error')).toBe(before.length + 1);
    unguard(socket);
    expect(socket.listeners('error')).toEqual(before);
    unguard(socket);
    expect(socket.listeners('error')).toEqual(before);
  });
});

describe('checkSocket', () => {
  it('throws for a socket that is taken, and for one that this end has ended', async () => {
    const { socket } = await server.upgrade();
    guard(socket);
    take(socket);
    expect(isTaken(socket)).toBe(true);
    expect(() => { checkSocket(socket); }).toThrow(expect.objectContaining({ code: 'WATERSHED_SOCKET_TAKEN' }) as Error);

    const { socket: other } = await server.upgrade();
    other.end();
    expect(isTaken(other)).toBe(false);
    expect(() => { checkSocket(other); }).toThrow(expect.objectContaining({
      code: 'WATERSHED_SOCKET_TAKEN',
      message:
        "This upgrade has been accepted or rejected already: of a server's 'upgrade' listeners, only one may answer a " +
        'request, for instance by its path',
    }) as Error);
  });

  it.each([undefined, null, {}, 'socket', new Readable(), new Writable()])('throws for %s, which is no socket', (value) => {
    expect(() => { checkSocket(value as never); }).toThrow(TypeError);
    expect(() => { checkSocket(value as never); }).toThrow("socket must be the socket that came with 'upgrade', but is");
  });

  it('throws for a socket that is destroyed, and for one whose peer has ended and that has been read', async () => {
    const { socket, client } = await server.upgrade();
    expect(() => { checkSocket(socket); }).not.toThrow();
    client.end();
    const ended = once(socket, 'end');
    socket.resume();
    await ended;
    expect(() => { checkSocket(socket); }).toThrow('The socket has ended');
    socket.destroy();
    expect(() => { checkSocket(socket); }).toThrow('The socket has ended');

    const { socket: other } = await server.upgrade();
    other.destroy();
    expect(() => { checkSocket(other); }).toThrow('The socket has ended');
  });
});
