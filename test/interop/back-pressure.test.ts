import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { WatershedConnection } from '../../src/index.js';
import { expectSame } from './expect-same.js';
import { everyPairing, lowLevelPairings } from './matrix.js';
import { expectNoOpenHandles } from './open-handles.js';
import type { Peer } from './peer.js';

expectNoOpenHandles();

/** When so many bytes stay behind, the kernel takes no more: the other end does not read. */
const STUCK = 1024 * 1024;

/** No kernel keeps so many: the other end reads, though it should not. */
const NEVER_STUCK = 128 * 1024 * 1024;

for (const { title, open } of lowLevelPairings) {
  describe(title, () => {
    it('counts to the byte what the peer does not read, says so in send, and drains when it reads', async () => {
      const { ours, peer } = await open();
      const messages: string[] = [];
      let sent = 0;
      let taken = 0;
      let drained = 0;
      ours.on('drain', () => drained++);
      const send = (): boolean => {
        // Three bytes to a character, and a length that is never the same.
        const message = `${String(messages.length)} ${'€'.repeat(20_000 + messages.length)}`;
        const size = Buffer.byteLength(message);
        messages.push(message);
        sent += size;
        return ours.send(message, (error) => {
          if (error === undefined) taken += size;
        });
      };

      peer.pause();
      const results: boolean[] = [];
      do {
        for (let index = 0; index < 10; index++) {
          const before = ours.bufferedAmount;
          results.push(send());
          expect(ours.bufferedAmount).toBe(sent - taken);
          expect(ours.bufferedAmount).toBeGreaterThan(before);
          expect(results.at(-1)).toBe(ours.bufferedAmount < 64 * 1024);
        }
        await settle(() => ours.bufferedAmount);
        expect(ours.bufferedAmount).toBe(sent - taken);
        expect(sent).toBeLessThan(NEVER_STUCK);
      } while (ours.bufferedAmount < STUCK);
      expect(results).toContain(true);
      expect(results).toContain(false);
      drained = 0;

      const drain = once(ours, 'drain');
      peer.resume();
      await drain;
      expect(ours.bufferedAmount).toBe(0);
      expect(taken).toBe(sent);
      expectSame(await peer.messages.takeMany(messages.length), messages);
      expect(drained).toBe(1);
    });

    it('closes behind what the peer has not read yet', async () => {
      const { ours, peer } = await open();
      peer.pause();
      const messages = await sendUntilStuck(ours);
      ours.end(3000, 'after all of it');
      peer.resume();
      expect((await peer.closed).code).toBe(3000);
      expectSame(await peer.messages.takeMany(peer.messages.size), messages);
    });
  });
}

for (const { title, open } of everyPairing) {
  describe(title, () => {
    it('slows the peer down while it is paused, and gets everything once it is resumed', async () => {
      const { ours, received, peer } = await open();
      ours.pause();
      const messages = await sendUntilStuck(peer);
      expect(received.size).toBe(0);

      ours.resume();
      expectSame(await received.takeMany(messages.length), messages);
      ours.send('done');
      expect(await peer.messages.take()).toBe('done');
      expect(peer.bufferedAmount).toBe(0);
    });

    it('slows the peer down while a loop over the messages is slow, and misses none', async () => {
      const { ours, peer } = await open();
      const iterator = ours[Symbol.asyncIterator]();
      const messages = await sendUntilStuck(peer);
      for (const message of messages) expectSame([(await iterator.next()).value as Buffer], [message]);
      peer.close(1000, '');
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    });
  });
}

/** Sends until much of it stays behind, because the other end does not read. */
async function sendUntilStuck(end: WatershedConnection | Peer): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  while (end.bufferedAmount < STUCK) {
    const message = Buffer.alloc(100_000, messages.length);
    messages.push(message);
    expect(messages.length * message.length).toBeLessThan(NEVER_STUCK);
    end.send(message);
    await settle(() => end.bufferedAmount);
  }
  return messages;
}

/** Waits until an amount has stayed the same for some turns of the event loop. */
async function settle(amount: () => number): Promise<void> {
  let before = NaN;
  for (let turns = 0; turns < 10; turns++) {
    if (amount() !== before) {
      before = amount();
      turns = 0;
    }
    await nextTurn();
  }
}
