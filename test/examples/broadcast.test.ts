/** The broadcast example, with one client that reads and one that does not. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { requestText } from '../classic/ends.js';
import { expectToStop, Program } from './program.js';
import { Client } from './ws-client.js';

async function nextTick(client: Client): Promise<{ tick: number; prices: Record<string, number> }> {
  return JSON.parse(String(await client.messages.take())) as { tick: number; prices: Record<string, number> };
}

it('the ticker leaves out who is slow until it has caught up, and nobody else', async () => {
  const server = await Program.listening('broadcast.mjs', { INTERVAL: '1', SYMBOLS: '3000' });
  const fast = await Client.open(server.socketUrl());
  // Its buffers fill, and then those of the server: nobody reads from it.
  const slow = connect(server.port, 'localhost');
  onTestFinished(() => {
    slow.destroy();
  });
  slow.write(requestText());
  const [, tick] = await server.printed(/tick (\d+): 1 of 2 left out/);

  let last = 0;
  do {
    const { tick: next, prices } = await nextTick(fast);
    expect(Object.keys(prices)).toHaveLength(3000);
    // Not one is left out, though another client has stopped.
    if (last !== 0) expect(next).toBe(last + 1);
    last = next;
  } while (last < Number(tick) + 3);

  slow.resume();
  await server.printed(/: 0 of 2 left out/);
  slow.destroy();
  await once(slow, 'close');
  await expectToStop(server);
});

it('the ticker has another pace and ten prices by default', async () => {
  const server = await Program.listening('broadcast.mjs', { INTERVAL: '1' });
  const { prices } = await nextTick(await Client.open(server.socketUrl()));
  expect(Object.keys(prices)).toHaveLength(10);
  await expectToStop(server, 'SIGTERM');
});
