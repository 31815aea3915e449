/**
 * Which way bytes take, watched at the doors of the fast paths. All ways give the same, so that one that is not taken any
 * more shows in no other test; how much each gives is measured by the benchmarks.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type FrameScanner, frameScanner, SCAN_CAPACITY } from '../../src/protocol/frame-scanner.js';
import { mask } from '../../src/protocol/masking.js';
import { isShared } from '../../src/protocol/payload-memory.js';
import { decodeUtf8, encodeUtf8 } from '../../src/protocol/text.js';
import { BINARY, CONTINUATION, frameBytes, type FrameFields, KEY, PING, TEXT } from './frame-bytes.js';
import { inOwnMemory, recordedReceiver } from './recorder.js';

afterEach(() => { vi.restoreAllMocks(); });

function scanner(): FrameScanner {
  const made = frameScanner();
  if (made === undefined) throw new Error('there is no WebAssembly here');
  return made;
}

/** The encodings of all strings that are made meanwhile. */
function encodingsUsed(action: () => void): unknown[] {
  const toString = vi.spyOn(Buffer.prototype, 'toString');
  action();
  const used = toString.mock.calls.map(([encoding]) => encoding);
  toString.mockRestore();
  return used;
}

const isPlatformSlow = Number.parseInt(process.versions.node) < 24;

describe('decoding UTF-8', () => {
  it.each([
    [1, 'é', 1, ['utf16le']],
    [2046, 'é', 1, ['utf16le']],
    [2047, 'a', 1, ['latin1']],
    [2048, 'a', 0, ['latin1']],
    [2048, 'é', 0, ['utf16le']],
    [70_000, 'a', 0, ['latin1']],
    [70_000, 'é', 0, ['utf16le']],
  ])('of %i bytes of %s is done by WebAssembly where it is short, and by way of UTF-16 or Latin-1', (length, character, calls, encodings) => {
    const decode = vi.spyOn(scanner(), 'decode');
    const text = character.repeat(Math.max(1, length / Buffer.byteLength(character)));
    const bytes = Buffer.from(`-${text}-`);
    let decoded: string | undefined;
    const used = encodingsUsed(() => { decoded = decodeUtf8(bytes, 1, bytes.length - 1); });
    expect(decoded === text).toBe(true);
    expect(decode).toHaveBeenCalledTimes(isPlatformSlow ? calls : 0);
    // From Node 24 on the platform is as fast.
    expect(used).toEqual(isPlatformSlow ? encodings : [undefined]);
  });
});

describe('encoding UTF-8', () => {
  it('goes by way of one buffer of UTF-16 up to 64 KiB, and of one of its own above', () => {
    const from = vi.spyOn(Buffer, 'from');
    encodeUtf8('水'.repeat(32 * 1024));
    expect(from).not.toHaveBeenCalled();
    encodeUtf8('水'.repeat(32 * 1024 + 1));
    expect(from).toHaveBeenCalledTimes(1);
  });
});

describe('masking', () => {
  it.each([
    [255, 0],
    [256, 1],
    [100_000, 1],
  ])('of %i bytes is done by WebAssembly where it is long', (length, calls) => {
    const byWasm = vi.spyOn(scanner(), 'mask');
    mask(Buffer.alloc(length), 0, length, Buffer.alloc(length), 0, 0x01020304, 0);
    expect(byWasm).toHaveBeenCalledTimes(calls);
  });
});

