import { afterEach, describe, expect, it } from 'vitest';
import { connectionOf } from '../../src/connection/connection-of.js';
import { makeClassicFace } from '../../src/watershed-connection.js';
import '../../src/websocket/websocket.js';
import { destroyAll, engine } from './ends.js';

afterEach(destroyAll);

describe('connectionOf', () => {
  it('gives the connection of a face', () => {
    const { connection } = engine();
    expect(connectionOf(makeClassicFace(connection))).toBe(connection);
  });

  it.each([[undefined], [null], [42], ['text'], [{}], [() => undefined]])('gives nothing for %s', (other) => {
    expect(connectionOf(other)).toBeUndefined();
  });
});
