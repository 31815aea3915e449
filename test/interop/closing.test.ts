import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import type { WatershedConnection } from '../../src/index.js';
import { expectSame } from './expect-same.js';
import { everyPairing, lowLevelPairings } from './matrix.js';
import { expectNoOpenHandles } from './open-handles.js';
import { closeCodes } from './peer.js';

expectNoOpenHandles();

/** What 'end' gives for a code. */
const names: Readonly<Record<number, string>> = { 1000: 'NORMAL', 1001: 'GOING_AWAY', 1011: 'UNEXPECTED_ERROR' };
const nameOf = (code: number): string => names[code] ?? String(code);

for (const { title, answerTo, closeCodes: codesOfPeer, open } of everyPairing) {
  describe(title, () => {
    it.each(closeCodes)('closes with %i and a reason: the peer sees both, we see its answer', async (code) => {
      const { ours, peer } = await open();
      const events = recordEnding(ours);
      const close = { code, reason: 'Adiós 👋' };
      const ended = once(ours, 'end');
      ours.end(close.code, close.reason);
      expect(await peer.closed).toEqual(close);
      await ended;
      const answer = answerTo(close);
      expect(events).toEqual([['end', nameOf(answer.code), answer.reason]]);
    });

    it('closes with 1000 when it is given no code', async () => {
      const { ours, peer } = await open();
      ours.end();
      expect((await peer.closed).code).toBe(1000);
    });

    it.each(codesOfPeer.filter((code) => code !== undefined))(
      'sees that the peer closes with %i and a reason, and so does the peer',
      async (code) => {
        const { ours, peer } = await open();
        const events = recordEnding(ours);
        const ended = once(ours, 'end');
        peer.close(code, 'Adiós 👋');
        await ended;
        expect(events).toEqual([['end', nameOf(code), 'Adiós 👋']]);
        expect(await peer.closed).toEqual({ code, reason: 'Adiós 👋' });
      },
    );

    if (codesOfPeer.includes(undefined)) {
      it('sees that the peer closes without a code, and answers so', async () => {
        const { ours, peer } = await open();
        const events = recordEnding(ours);
        const ended = once(ours, 'end');
        peer.close();
        await ended;
        expect(events).toEqual([['end', null, null]]);
        expect(await peer.closed).toEqual({ code: 1005, reason: '' });
      });
    }

    it('sends everything before it closes', async () => {
      const { ours, peer } = await open();
      const messages = Array.from({ length: 100 }, (_, index) => `${String(index)} ${'x'.repeat(index * 100)}`);
      for (const message of messages) ours.send(message);
      ours.end(3000, 'that was all');
      expect((await peer.closed).code).toBe(3000);
      expectSame(await peer.messages.takeMany(peer.messages.size), messages);
    });

    it('delivers what the peer had sent before our close reached it', async () => {
      const { ours, received, peer } = await open();
      const messages = Array.from({ length: 100 }, (_, index) => `${String(index)} ${'x'.repeat(index * 10)}`);
      ours.pause();
      for (const message of messages) peer.send(message);
      await vi.waitUntil(() => peer.bufferedAmount === 0, { interval: 1, timeout: 10_000 });
      const ended = once(ours, 'end');
      ours.end(3000, 'enough');
      ours.resume();
      await ended;
      expectSame(await received.takeMany(received.size), messages);
    });

    it("reports the peer's code when both close at once", async () => {
      const { ours, peer } = await open();
      const events = recordEnding(ours);
      const ended = once(ours, 'end');
      ours.end(3000, 'ours');
      peer.close(4999, "the peer's");
      await Promise.all([ended, peer.closed]);
      expect(events).toEqual([['end', '4999', "the peer's"]]);
    });

    it('leaves without a word when it is destroyed: the peer sees 1006', async () => {
      const { ours, peer } = await open();
      const events = recordEnding(ours);
      ours.destroy();
      expect(events).toEqual([['end', null, null]]);
      expect((await peer.closed).code).toBe(1006);
    });
  });
}

for (const { title, open } of lowLevelPairings) {
  describe(title, () => {
    it("reports 'connectionReset' and then 'end' when the peer goes away without closing", async () => {
      const { ours, received, peer } = await open();
      const events = recordEnding(ours);
      // Proves that the connection worked.
      peer.send('still there');
      expect(await received.take()).toBe('still there');
      const ended = once(ours, 'end');
      peer.terminate();
      await ended;
      expect(events).toEqual([['connectionReset'], ['end', null, null]]);
    });
  });
}

/** The events that have to do with the end, as they come. */
function recordEnding(connection: WatershedConnection): unknown[][] {
  const events: unknown[][] = [];
  connection.on('error', (error) => events.push(['error', error]));
  connection.on('connectionReset', () => events.push(['connectionReset']));
  connection.on('end', (code, reason) => events.push(['end', code, reason]));
  return events;
}
