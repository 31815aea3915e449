import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTINUATION, frameBytes, KEY, PING, TEXT } from './frame-bytes.js';
import { recordedReceiver } from './recorder.js';
import { wellFormedPrefix } from './utf8-table.js';

interface Fragment {
  readonly payload: Buffer;
  readonly hasPingAfter: boolean;
}

interface Wire {
  readonly bytes: Buffer;
  /** Where on the wire the byte is with which the message cannot be right any more; undefined if it is right. */
  readonly firstWrong: number | undefined;
}

/** One text message on the wire, in these fragments, with pings between them. */
function wireOf(fragments: readonly Fragment[], maskingKey: readonly number[] | undefined): Wire {
  const prefix = wellFormedPrefix(Buffer.concat(fragments.map(({ payload }) => payload)));
  const parts: Buffer[] = [];
  let wireLength = 0;
  let textLength = 0;
  let firstWrong: number | undefined;
  for (const [index, { payload, hasPingAfter }] of fragments.entries()) {
    const fin = index === fragments.length - 1;
    const frame = frameBytes({ opcode: index === 0 ? TEXT : CONTINUATION, payload, fin, maskingKey });
    parts.push(frame);
    wireLength += frame.length;
    const inFrame = prefix.length - textLength;
    if (firstWrong === undefined && inFrame < payload.length) firstWrong = wireLength - payload.length + inFrame;
    textLength += payload.length;
    // A character that is cut off is wrong when the message ends.
    if (firstWrong === undefined && fin && !prefix.isComplete) firstWrong = wireLength - 1;
    if (hasPingAfter && !fin) {
      const ping = frameBytes({ opcode: PING, payload: 'p', maskingKey });
      parts.push(ping);
      wireLength += ping.length;
    }
  }
  return { bytes: Buffer.concat(parts), firstWrong };
}

/** The index of the push that brought an error, or undefined. Nothing may come after it. */
function failingPush(chunks: readonly Buffer[], isServer: boolean): number | undefined {
  const { receiver, recorder } = recordedReceiver({ isServer });
  let failing: number | undefined;
  for (const [index, chunk] of chunks.entries()) {
    receiver.push(chunk);
    if (failing === undefined && recorder.events.at(-1)?.[0] === 'error') failing = index;
  }
  if (failing !== undefined) {
    expect(recorder.error).toMatchObject({
      code: 'WATERSHED_INVALID_UTF8',
      closeCode: 1007,
      message: 'RFC 6455 section 8.1: a text message is UTF-8, this one is not',
    });
    expect(recorder.events.filter(([name]) => name !== 'ping')).toHaveLength(1);
  }
  return failing;
}

const oneByOne = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));

const ends = [
  { end: 'a server', isServer: true, maskingKey: KEY },
  { end: 'a client', isServer: false, maskingKey: undefined },
];

const WRONG: readonly (readonly [name: string, bytes: number[], wrongAt: number])[] = [
  ['a lone continuation byte', [0x80], 0],
  ['an overlong form of two bytes', [0xc0, 0xaf], 0],
  ['an overlong form of three bytes', [0xe0, 0x80, 0xaf], 1],
  ['an overlong form of four bytes', [0xf0, 0x80, 0x80, 0xaf], 1],
  ['a surrogate', [0xed, 0xa0, 0x80], 1],
  ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 1],
  ['a first byte beyond every character', [0xf5], 0],
  ['a byte that is never in UTF-8', [0xff], 0],
  ['a character of two bytes broken off by another', [0xc3, 0x41], 1],
  ['a character of three bytes broken off by another', [0xe2, 0x82, 0x41], 2],
  ['a character of four bytes broken off by another', [0xf0, 0x9f, 0x8c, 0x41], 3],
];

describe.each(ends)('Receiver of $end', ({ isServer, maskingKey }) => {
  describe.each(WRONG)('that gets %s', (_, wrong, wrongAt) => {
    const before = Buffer.from('Hello-µ@ßöäüàá-');
    const payload = Buffer.concat([before, Buffer.from(wrong), Buffer.from('-UTF-8!!')]);
    const wrongIndex = before.length + wrongAt;

    it('fails at that very byte, in the middle of a frame', () => {
      const bytes = frameBytes({ opcode: TEXT, payload, maskingKey });
      expect(failingPush(oneByOne(bytes), isServer)).toBe(bytes.length - payload.length + wrongIndex);
    });

    it('fails at that very byte, in the middle of a fragment, or where it begins or ends one', () => {
      for (const split of [before.length - 1, before.length, wrongIndex, wrongIndex + 1]) {
        const fragments = [
          { payload: payload.subarray(0, split), hasPingAfter: true },
          { payload: payload.subarray(split), hasPingAfter: false },
        ];
        const { bytes, firstWrong } = wireOf(fragments, maskingKey);
        expect(firstWrong).toBeDefined();
        expect(failingPush(oneByOne(bytes), isServer)).toBe(firstWrong);
        expect(failingPush([bytes], isServer)).toBe(0);
      }
    });
  });

  it('fails a message that ends in the middle of a character, with its last byte', () => {
    for (const payload of [[0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x8c]].map((bytes) => Buffer.from(bytes))) {
      for (const fragments of [[payload], [payload, Buffer.alloc(0)], [Buffer.from('x'), payload]]) {
        const bytes = wireOf(fragments.map((part) => ({ payload: part, hasPingAfter: false })), maskingKey).bytes;
        expect(failingPush(oneByOne(bytes), isServer)).toBe(bytes.length - 1);
        expect(failingPush([bytes], isServer)).toBe(0);
      }
    }
  });

  it('fails exactly at the push that brings the first impossible byte, for any text, fragments and chunks', () => {
    const piece = fc.oneof(
      { weight: 6, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: fc.constantFrom(...WRONG.map(([, bytes]) => Buffer.from(bytes))) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)) },
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 5 }).map((pieces) => Buffer.concat(pieces)),
        fc.array(fc.record({ at: fc.nat(150), hasPingAfter: fc.boolean() }), { maxLength: 3 }),
        fc.array(fc.nat(250), { maxLength: 6 }),
        (text, fragmentCuts, chunkCuts) => {
          const sorted = fragmentCuts.map((cut) => ({ ...cut, at: Math.min(cut.at, text.length) })).sort((a, b) => a.at - b.at);
          const fragments = [...sorted, { at: text.length, hasPingAfter: false }].map(({ at, hasPingAfter }, index) => ({
            payload: text.subarray(sorted[index - 1]?.at ?? 0, at),
            hasPingAfter,
          }));
          const { bytes, firstWrong } = wireOf(fragments, maskingKey);
          expect(failingPush(oneByOne(bytes), isServer)).toBe(firstWrong);

          const ends = [...chunkCuts.map((end) => Math.min(end, bytes.length)).sort((a, b) => a - b), bytes.length];
          const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
          const failing = firstWrong === undefined ? undefined : ends.findIndex((end) => end > firstWrong);
          expect(failingPush(chunks, isServer)).toBe(failing);
        },
      ),
      { numRuns: 300 },
    );
  });
});
