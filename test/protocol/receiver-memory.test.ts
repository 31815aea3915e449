import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Receiver } from '../../src/protocol/receiver.js';
import { BINARY, CLOSE, closePayload, CONTINUATION, frameBytes, KEY, PING, TEXT, type FrameFields } from './frame-bytes.js';
import { recordedReceiver, Recorder, render } from './recorder.js';

const KIB = 1024;
const MIB = 1024 * KIB;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const ends = [
  { end: 'a server', isServer: true, maskingKey: KEY },
  { end: 'a client', isServer: false, maskingKey: undefined },
];

/** A copy in memory of its own, as long as a chunk that a socket reads. */
function socketChunk(bytes: Buffer, at: 'start' | 'end' = 'start'): Buffer {
  const chunk = Buffer.alloc(64 * KIB);
  chunk.set(bytes, at === 'start' ? 0 : chunk.length - bytes.length);
  return chunk.subarray(at === 'start' ? 0 : chunk.length - bytes.length, at === 'start' ? bytes.length : chunk.length);
}

/** After this a WeakRef holds nothing that is not held otherwise. */
async function garbageCollected(): Promise<void> {
  // What a WeakRef was made for or has returned, it holds until the end of the job.
  await setImmediate();
  collectGarbage();
}

/** Counts the bytes that buffers are allocated for from now on. */
function countAllocations(): () => number {
  let allocated = 0;
  for (const name of ['allocUnsafeSlow', 'allocUnsafe', 'alloc'] as const) {
    const allocate = Buffer[name].bind(Buffer);
    vi.spyOn(Buffer, name).mockImplementation((size: number) => {
      allocated += size;
      return allocate(size);
    });
  }
  return () => allocated;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(ends)('Receiver of $end', ({ isServer, maskingKey }) => {
  const bytesOf = (...frames: FrameFields[]): Buffer =>
    Buffer.concat(frames.map((fields) => frameBytes({ maskingKey, ...fields })));

  const longText = `${'Watershed '.repeat(20)}€`;
  const waiting = bytesOf({ opcode: PING, payload: 'waiting' });

  /** Every state in which something has to wait: what was pushed, and what is pushed later. */
  const states: [name: string, early: Buffer, late: Buffer][] = (
    [
      ['the first byte of a header', waiting, 1],
      ['a header but for its last byte', waiting, isServer ? 5 : 1],
      ['a control frame without its end', waiting, waiting.length - 2],
      ['a message without its end', bytesOf({ opcode: TEXT, payload: longText }), 150],
      ['a fragment', bytesOf({ opcode: TEXT, payload: 'a', fin: false }, { opcode: CONTINUATION, payload: 'b' }), isServer ? 7 : 3],
    ] as const
  ).map(([name, bytes, end]) => [name, bytes.subarray(0, end), bytes.subarray(end)]);

  it.each(states)('neither changes nor reads again a chunk whose push has returned: it holds %s', (_, early, late) => {
    const whole = recordedReceiver({ isServer });
    whole.receiver.push(Buffer.concat([early, late]));
    for (const isStopped of [false, true]) {
      const { receiver, recorder } = recordedReceiver({ isServer });
      if (isStopped) receiver.stop();
      for (const bytes of [early, late]) {
        const chunk = Buffer.from(bytes);
        receiver.push(chunk);
        expect(chunk.equals(bytes)).toBe(true);
        chunk.fill(0xa5);
      }
      receiver.resume();
      expect(recorder.events).toHaveLength(1);
      expect(recorder.events).toEqual(whole.recorder.events);
    }
  });

  it.each(states)("lets go of a socket's buffer while it holds %s", async (_, early) => {
    const { receiver } = recordedReceiver({ isServer });
    const pushed = ((): WeakRef<ArrayBufferLike> => {
      const chunk = socketChunk(early, 'end');
      receiver.push(chunk);
      return new WeakRef(chunk.buffer);
    })();
    await garbageCollected();
    expect(pushed.deref()).toBeUndefined();
    // The receiver was there all the time.
    receiver.stop();
  });

  it("lets go of a socket's buffer while it is stopped", async () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    receiver.stop();
    const pushed = ((): WeakRef<ArrayBufferLike> => {
      const chunk = socketChunk(waiting);
      receiver.push(chunk);
      return new WeakRef(chunk.buffer);
    })();
    await garbageCollected();
    expect(pushed.deref()).toBeUndefined();
    receiver.resume();
    expect(recorder.events).toEqual([['ping', Buffer.from('waiting')]]);
  });

  it("delivers payloads in memory that is not the socket's, and stays as it was delivered", () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    const chunk = socketChunk(
      bytesOf(
        { opcode: BINARY, payload: 'binary' },
        { opcode: PING, payload: 'ping' },
        { opcode: BINARY, payload: 'frag', fin: false },
        { opcode: CONTINUATION, payload: 'ments' },
      ),
    );
    receiver.push(chunk);
    const delivered = recorder.events.map(([, value]) => value as Buffer);
    chunk.fill(0xa5);
    receiver.push(bytesOf({ opcode: BINARY, payload: Buffer.alloc(300, 0xff) }, { opcode: TEXT, payload: longText }));
    expect(delivered.map(String)).toEqual(['binary', 'ping', 'fragments']);
    for (const { buffer } of delivered) {
      expect(buffer).not.toBe(chunk.buffer);
      expect(buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
    }
  });

  it('leaves messages of 1 to 16 KiB in a chunk that is its own, and copies the others', () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    const sizes = [1023, 1024, 5000, 16_383, 16_384];
    const payloads = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    const chunk = socketChunk(bytesOf(...payloads.map((payload) => ({ opcode: BINARY, payload }))));
    receiver.push(chunk, true);
    const delivered = recorder.events.map(([, value]) => value as Buffer);
    expect(delivered.every((data, index) => data.equals(payloads[index] as Buffer))).toBe(true);
    expect(delivered.map(({ buffer }) => buffer === chunk.buffer)).toEqual([false, true, true, true, false]);
    // Whoever transfers one of them must not take the others along.
    try {
      structuredClone(delivered[1], { transfer: [chunk.buffer as ArrayBuffer] });
    } catch {
      // Newer versions of Node say so, older ones copy.
    }
    expect(delivered[1]?.equals(payloads[1] as Buffer)).toBe(true);
  });

  it.each([
    ['binary', BINARY],
    ['text', TEXT],
  ])('keeps the large parts of a %s message in chunks of its own, and no chunk for a small part', async (_, opcode) => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    const payload = Buffer.alloc(400 * KIB, 'Watershed');
    const sizes = [64, 64, 2, 64, 15, 64].map((kib) => kib * KIB);
    const bytes = bytesOf({ opcode, payload });
    const pushed: WeakRef<ArrayBufferLike>[] = [];
    let end = 0;
    for (const size of sizes) {
      const chunk = socketChunk(bytes.subarray(end, (end += size)));
      pushed.push(new WeakRef(chunk.buffer));
      receiver.push(chunk, true);
    }
    await garbageCollected();
    expect(pushed.map((reference) => reference.deref() !== undefined)).toContain(true);
    expect(pushed[2]?.deref()).toBeUndefined();
    expect(pushed[4]?.deref()).toBeUndefined();
    receiver.push(Buffer.from(bytes.subarray(end)), true);
    expect(render(recorder.events)).toEqual([`${opcode === TEXT ? 'text' : 'binary'} ${payload.toString()}`]);
  });

  it('fails as soon as a part of a text that it keeps is not UTF-8', () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    const payload = Buffer.alloc(200 * KIB, 'Watershed');
    payload[30 * KIB] = 0xff;
    receiver.push(socketChunk(bytesOf({ opcode: TEXT, payload }).subarray(0, 64 * KIB)), true);
    expect(recorder.error.code).toBe('WATERSHED_INVALID_UTF8');
  });

  it('delivers a message of one part that it has kept in memory of its own', () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    const payload = Buffer.alloc(20 * KIB, 'Watershed');
    const chunk = socketChunk(bytesOf({ opcode: BINARY, payload, fin: false }, { opcode: CONTINUATION, payload: '' }));
    receiver.push(chunk, true);
    const delivered = recorder.events[0]?.[1] as Buffer;
    expect(delivered.equals(payload)).toBe(true);
    expect(delivered.buffer).not.toBe(chunk.buffer);
  });

  it('allocates what arrives, not what is announced', () => {
    for (const fin of [true, false]) {
      for (const opcode of [TEXT, BINARY]) {
        const { receiver, recorder } = recordedReceiver({ isServer });
        const before = process.memoryUsage().arrayBuffers;
        const bytes = bytesOf({ opcode, fin, announcedLength: BigInt(60 * MIB), payload: Buffer.alloc(200, 'x') });
        receiver.push(bytes.subarray(0, 100));
        receiver.push(bytes.subarray(100));
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
        expect(recorder.events).toEqual([]);
      }
    }
  });

  it('never reserves more than twice what has come of a message, when it has to be copied', () => {
    const { receiver } = recordedReceiver({ isServer });
    const total = 32 * MIB;
    const header = bytesOf({ opcode: BINARY, announcedLength: BigInt(total), payload: '' });
    const before = process.memoryUsage().arrayBuffers;
    receiver.push(header, true);
    const chunk = Buffer.alloc(10_000, 'x');
    for (let come = chunk.length; come < total / 2 - chunk.length; come += chunk.length) {
      receiver.push(chunk, true);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * come + 4 * MIB);
    }
  });

  it.each([
    ['a CLOSE comes', bytesOf({ opcode: CLOSE, payload: closePayload(1000) })],
    ['it fails', bytesOf({ opcode: PING, rsv: 7 })],
  ])('lets go of the message that it is putting together when %s', async (_, end) => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    const allocate = Buffer.allocUnsafeSlow.bind(Buffer);
    const allocated: WeakRef<Buffer>[] = [];
    const spy = vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation((size) => {
      const buffer = allocate(size);
      allocated.push(new WeakRef(buffer));
      return buffer;
    });
    receiver.push(bytesOf({ opcode: BINARY, payload: Buffer.alloc(100 * KIB), fin: false }));
    // The spy remembers what it returned.
    spy.mockClear();
    await garbageCollected();
    expect(allocated.map((reference) => reference.deref()?.length)).toEqual([100 * KIB]);

    receiver.push(end);
    expect(recorder.events).toHaveLength(1);
    await garbageCollected();
    expect(allocated.map((reference) => reference.deref()?.length)).toEqual([undefined]);
    // The receiver was there all the time.
    receiver.push(end);
  });

  it('joins 65,537 fragments of 64 bytes with allocations in proportion to the message', () => {
    const count = 65_537;
    const { receiver, recorder } = recordedReceiver({ isServer });
    const payload = Buffer.alloc(64, 'Watershed');
    const first = bytesOf({ opcode: TEXT, payload, fin: false });
    const middle = bytesOf({ opcode: CONTINUATION, payload, fin: false });
    const last = bytesOf({ opcode: CONTINUATION, payload });

    const allocated = countAllocations();
    receiver.push(first);
    for (let index = 2; index < count; index++) receiver.push(middle);
    receiver.push(last);

    const total = count * 64;
    expect(recorder.events).toHaveLength(1);
    expect(recorder.events[0]?.[1]).toBe(payload.toString().repeat(count));
    // Doubling allocates at most twice the last size in all, and that is at most twice the message.
    expect(allocated()).toBeGreaterThanOrEqual(total);
    expect(allocated()).toBeLessThanOrEqual(4 * total);
  });

  it('joins a large message from small chunks with allocations in proportion to the message', () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    const payload = Buffer.alloc(4 * MIB + 1, 'Watershed');
    const bytes = bytesOf({ opcode: BINARY, payload });
    const allocated = countAllocations();
    for (let offset = 0; offset < bytes.length; offset += 1000) receiver.push(bytes.subarray(offset, offset + 1000));

    const delivered = recorder.events[0]?.[1] as Buffer;
    expect(allocated()).toBeGreaterThanOrEqual(payload.length);
    expect(allocated()).toBeLessThanOrEqual(4 * payload.length);
    expect(delivered.equals(payload)).toBe(true);
    // The last frame says how long the message is: nothing is reserved beyond it.
    expect(delivered.buffer.byteLength).toBe(payload.length);
  });

  it.each([
    ['keeps the rest of a chunk of its own where it is', 'most of it', 1_000, true, true],
    ['copies the rest of a chunk of its own', 'the smaller part of it', 4_000, true, false],
    ['copies the rest of a chunk of somebody else', 'most of it', 1_000, false, false],
  ])('%s when it is %s, while it is stopped', (_what, _part, first, isOwn, isView) => {
    const recorder: Recorder = new Recorder(() => { receiver.stop(); });
    const receiver = new Receiver(recorder, { isServer, maxPayload: MIB, maxFragments: 1 });
    const payload = Buffer.alloc(2_000, 'Watershed');
    const chunk = socketChunk(bytesOf({ opcode: TEXT, payload: 'a'.repeat(first) }, { opcode: BINARY, payload }));
    receiver.push(chunk, isOwn);
    expect(recorder.events).toHaveLength(1);
    receiver.resume();
    const delivered = recorder.events[1]?.[1] as Buffer;
    expect(delivered.equals(payload)).toBe(true);
    expect(delivered.buffer === chunk.buffer).toBe(isView);
  });

  it('gives out frame by frame what came while it was stopped, and does not copy the rest for each', () => {
    const pings = 5000;
    const backlog = bytesOf(...Array.from({ length: pings }, () => ({ opcode: PING, payload: 'ping' })));
    const recorder: Recorder = new Recorder(() => {
      receiver.stop();
    });
    const receiver = new Receiver(recorder, { isServer, maxPayload: 100, maxFragments: 1 });
    receiver.stop();
    receiver.push(backlog);
    const copy = vi.spyOn(Buffer, 'from');
    const concat = vi.spyOn(Buffer, 'concat');
    for (let resumed = 1; resumed <= pings; resumed++) {
      receiver.resume();
      expect(recorder.events).toHaveLength(resumed);
    }
    const copied = [...copy.mock.results, ...concat.mock.results].reduce(
      (sum, { value }) => sum + (value as Buffer).length,
      0,
    );
    expect(copied).toBeLessThan(backlog.length);
  });

  it('never reserves more for fragments than maxPayload', () => {
    const { receiver, recorder } = recordedReceiver({ isServer, maxPayload: 10_000 });
    receiver.push(
      bytesOf(
        { opcode: BINARY, payload: Buffer.alloc(6000), fin: false },
        { opcode: CONTINUATION, payload: Buffer.alloc(3000), fin: false },
        { opcode: CONTINUATION, payload: Buffer.alloc(500) },
      ),
    );
    const delivered = recorder.events[0]?.[1] as Buffer;
    expect(delivered).toHaveLength(9500);
    expect(delivered.buffer.byteLength).toBeLessThanOrEqual(10_000);
  });
});
