import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { constants, deflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type DeflateDirection, Deflater, Inflater, SYNC_DEFLATE } from '../../src/protocol/permessage-deflate.js';
import { distancesIn } from './deflate-stream.js';
import { StreamingDeflater, StreamingInflater, type StreamingOptions } from './streaming-codec.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const SYNC_FLUSH = { finishFlush: constants.Z_SYNC_FLUSH };
const SETTINGS = { level: -1, memLevel: 8 };
const TAKEOVER = { noContextTakeover: false, windowBits: 15 };
const NO_TAKEOVER = { noContextTakeover: true, windowBits: 15 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const directions: DeflateDirection[] = [8, 9, 10, 11, 12, 13, 14, 15].flatMap((windowBits) => [
  { windowBits, noContextTakeover: false },
  { windowBits, noContextTakeover: true },
]);

/** Pseudo-random integers below a limit: the same for every run. */
function randomIntegers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Messages of many lengths, of noise, of words, of repetitions, and of what others had in them: distances of all sizes. */
function messages(count: number, seed: number): Buffer[] {
  const random = randomIntegers(seed);
  const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));
  const words = Array.from({ length: 60 }, () => noise(2 + random(9)).toString('hex'));
  const all: Buffer[] = [];
  const makers = [
    (length: number) => noise(Math.min(length, 5 * KIB)),
    (length: number) => Buffer.alloc(length, noise(1 + random(300))),
    (length: number) => Buffer.from(Array.from({ length: length >> 3 }, () => words[random(60)]).join(' ')),
    (length: number) => Buffer.concat(all.slice(-1 - random(8))).subarray(0, length),
  ];
  for (let index = 0; index < count; index++) {
    const length = random(12) === 0 ? random(70 * KIB) : random(2 ** (1 + random(13)));
    all.push((makers[random(makers.length)] as (length: number) => Buffer)(length));
  }
  return all;
}

function deflate(deflater: Deflater, data: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflater.deflate(data, (error, payload) => {
      if (error === undefined) resolve(payload);
      else reject(error);
    });
  });
}

/** What an inflater makes of a payload; a promise that rejects stands for the error that it reports. */
function inflate(inflater: Inflater, payload: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflater.inflate(payload, (error, data) => {
      if (error === undefined) resolve(data);
      else reject(error);
    });
  });
}

const codecs: (StreamingDeflater | StreamingInflater)[] = [];
afterEach(() => {
  for (const codec of codecs.splice(0)) codec.close();
});

function peerDeflater(options: StreamingOptions): StreamingDeflater {
  const deflater = new StreamingDeflater(options);
  codecs.push(deflater);
  return deflater;
}

function peerInflater(options: StreamingOptions): StreamingInflater {
  const inflater = new StreamingInflater(options);
  codecs.push(inflater);
  return inflater;
}

/** A raw DEFLATE stream that ends by a final block. */
function finished(data: Uint8Array, dictionary?: Buffer): Buffer {
  return deflateRawSync(data, dictionary === undefined ? {} : { dictionary });
}

/** One message's payload as section 7.2.1 makes it. */
function flushed(data: Uint8Array): Buffer {
  return deflateRawSync(data, SYNC_FLUSH).subarray(0, -4);
}

const corrupt = { name: 'ProtocolError', code: 'WATERSHED_INVALID_COMPRESSION', closeCode: 1007 };
const tooBig = { name: 'ProtocolError', code: 'WATERSHED_MESSAGE_TOO_BIG', closeCode: 1009 };

