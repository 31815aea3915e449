import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  DECODE_CAPACITY,
  ENTRY_WORDS,
  type FrameScanner,
  frameScanner,
  IS_ASCII,
  IS_BINARY,
  KIND_BITS,
  SCAN_CAPACITY,
} from '../../src/protocol/frame-scanner.js';
import { Sender } from '../../src/protocol/sender.js';
import { compileModule } from '../../wasm/compile.js';

function scanner(): FrameScanner {
  const made = frameScanner();
  if (made === undefined) throw new Error('there is no WebAssembly here');
  return made;
}

/** The messages that a scan finds, and where it stopped. */
function scan(bytes: Buffer, isMasked: boolean, maxPayload = SCAN_CAPACITY): [messages: unknown[], stopped: number] {
  const { table, memory } = scanner();
  scanner().load(bytes);
  const count = scanner().scan(0, bytes.length, isMasked, maxPayload);
  const messages = Array.from({ length: count }, (_, index) => {
    const entry = (index + 1) * ENTRY_WORDS;
    const start = table[entry] ?? 0;
    const kind = table[entry + 1] ?? 0;
    const payload = Buffer.from(memory.subarray(start, start + (kind >>> KIND_BITS)));
    return [(kind & IS_BINARY) !== 0 ? 'binary' : (kind & IS_ASCII) !== 0 ? 'ascii' : 'text', payload];
  });
  return [messages, table[0] ?? -1];
}

const message = fc.record({
  opcode: fc.constantFrom<1 | 2>(1, 2),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 140 }),
    fc.string({ maxLength: 140 }).map((text) => Buffer.from(text)),
    fc.integer({ min: 0, max: 3_000 }).map((length) => Buffer.alloc(length, 'a')),
  ),
});

describe('the module', () => {
  it('is what its source compiles to', async () => {
    const committed = await readFile(new URL('../../src/protocol/wasm-module.ts', import.meta.url), 'utf8');
    expect(await compileModule()).toBe(committed);
  });
});

describe.each([
  { isMasked: true, end: 'a server' },
  { isMasked: false, end: 'a client' },
])('scan, for $end', ({ isMasked }) => {
  it('finds every message, and stops behind the last', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), fc.uint8Array({ maxLength: 1 }), (messages, rest) => {
        const sender = new Sender({ isServer: !isMasked });
        const frames = messages.map(({ opcode, payload }) => {
          const frame = Buffer.alloc(sender.frameLength(payload.length));
          sender.writeFrame(frame, 0, opcode, payload);
          return frame;
        });
        const bytes = Buffer.concat([...frames, rest]);
        const expected = messages.map(({ opcode, payload }) => {
          const isAscii = payload.every((byte) => byte < 0x80);
          return [opcode === 2 ? 'binary' : isAscii ? 'ascii' : 'text', Buffer.from(payload)];
        });
        expect(scan(bytes, isMasked)).toEqual([expected, bytes.length - rest.length]);
      }),
    );
  });

  it.each([
    ['a fragment', [0x01, 1, 97]],
    ['a continuation', [0x80, 1, 97]],
    ['a PING', [0x89, 1, 97]],
    ['a CLOSE', [0x88, 0]],
    ['a compressed message', [0xc1, 1, 97]],
    ['a message that is not whole', [0x81, 2, 97]],
    ['a header that is not whole', [0x81, 126, 0]],
    ['a length that is not minimal', [0x81, 126, 0, 1, 97]],
    ['a 64-bit length', [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
    ['a message above the limit', [0x82, 5, 1, 2, 3, 4, 5]],
  ])('stops at %s', (_, [first = 0, second = 0, ...others]) => {
    const lengthBytes = second === 126 ? 2 : second === 127 ? 8 : 0;
    const frame = isMasked
      ? [first, second | 0x80, ...others.slice(0, lengthBytes), 0, 0, 0, 0, ...others.slice(lengthBytes)]
      : [first, second, ...others];
    const before = isMasked ? [0x81, 0x81, 0, 0, 0, 0, 97] : [0x81, 1, 97];
    const bytes = Buffer.from([...before, ...frame]);
    expect(scan(bytes, isMasked, 4)).toEqual([[['ascii', Buffer.from('a')]], before.length]);
  });

  it('stops at a frame of the other end', () => {
    expect(scan(Buffer.from(isMasked ? [0x81, 1, 97] : [0x81, 0x81, 0, 0, 0, 0, 97]), isMasked)).toEqual([[], 0]);
  });

  it('takes as many as the table has room for, and goes on from there', () => {
    const frame = isMasked ? [0x82, 0x80, 0, 0, 0, 0] : [0x82, 0];
    const bytes = Buffer.from(Array.from({ length: 1_500 }, () => frame).flat());
    const [messages, stopped] = scan(bytes, isMasked);
    expect(messages).toHaveLength(1_024);
    expect(scanner().scan(stopped, bytes.length, isMasked, SCAN_CAPACITY)).toBe(476);
  });
});

describe('decode', () => {
  it('gives the text of UTF-8, wherever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.nat(20), (text, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
        expect(scanner().decode(bytes, before, bytes.length)).toBe(Buffer.from(text).toString());
      }),
    );
  });

  it('says of any bytes what the platform says', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const piece = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ minLength: 1, maxLength: 3 }),
      fc.constantFrom(
        ...['c080', 'e08080', 'eda080', 'edbfbf', 'f0808080', 'f4908080', 'f8888080', 'f48fbfbf', 'efbfbf', 'e282', 'f09f98']
          .map((hex) => Buffer.from(hex, 'hex')),
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const bytes = Buffer.concat(pieces);
        let expected: string | undefined;
        try {
          expected = decoder.decode(bytes);
        } catch {
          expected = undefined;
        }
        expect(scanner().decode(bytes, 0, bytes.length)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes as much as it says', () => {
    for (const text of ['a'.repeat(DECODE_CAPACITY), 'é'.repeat(DECODE_CAPACITY / 2), '😀'.repeat(DECODE_CAPACITY / 4)]) {
      expect(scanner().decode(Buffer.from(text), 0, DECODE_CAPACITY) === text).toBe(true);
    }
  });
});

describe('frameScanner', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it.each([
    ['there is no WebAssembly', undefined],
    ['the module does not compile', { Module: function noModule() { throw new Error('no SIMD'); } }],
  ])('is undefined where %s', async (_, platform) => {
    vi.resetModules();
    vi.stubGlobal('WebAssembly', platform);
    const fresh = await import('../../src/protocol/frame-scanner.js');
    expect(fresh.frameScanner()).toBeUndefined();
    expect(fresh.frameScanner()).toBeUndefined();
  });
});
