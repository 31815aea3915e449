import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { everyPairing, pingingPairings } from './matrix.js';
import { expectNoOpenHandles } from './open-handles.js';

expectNoOpenHandles();

// A control frame carries at most 125 bytes (RFC 6455 section 5.5).
const payloads = ['', 'nonce', '€'.repeat(41), 'x'.repeat(125)];

for (const { title, open } of everyPairing) {
  describe(title, () => {
    it("reports the peer's answer to each ping of ours, with the round-trip time", async () => {
      const { ours } = await open();
      for (const payload of payloads) {
        const sentAt = performance.now();
        const ponged = once(ours, 'pong');
        ours.ping(payload);
        const [answer, roundTripTime] = (await ponged) as [Buffer, number];
        expect(answer.toString()).toBe(payload);
        expect(roundTripTime).toBeGreaterThan(0);
        expect(roundTripTime).toBeLessThanOrEqual(performance.now() - sentAt);
      }
    });

    it('reports a pong for each of several pings that are sent at once, in their order', async () => {
      const { ours } = await open();
      const answers: unknown[] = [];
      ours.on('pong', (payload, roundTripTime) => answers.push([payload.toString(), typeof roundTripTime]));
      for (let index = 0; index < 20; index++) ours.ping(String(index));
      while (answers.length < 20) await once(ours, 'pong');
      expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => [String(index), 'number']));
    });
  });
}

for (const { title, open } of pingingPairings) {
  describe(title, () => {
    it("answers the peer's pings with their payloads, and reports them", async () => {
      const { ours, peer } = await open();
      const pings: string[] = [];
      ours.on('ping', (payload) => pings.push(payload.toString()));
      for (const payload of payloads) peer.ping(payload);
      expect(await peer.pongs.takeMany(payloads.length)).toEqual(payloads);
      expect(pings).toEqual(payloads);
    });

    it('reports a ping between the messages between which the peer has sent it', async () => {
      const { ours, peer } = await open();
      const events: string[] = [];
      ours.on('text', (text) => events.push(text));
      ours.on('ping', (payload) => events.push(`ping ${payload.toString()}`));
      peer.send('first');
      peer.ping('between');
      peer.send('last');
      while (events.length < 3) await once(ours, 'text');
      expect(events).toEqual(['first', 'ping between', 'last']);
    });

    it('does not answer pings when autoPong is off: the program does', async () => {
      const { ours, peer } = await open({ connection: { autoPong: false } });
      const pinged = once(ours, 'ping');
      peer.ping('nonce');
      await pinged;
      ours.pong('from the program');
      expect(await peer.pongs.take()).toBe('from the program');
    });
  });
}