describe.each(directions)('with $windowBits window bits (noContextTakeover: $noContextTakeover)', (direction) => {
  const { windowBits, noContextTakeover } = direction;

  it('a zlib stream inflates what the Deflater makes, at once or in the pool, with unsent ones in between', async () => {
    const random = randomIntegers(windowBits);
    const deflater = new Deflater(direction, SETTINGS);
    const inflater = peerInflater(direction);
    for (const message of messages(300, windowBits)) {
      const isSync = message.length <= SYNC_DEFLATE && random(8) > 0;
      const payload = isSync ? deflater.deflateSync(message) : await deflate(deflater, message);
      // Some are sent uncompressed after all, and the peer has never seen them.
      if (random(6) === 0) continue;
      deflater.remember(message);
      expect((await inflater.inflate(payload)).equals(message)).toBe(true);
    }
  });

  it('the Inflater inflates what a zlib stream makes', async () => {
    const inflater = new Inflater(direction, MIB);
    const deflater = peerDeflater(direction);
    for (const message of messages(300, windowBits + 100)) {
      expect((await inflate(inflater, await deflater.deflate(message))).equals(message)).toBe(true);
    }
  });

  it('no distance is longer than the window', async () => {
    const deflater = new Deflater(direction, SETTINGS);
    let longest = 0;
    for (const message of messages(80, windowBits + 200)) {
      const payload = await deflate(deflater, message);
      deflater.remember(message);
      const distances = distancesIn(Buffer.concat([payload, Buffer.from([0x00, 0x00, 0xff, 0xff])]));
      for (const distance of distances) longest = Math.max(longest, distance);
      if (noContextTakeover) for (const distance of distances) expect(distance).toBeLessThan(message.length);
    }
    // zlib stays 262 bytes away from the end of its window, and that of 9 bits serves for 8.
    expect(longest).toBeLessThanOrEqual(2 ** Math.max(windowBits, 9) - 262);
    expect(longest).toBeGreaterThan(2 ** Math.max(windowBits, 9) / 3);
  });
});

describe('Deflater', () => {
  it('refers to the messages before, unless they are to be left out', () => {
    const message = randomBytes(1000);
    const lengths = [TAKEOVER, NO_TAKEOVER].map((direction) => {
      const deflater = new Deflater(direction, SETTINGS);
      return [0, 1].map(() => {
        const payload = deflater.deflateSync(message);
        deflater.remember(message);
        return payload.length;
      });
    });
    const [[first = 0, second = 0] = [], [alone = 0, again = 0] = []] = lengths;
    expect(second).toBeLessThan(first / 4);
    expect([alone, again]).toEqual([first, first]);
  });

  it('is understood when its output ends about where the buffer of the pool does', async () => {
    const deflater = new Deflater(NO_TAKEOVER, SETTINGS);
    const inflater = peerInflater(NO_TAKEOVER);
    const noise = randomBytes(16 * KIB);
    const lengths = new Set<number>();
    for (let length = 16 * KIB - 40; length <= 16 * KIB; length++) {
      const payload = await deflate(deflater, noise.subarray(0, length));
      lengths.add(payload.length);
      expect((await inflater.inflate(payload)).equals(noise.subarray(0, length))).toBe(true);
    }
    // The buffer has 16 KiB, and its last four octets are not sent.
    expect(Math.min(...lengths)).toBeLessThan(16 * KIB - 4);
    expect(Math.max(...lengths)).toBeGreaterThan(16 * KIB - 4);
  });

  it('finds as much in the windows and tables that it sets up as in the largest', () => {
    const all = messages(60, 23).map((message) => message.subarray(0, SYNC_DEFLATE));
    for (const direction of [TAKEOVER, NO_TAKEOVER]) {
      const deflater = new Deflater(direction, { level: 6, memLevel: 8 });
      let dictionary = Buffer.alloc(0);
      let sum = 0;
      let least = 0;
      for (const message of all) {
        sum += deflater.deflateSync(message).length;
        least += deflateRawSync(message, { ...SYNC_FLUSH, level: 6, memLevel: 8, dictionary }).length - 4;
        deflater.remember(message);
        if (!direction.noContextTakeover) dictionary = Buffer.concat([dictionary, message]).subarray(-2 * KIB);
      }
      // A smaller table makes a few more blocks.
      expect(sum / least).toBeLessThan(1.01);
      expect(sum / least).toBeGreaterThan(0.99);
    }
  });

  it('uses the level and the memLevel that it is told', () => {
    const text = Buffer.from(Array.from({ length: 900 }, (_, index) => (index * index).toString(36)).join(' '));
    const length = (level: number, memLevel: number): number =>
      new Deflater(NO_TAKEOVER, { level, memLevel }).deflateSync(text).length;
    expect(length(0, 8)).toBeGreaterThan(text.length);
    expect(length(9, 8)).toBeLessThan(length(1, 8));
    expect(length(6, 8)).not.toBe(length(6, 1));
  });

  it('does not refer to a message that was not sent compressed', () => {
    const deflater = new Deflater(TAKEOVER, SETTINGS);
    const message = Buffer.from('never sent '.repeat(3));
    expect(deflater.deflateSync(message)).toEqual(deflater.deflateSync(message));
  });

  it('makes an empty message one octet, as section 7.2.3.6 does', async () => {
    const deflater = new Deflater(TAKEOVER, SETTINGS);
    expect(deflater.deflateSync(Buffer.alloc(0))).toEqual(Buffer.from([0x00]));
    deflater.remember(Buffer.alloc(0));
    deflater.remember(Buffer.from('abc'));
    expect(await deflate(deflater, Buffer.alloc(0))).toEqual(Buffer.from([0x00]));
  });

  it.each([
    ['level 0', { level: 0, memLevel: 8 }],
    ['level 1', { level: 1, memLevel: 8 }],
    ['level 9', { level: 9, memLevel: 8 }],
    ['memLevel 1', { level: -1, memLevel: 1 }],
    ['memLevel 9', { level: -1, memLevel: 9 }],
  ])('compresses with %s', async (_, settings) => {
    const deflater = new Deflater(TAKEOVER, settings);
    const inflater = peerInflater(TAKEOVER);
    for (const message of messages(40, 3)) {
      const payload = await deflate(deflater, message);
      deflater.remember(message);
      expect((await inflater.inflate(payload)).equals(message)).toBe(true);
    }
  });

  it("is understood when zlib's output ends exactly where its buffer does, and the flush comes twice", async () => {
    const noise = messages(400, 11).reduce((all, message) => Buffer.concat([all, finished(message)]), Buffer.alloc(0));
    const deflater = new Deflater(NO_TAKEOVER, SETTINGS);
    const inflater = peerInflater(NO_TAKEOVER);
    const ownInflater = new Inflater(NO_TAKEOVER, MIB);
    let repeated = 0;
    for (let length = 16_340; length <= 16_400; length++) {
      const message = noise.subarray(0, length);
      const payload = await deflate(deflater, message);
      if (payload.subarray(-5).equals(Buffer.from([0x00, 0x00, 0xff, 0xff, 0x00]))) repeated++;
      expect((await inflater.inflate(payload)).equals(message)).toBe(true);
      expect((await inflate(ownInflater, payload)).equals(message)).toBe(true);
    }
    expect(repeated).toBeGreaterThan(0);
  });
});

