// The ports that a client does not connect to.
import { describe, expect, it } from 'vitest';
import { Dispatcher, fetch } from 'undici';

import { isBlockedPort } from '../../src/handshake/blocked-ports.js';
import { freePort } from '../interop/daemon.js';
import { open } from './opening.js';

describe('a blocked port', () => {
  it("is one that undici's fetch blocks", async () => {
    // Sends nothing: a request that gets this far goes to a port that is not blocked.
    class NoDispatcher extends Dispatcher {
      override dispatch(): never {
        throw new Error('allowed');
      }
    }
    const dispatcher = new NoDispatcher();
    const verdict = async (port: number): Promise<unknown> => {
      const request = fetch(`http://127.0.0.1:${String(port)}/`, { dispatcher });
      const error: unknown = await request.catch((reason: unknown) => reason);
      return ((error as Error).cause as Error).message;
    };
    // No port above 10,080 is in the standard's table.
    for (let port = 1; port <= 10_100; port++) {
      const expected = isBlockedPort(port) ? 'bad port' : 'allowed';
      if ((await verdict(port)) !== expected) expect.fail(`${String(port)} is judged otherwise`);
    }
  }, 20_000);

  it.each([
    'ws://127.0.0.1:22',
    'wss://127.0.0.1:10080',
    'ws://127.0.0.1:0',
  ])('is not connected to: %s', async (url) => {
    const attempt = open(url, { createConnection: () => expect.fail('A connection has been made') });
    expect(attempt.reports).toEqual([]);
    const error = await attempt.failure;
    expect(error.code).toBe('WATERSHED_BLOCKED_PORT');
    expect(error.message).toBe(
      `The port ${new URL(url).port} is blocked, as in browsers (Fetch Standard section 2.9): ` +
        'take another, or set allowBlockedPorts',
    );
  });

  it('is connected to with allowBlockedPorts', async () => {
    const elsewhere = await freePort();
    const { code } = await open('ws://127.0.0.1:22', {
      allowBlockedPorts: true,
      createConnection: ({ port }) => {
        throw Object.assign(new Error(`${String(port)} for ${String(elsewhere)}`), { code: 'TRIED' });
      },
    }).failure;
    expect(code).toBe('TRIED');
  });

  it('is not the default of either scheme', () => {
    expect([80, 443].map(isBlockedPort)).toEqual([false, false]);
  });
});
