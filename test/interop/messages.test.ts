import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectSame } from './expect-same.js';
import { everyPairing, lowLevelPairings } from './matrix.js';
import { expectNoOpenHandles } from './open-handles.js';
import type { Link } from './pairing.js';
import type { Message, Peer } from './peer.js';

expectNoOpenHandles();

const MiB = 1024 * 1024;

// The lengths around which a frame's header changes (RFC 6455 section 5.2).
const lengths = [0, 1, 125, 126, 65_535, 65_536];

const texts: readonly string[] = [
  ...lengths.map((length) => 'a'.repeat(length)),
  'Grüße, Zoë! Καλημέρα, мир. 你好 👋🏽',
  // In bytes: 125 and 126, and 65,535 and 65,536, with a character at the end that takes several.
  ...[125, 126, 65_535, 65_536].map((length) => 'a'.repeat(length - 4) + '🌊'),
];

// 16 MiB each.
const large = randomBytes(16 * MiB);
const largeText = large.toString('base64').slice(0, 10 * MiB) + 'é🌊'.repeat(MiB);

for (const { title, ourRole, open } of everyPairing) {
  describe(title, () => {
    it('brings text of every length over as it is, both ways, empty text and other alphabets too', async () => {
      await exchange(await open(), texts);
    });

    it('brings bytes of every length over as they are, both ways, an empty message too', async () => {
      await exchange(await open(), lengths.map((length) => randomBytes(length)));
    });

    it('brings a message of 16 MiB over, binary to the peer and text from it', async () => {
      const { ours, received, peer } = await open();
      ours.send(large);
      expectSame([await peer.messages.take()], [large]);
      peer.send(largeText);
      expectSame([await received.take()], [largeText]);
    });

    it('keeps 10,000 small messages in order, both ways at once', async () => {
      const { ours, received, peer } = await open();
      const numbers = Array.from({ length: 10_000 }, (_, index) => String(index));
      for (const number of numbers) {
        ours.send(number);
        peer.send(number);
      }
      expectSame(await peer.messages.takeMany(numbers.length), numbers);
      expectSame(await received.takeMany(numbers.length), numbers);
    });

    it('keeps text and binary messages of all sizes in order among each other', async () => {
      const mixed = texts.flatMap((text) => [text, Buffer.from(text)]);
      await exchange(await open(), mixed);
    });

    it('loses nothing that the server sends in the tick in which it accepts', async () => {
      const { received, peer } = await open({ greeting: 'welcome' });
      const client = ourRole === 'client' ? received : peer.messages;
      expect(await client.take()).toBe('welcome');
    });
  });
}

for (const { title, open } of lowLevelPairings) {
  describe(title, () => {
    it('puts a text together that the peer sends in fragments, cut in the middle of its characters', async () => {
      const { received, peer } = await open();
      const text = '€🌊'.repeat(100);
      for (const fragmentSize of [1, 2, 5, 126, 4_096]) {
        peer.sendFragments(text, fragmentSize);
        expect(await received.take()).toBe(text);
      }
    });

    it('puts bytes together that the peer sends in many fragments', async () => {
      const { received, peer } = await open();
      const bytes = large.subarray(0, MiB);
      peer.sendFragments(bytes, 1_000);
      expectSame([await received.take()], [bytes]);
    });

    it('keeps whole messages and fragmented ones in order', async () => {
      const { received, peer } = await open();
      for (let index = 0; index < 100; index++) {
        peer.sendFragments(`fragmented ${String(index)}`, 3);
        peer.send(`whole ${String(index)}`);
      }
      const indices = Array.from({ length: 100 }, (_, index) => String(index));
      const order = indices.flatMap((index) => [`fragmented ${index}`, `whole ${index}`]);
      expect(await received.takeMany(200)).toEqual(order);
    });
  });
}

/** The messages, from us to the peer and from the peer to us. */
async function exchange({ ours, received, peer }: Link<Peer>, messages: readonly Message[]): Promise<void> {
  for (const message of messages) ours.send(message);
  expectSame(await peer.messages.takeMany(messages.length), messages);
  for (const message of messages) peer.send(message);
  expectSame(await received.takeMany(messages.length), messages);
}