describe('Inflater', () => {
  it('takes an empty message, and one of empty blocks alone', async () => {
    const inflater = new Inflater(TAKEOVER, MIB);
    expect(await inflate(inflater, Buffer.from([0x00]))).toHaveLength(0);
    // Fixed Huffman, empty: "03 00" but for the final bit, and the header of the block that is left out.
    expect(await inflate(inflater, Buffer.from([0x02, 0x00]))).toHaveLength(0);
    const emptyBlock = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);
    expect(await inflate(inflater, Buffer.concat([emptyBlock, emptyBlock, Buffer.from([0x00])]))).toHaveLength(0);
  });

  it.each([1, 2, 50])('takes a message that ends in %i empty blocks more', async (count) => {
    const inflater = new Inflater(TAKEOVER, MIB);
    const emptyBlocks = Buffer.concat(Array.from({ length: count }, () => Buffer.from([0, 0, 0xff, 0xff, 0])));
    for (const text of ['Hello', 'Hello again']) {
      const payload = Buffer.concat([flushed(Buffer.from(text)), emptyBlocks]);
      expect((await inflate(inflater, payload)).toString()).toBe(text);
    }
  });

  it.each([
    ['compressed (section 7.2.3.1)', 'f248cdc9c90700'],
    ['without compression (section 7.2.3.3)', '000500faff48656c6c6f00'],
    ['in a final block (section 7.2.3.4)', 'f348cdc9c9070000'],
    ['in two blocks (section 7.2.3.5)', 'f248050000 00ffffcac9c90700'.replace(' ', '')],
  ])('reads the Hello of the RFC, %s', async (_, hex) => {
    expect((await inflate(new Inflater(TAKEOVER, MIB), Buffer.from(hex, 'hex'))).toString()).toBe('Hello');
  });

  it('reads the second Hello of section 7.2.3.2, which refers to the first', async () => {
    const inflater = new Inflater(TAKEOVER, MIB);
    await inflate(inflater, Buffer.from('f248cdc9c90700', 'hex'));
    expect((await inflate(inflater, Buffer.from('f200110000', 'hex'))).toString()).toBe('Hello');
    await expect(inflate(new Inflater(NO_TAKEOVER, MIB), Buffer.from('f200110000', 'hex'))).rejects.toMatchObject(
      corrupt,
    );
  });

  it('has no history without context takeover: what refers to an earlier message cannot be inflated', async () => {
    const inflater = new Inflater(NO_TAKEOVER, MIB);
    await inflate(inflater, Buffer.from('f248cdc9c90700', 'hex'));
    await expect(inflate(inflater, Buffer.from('f200110000', 'hex'))).rejects.toMatchObject(corrupt);
  });

  it('goes on behind final blocks, with all that came before as its history', async () => {
    const inflater = new Inflater(TAKEOVER, MIB);
    const texts = ['the first part, ', 'the first part and the second, ', 'the third part and the second'];
    const payload = Buffer.concat([
      finished(Buffer.from(texts[0] ?? '')),
      finished(Buffer.from(texts[1] ?? ''), Buffer.from(texts[0] ?? '')),
      deflateRawSync(Buffer.from(texts[2] ?? ''), {
        dictionary: Buffer.from(texts.slice(0, 2).join('')),
        ...SYNC_FLUSH,
      }).subarray(0, -4),
    ]);
    expect((await inflate(inflater, payload)).toString()).toBe(texts.join(''));
    const next = deflateRawSync(Buffer.from(texts[2] ?? ''), {
      dictionary: Buffer.from(texts.join('')),
      ...SYNC_FLUSH,
    }).subarray(0, -4);
    expect((await inflate(inflater, next)).toString()).toBe(texts[2]);
  });

  it('goes on behind a final block of a message that the pool inflates', async () => {
    const inflater = new Inflater(TAKEOVER, MIB);
    const long = messages(200, 5).reduce((all, message) => Buffer.concat([all, message])).subarray(0, 300 * KIB);
    const payload = Buffer.concat([finished(long), finished(Buffer.from('end')), Buffer.from([0x00])]);
    expect(payload.length).toBeGreaterThan(8 * KIB);
    const whole = await inflate(inflater, payload);
    expect(whole.equals(Buffer.concat([long, Buffer.from('end')]))).toBe(true);
  });

  it('takes 64 final blocks and not 65: nobody needs more than one', async () => {
    const blocks = (count: number): Buffer =>
      Buffer.concat([...Array.from({ length: count }, () => finished(Buffer.from('ab'))), Buffer.from([0x00])]);
    expect((await inflate(new Inflater(TAKEOVER, MIB), blocks(64))).toString()).toBe('ab'.repeat(64));
    await expect(inflate(new Inflater(TAKEOVER, MIB), blocks(65))).rejects.toMatchObject({
      ...corrupt,
      message:
        'RFC 7692 section 7.2.2: the compressed message cannot be inflated: more final blocks than anybody needs',
    });
    await expect(inflate(new Inflater(TAKEOVER, MIB), blocks(4000))).rejects.toMatchObject(corrupt);
  });

  it.each([
    ['the reserved block type', '06'],
    ['a stored block whose length is wrong', '000500fafe48656c6c6f00'],
    ['a stored block that is cut off', '000500faff4865'],
    ['something behind the final block', 'f348cdc9c90700ff'],
    ['a final block without the octet that RFC 7692 section 7.2.3.4 puts behind it', 'f348cdc9c90700'],
    ['the four octets that are to be left out', 'f248cdc9c907000000ffff'],
  ])('fails %s with 1007, at once and in the pool', async (_, hex) => {
    const payload = Buffer.from(hex, 'hex');
    await expect(inflate(new Inflater(TAKEOVER, MIB), payload)).rejects.toMatchObject(corrupt);
    const long = Buffer.concat([deflateRawSync(randomBytes(10 * KIB), SYNC_FLUSH), payload]);
    await expect(inflate(new Inflater(TAKEOVER, MIB), long)).rejects.toMatchObject(corrupt);
  });

  it('says what is wrong with a message, and what the limit is', async () => {
    await expect(inflate(new Inflater(TAKEOVER, MIB), Buffer.from([0x06]))).rejects.toMatchObject({
      ...corrupt,
      message: 'RFC 7692 section 7.2.2: the compressed message cannot be inflated: invalid block type',
    });
    await expect(inflate(new Inflater(TAKEOVER, 10), flushed(Buffer.alloc(11)))).rejects.toMatchObject({
      ...tooBig,
      message: 'maxPayload: a message may have at most 10 bytes, this one inflates to more (RFC 6455 section 10.4)',
    });
  });

  it.each([
    ['a distance before the beginning', 'f200110000'],
    ['a payload of no octets, which is not an empty message', ''],
  ])('fails %s with 1007', async (_, hex) => {
    await expect(inflate(new Inflater(TAKEOVER, MIB), Buffer.from(hex, 'hex'))).rejects.toMatchObject(corrupt);
  });

  it('never throws and never gives more than was in it, wherever a message is cut off or spoilt', async () => {
    const message = Buffer.from(Array.from({ length: 300 }, (_, index) => `${String(index * index)} `).join(''));
    const payload = flushed(message);
    const outcomes = new Set<string>();
    for (let end = 0; end < payload.length; end++) {
      const spoilt = Buffer.from(payload);
      spoilt[end] = (spoilt[end] ?? 0) ^ (1 << (end & 7));
      for (const bytes of [payload.subarray(0, end), spoilt]) {
        const outcome = await inflate(new Inflater(TAKEOVER, 10 * KIB), bytes).then(
          () => 'inflated',
          (error: unknown) => (error as { code: string }).code,
        );
        outcomes.add(outcome);
        if (bytes !== spoilt) expect(outcome).toBe('WATERSHED_INVALID_COMPRESSION');
      }
    }
    expect([...outcomes].sort()).toEqual(expect.arrayContaining(['WATERSHED_INVALID_COMPRESSION', 'inflated']));
  });

  it.each([
    ['at once', 1000],
    ['at once, at the most that is inflated at once', 64 * KIB],
    ['in the pool, because it becomes long', 64 * KIB + 1],
    ['in the pool, because it becomes very long', 10 * MIB],
  ])('gives a message of maxPayload bytes, and fails one more with 1009: %s', async (_, maxPayload) => {
    const message = Buffer.alloc(maxPayload + 1, 'abcdefg');
    const [fits, exceeds] = [flushed(message.subarray(1)), flushed(message)];
    expect(await inflate(new Inflater(TAKEOVER, maxPayload), fits)).toHaveLength(maxPayload);
    await expect(inflate(new Inflater(TAKEOVER, maxPayload), exceeds)).rejects.toMatchObject({
      ...tooBig,
      message: expect.stringContaining(`at most ${String(maxPayload)} bytes`) as unknown,
    });
  });

  it('gives a message of maxPayload bytes, and fails one more with 1009: in the pool, because it is long', async () => {
    const noise = Buffer.concat(messages(60, 13).map((message) => finished(message))).subarray(0, 20 * KIB);
    expect(await inflate(new Inflater(TAKEOVER, noise.length), flushed(noise))).toHaveLength(noise.length);
    await expect(inflate(new Inflater(TAKEOVER, noise.length - 1), flushed(noise))).rejects.toMatchObject(tooBig);
  });

  it('counts what stands before and behind a final block together', async () => {
    const payload = Buffer.concat([finished(Buffer.alloc(600)), flushed(Buffer.alloc(400))]);
    expect(await inflate(new Inflater(TAKEOVER, 1000), payload)).toHaveLength(1000);
    await expect(inflate(new Inflater(TAKEOVER, 999), payload)).rejects.toMatchObject(tooBig);
    const full = Buffer.concat([finished(Buffer.alloc(1000)), Buffer.from([0x00])]);
    expect(await inflate(new Inflater(TAKEOVER, 1000), full)).toHaveLength(1000);
    await expect(
      inflate(new Inflater(TAKEOVER, 1000), Buffer.concat([finished(Buffer.alloc(1000)), flushed(Buffer.from('a'))])),
    ).rejects.toMatchObject(tooBig);
  });

  it('lets an empty message alone through when maxPayload is 0', async () => {
    expect(await inflate(new Inflater(TAKEOVER, 0), Buffer.from([0x00]))).toHaveLength(0);
    await expect(inflate(new Inflater(TAKEOVER, 0), flushed(Buffer.from('a')))).rejects.toMatchObject(tooBig);
  });

  it('cuts a gigabyte that came in a few kilobytes off at maxPayload', async () => {
    const block = deflateRawSync(Buffer.alloc(32 * MIB), { level: 9, ...SYNC_FLUSH });
    const bomb = Buffer.concat(Array.from({ length: 32 }, () => block)).subarray(0, -4);
    const before = process.memoryUsage().rss;
    await expect(inflate(new Inflater(TAKEOVER, MIB), bomb)).rejects.toMatchObject(tooBig);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
  });

  it('keeps a copy of its history, so that the receiver of a message may change it', async () => {
    const inflater = new Inflater(TAKEOVER, MIB);
    const message = randomBytes(40 * KIB);
    const delivered = await inflate(inflater, flushed(message));
    delivered.fill('x');
    const dictionary = message.subarray(-32 * KIB);
    const next = deflateRawSync(message.subarray(-100), { dictionary, ...SYNC_FLUSH }).subarray(0, -4);
    expect(next.length).toBeLessThan(20);
    expect(await inflate(inflater, next)).toEqual(message.subarray(-100));
  });
});