describe.each([
  { end: 'a server', isServer: true, maskingKey: KEY, header: 6 },
  { end: 'a client', isServer: false, maskingKey: undefined, header: 2 },
])('the receiver of $end', ({ isServer, maskingKey, header }) => {
  const bytesOf = (...frames: FrameFields[]): Buffer =>
    Buffer.concat(frames.map((fields) => frameBytes({ maskingKey, ...fields })));
  const text = (length: number): FrameFields => ({ opcode: TEXT, payload: 'a'.repeat(length) });
  const binary = (length: number): FrameFields => ({ opcode: BINARY, payload: Buffer.alloc(length, 'b') });

  /** How often the scanner was given bytes and asked for messages, and how many events came of it. */
  function scans(...chunks: Buffer[]): { loads: number; scans: number; events: number } {
    const load = vi.spyOn(scanner(), 'load');
    const scan = vi.spyOn(scanner(), 'scan');
    const { receiver, recorder } = recordedReceiver({ isServer });
    for (const chunk of chunks) receiver.push(chunk);
    const counts = { loads: load.mock.calls.length, scans: scan.mock.calls.length, events: recorder.events.length };
    vi.restoreAllMocks();
    return counts;
  }

  it.each([
    ['a short message that is alone', () => [text(isServer ? 122 : 125)], 0],
    ['a longer one', () => [text(isServer ? 123 : 126)], 1],
    ['two short ones', () => [text(1), text(1)], 1],
    ['two that are empty', () => [text(0), binary(0)], 1],
    ['many', () => Array.from({ length: 500 }, () => text(10)), 1],
    ['a PING alone', () => [{ opcode: PING, payload: 'p' }], 0],
    ['a message that comes behind a PING, alone', () => [{ opcode: PING, payload: 'p' }, text(1)], 0],
    ['two messages that come behind a PING', () => [{ opcode: PING, payload: 'p' }, text(1), text(1)], 1],
    ['one behind the PING behind two', () => [text(1), text(1), { opcode: PING, payload: 'p' }, text(10)], 2],
    ['the fragments of a message', () => [{ ...text(200), fin: false }, { ...text(200), opcode: CONTINUATION }], 0],
    ['a compressed one', () => [{ ...text(200), rsv: 4 }], 0],
    ['one whose length takes 64 bits', () => [text(70_000)], 0],
    ['the longest that it takes', () => [text(SCAN_CAPACITY - header - 2)], 1],
    ['one byte more', () => [text(SCAN_CAPACITY - header - 1)], 0],
  ])('has %s found by WebAssembly, or not', (_, frames: () => FrameFields[], expected) => {
    const { loads, scans: count } = scans(bytesOf(...frames()));
    expect({ loads, scans: count }).toEqual({ loads: Math.min(expected, 1), scans: expected });
  });

  it('loads a chunk once, however often it scans it, and its next window where that ends', () => {
    const messages = Array.from({ length: 150 }, () => text(1_000));
    const bytes = bytesOf(...messages);
    const frame = bytes.length / messages.length;
    const { loads, events } = scans(bytes);
    expect(loads).toBe(Math.ceil(messages.length / Math.floor(SCAN_CAPACITY / frame)));
    expect(events).toBe(messages.length);
  });

  it('does not ask for what is incomplete', () => {
    const bytes = bytesOf(text(300));
    expect(scans(bytes.subarray(0, -1)).scans).toBe(0);
    expect(scans(Buffer.concat([bytes, bytes.subarray(0, 200)]))).toMatchObject({ scans: 1, events: 1 });
  });

  it('reads by itself while another one has the scanner', () => {
    const bytes = bytesOf(text(10), text(10));
    const scan = vi.spyOn(scanner(), 'scan');
    const inner = recordedReceiver({ isServer });
    const outer = recordedReceiver({ isServer });
    outer.recorder.onText = () => { inner.receiver.push(bytes); };
    outer.receiver.push(bytes);
    expect(scan).toHaveBeenCalledTimes(1);
    expect(inner.recorder.events).toHaveLength(4);
    inner.receiver.push(bytes);
    expect(scan).toHaveBeenCalledTimes(2);
  });

  it('decodes short ASCII texts that follow each other together, up to 512 bytes', () => {
    const decoded = (...frames: FrameFields[]): number => {
      const { receiver, recorder } = recordedReceiver({ isServer });
      const count = encodingsUsed(() => { receiver.push(bytesOf(...frames)); }).length;
      expect(recorder.events.map(([, data]) => data)).toEqual(frames.map(({ payload }) => payload));
      return count;
    };
    expect(decoded(text(10), text(10), text(10))).toBe(1);
    expect(decoded(text(128), text(128), text(128))).toBe(1);
    expect(decoded(text(129), text(129))).toBe(2);
    expect(decoded(...Array.from({ length: 8 }, () => text(128)))).toBe(isServer ? 2 : 3);
  });

  it('copies short binary messages that follow each other together', () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    receiver.push(bytesOf(binary(100), binary(100), text(1), binary(100), binary(50), binary(100)));
    const [first, second, , third, tiny, last] = recorder.events.map(([, data]) => data as Buffer);
    const distance = (from: Buffer | undefined, to: Buffer | undefined): number =>
      from !== undefined && to?.buffer === from.buffer ? to.byteOffset - from.byteOffset : NaN;
    // A server's are unmasked to one place, a client's lie there with their headers between them.
    const between = isServer ? 0 : header;
    expect(distance(first, second)).toBe(100 + between);
    expect(distance(second, third)).not.toBe(100 + between + 1 + between);
    expect(distance(third, last)).toBe(100 + between + 50 + between);
    // What is so short has memory of its own.
    expect(tiny?.buffer.byteLength).toBe(50);
  });

  it('leaves binary messages of 1 to 16 KiB in a chunk of its own, copied nowhere', () => {
    for (const length of [1_023, 1_024, 16 * 1024 - 1, 16 * 1024]) {
      const { receiver, recorder } = recordedReceiver({ isServer });
      const chunk = inOwnMemory(bytesOf(binary(length), text(1)));
      receiver.push(chunk, true);
      const [, data] = recorder.events[0] ?? [];
      expect((data as Buffer).buffer === chunk.buffer).toBe(isShared(length));
    }
  });
});
