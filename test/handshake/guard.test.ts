import { once } from 'node:events';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { checkSocket, guard, unguard } from '../../src/handshake/guard.js';
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
