// All ports, one by one, against another implementation of the Fetch Standard's table.
import { expect, it } from 'vitest';
import { Dispatcher, fetch } from 'undici';

import { isBlockedPort } from '../../src/handshake/blocked-ports.js';

it("a blocked port is one that undici's fetch blocks", async () => {
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
});
