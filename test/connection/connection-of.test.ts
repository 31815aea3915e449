import { afterEach, describe, expect, it } from 'vitest';
import { connectionOf } from '../../src/connection/connection-of.js';
import { makeClassicFace } from '../../src/watershed-connection.js';
import { WebSocket } from '../../src/websocket/websocket.js';
import { destroyAll, engineAndPeer } from './ends.js';

afterEach(destroyAll);

describe('connectionOf', () => {
  it('gives the connection of a face of either kind, which is the same for both', async () => {
    const { connection } = await engineAndPeer();
    const classic = makeClassicFace(connection);
    expect(connectionOf(classic)).toBe(connection);
    expect(connectionOf(WebSocket.from(classic))).toBe(connection);
  });

  it.each([[undefined], [null], [42], ['text'], [{}], [() => undefined]])('gives nothing for %s', (other) => {
    expect(connectionOf(other)).toBeUndefined();
  });
});