describe('between two messages', () => {
  /** Whether the memory that `use` has handed out is gone, though the codec is still there. */
  async function isFreed(use: () => Promise<Uint8Array>): Promise<boolean> {
    // Newer versions of Node inflate into the pool of Buffer, which is held whatever we do.
    const poolLength = Buffer.allocUnsafe(1).buffer.byteLength;
    const isPooled = (bytes: Uint8Array): boolean => bytes.buffer.byteLength === poolLength;
    const handedOut = await use().then((bytes) => (isPooled(bytes) ? undefined : new WeakRef(bytes.buffer)));
    // What a WeakRef was made for it holds until the end of the job, and what zlib has used until its stream is closed.
    for (let turn = 0; turn < 10 && handedOut?.deref() !== undefined; turn++) {
      await setImmediate();
      collectGarbage();
    }
    return handedOut?.deref() === undefined;
  }

  it('the Inflater does not hold the memory that a message came in, nor that which zlib inflated it into', async () => {
    const inflater = new Inflater(TAKEOVER, MIB);
    for (const length of [100, 20 * KIB]) {
      for (const isInput of [true, false]) {
        const use = async (): Promise<Uint8Array> => {
          const payload = Buffer.from(Uint8Array.from(flushed(randomBytes(length))).buffer);
          const message = await inflate(inflater, payload);
          return isInput ? payload : message;
        };
        expect(await isFreed(use)).toBe(true);
      }
    }
    expect(await inflate(inflater, Buffer.from([0x00]))).toHaveLength(0);
  });

  it('the Deflater does not hold the memory of a message, nor that which zlib compressed it into', async () => {
    const deflater = new Deflater(TAKEOVER, SETTINGS);
    for (const length of [100, 20 * KIB]) {
      for (const isInput of [true, false]) {
        const use = async (): Promise<Uint8Array> => {
          const message = Buffer.from(new ArrayBuffer(length));
          const payload = await deflate(deflater, message);
          deflater.remember(message);
          return isInput ? message : payload;
        };
        expect(await isFreed(use)).toBe(true);
      }
    }
    expect(deflater.deflateSync(Buffer.alloc(100)).length).toBeLessThan(10);
  });
});
