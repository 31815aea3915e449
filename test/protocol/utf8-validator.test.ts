import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Utf8Validator } from '../../src/protocol/utf8-validator.js';
import { wellFormedPrefix } from './utf8-table.js';

// Both ends of every range of the Unicode Standard's table 3-7, and what lies just outside of them.
const EDGES = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1,
  0xf3, 0xf4, 0xf5, 0xff,
];

/** Pushes the pieces until one is refused. Returns the index of the refused piece, or the number of pieces. */
function pushPieces(validator: Utf8Validator, pieces: readonly Buffer[]): number {
  const refused = pieces.findIndex((piece) => !validator.push(piece, 0, piece.length));
  return refused === -1 ? pieces.length : refused;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Whether the platform's decoder has nothing to replace. (Its fatal mode throws, which takes a hundred times longer.) */
function decodes(bytes: Uint8Array): boolean {
  return Buffer.from(decoder.decode(bytes)).equals(bytes);
}

function* sequencesOfEdges(length: number): Generator<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let number = 0; number < EDGES.length ** length; number++) {
    let rest = number;
    for (let index = 0; index < length; index++) {
      bytes[index] = EDGES[rest % EDGES.length] ?? 0;
      rest = Math.floor(rest / EDGES.length);
    }
    yield bytes;
  }
}

/** What may follow a prefix to make it whole: the first byte at any edge of a continuation byte's bounds. */
const completions = [
  [],
  ...[0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf].flatMap((first) => [[first], [first, 0x80], [first, 0x80, 0x80]]),
];

/** Text in UTF-8, or nearly: characters of every length, edges and random bytes, joined and cut anywhere. */
const bytesAndCuts = fc.record({
  bytes: fc
    .array(
      fc.oneof(
        { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).map((text) => Buffer.from(text)) },
        { weight: 1, arbitrary: fc.array(fc.constantFrom(...EDGES), { maxLength: 3 }).map((some) => Buffer.from(some)) },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2 }).map((some) => Buffer.from(some)) },
      ),
      { maxLength: 6 },
    )
    .map((parts) => Buffer.concat(parts)),
  cuts: fc.array(fc.nat(80), { maxLength: 8 }),
});

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.map((end) => Math.min(end, bytes.length)).sort((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

describe('the table that the validator is held against', () => {
  it('calls a prefix possible exactly if the platform decodes some continuation of it', () => {
    for (const length of [0, 1, 2, 3]) {
      for (const bytes of sequencesOfEdges(length)) {
        const isPossible = completions.some((completion) => decodes(Buffer.concat([bytes, Buffer.from(completion)])));
        const prefix = wellFormedPrefix(bytes);
        if ((prefix.length === length) !== isPossible) expect.fail(`differs at ${bytes.toString('hex')}`);
        if (prefix.isComplete !== decodes(bytes)) expect.fail(`completeness differs at ${bytes.toString('hex')}`);
      }
    }
  });
});

describe('Utf8Validator', () => {
  it('takes text of no bytes, and text that has not begun', () => {
    const validator = new Utf8Validator();
    expect(validator.isComplete).toBe(true);
    expect(validator.push(Buffer.alloc(0), 0, 0)).toBe(true);
    expect(validator.isComplete).toBe(true);
  });

  it('looks at the given range alone', () => {
    const validator = new Utf8Validator();
    expect(validator.push(Buffer.from([0xff, 0xc3, 0xa4, 0xe2, 0xff]), 1, 4)).toBe(true);
    expect(validator.isComplete).toBe(false);
    expect(validator.push(Buffer.from([0xff, 0x82, 0xac, 0xff]), 1, 3)).toBe(true);
    expect(validator.isComplete).toBe(true);
  });

  it('refuses the first byte that cannot be right, for all sequences of up to four bytes at the edges', () => {
    for (const length of [1, 2, 3, 4]) {
      for (const bytes of sequencesOfEdges(length)) {
        const prefix = wellFormedPrefix(bytes);
        const atOnce = new Utf8Validator();
        if (atOnce.push(bytes, 0, length) !== (prefix.length === length)) {
          expect.fail(`at once, differs at ${bytes.toString('hex')}`);
        }
        const oneByOne = new Utf8Validator();
        let taken = 0;
        while (taken < length && oneByOne.push(bytes, taken, taken + 1)) taken++;
        if (taken !== prefix.length) expect.fail(`byte by byte, differs at ${bytes.toString('hex')}`);
        if (taken < length) continue;
        if (atOnce.isComplete !== prefix.isComplete || oneByOne.isComplete !== prefix.isComplete) {
          expect.fail(`completeness differs at ${bytes.toString('hex')}`);
        }
      }
    }
  });

  it('refuses the very piece that brings the first impossible byte, wherever the pieces are cut', () => {
    fc.assert(
      fc.property(bytesAndCuts, ({ bytes, cuts }) => {
        const pieces = cut(bytes, cuts);
        const { length } = wellFormedPrefix(bytes);
        let end = 0;
        const refusing = pieces.findIndex((piece) => (end += piece.length) > length);
        expect(pushPieces(new Utf8Validator(), pieces)).toBe(refusing === -1 ? pieces.length : refusing);
      }),
      { numRuns: 2000 },
    );
  });

  it("agrees with the platform's decoder on whether a text is valid, in any pieces", () => {
    fc.assert(
      fc.property(bytesAndCuts, ({ bytes, cuts }) => {
        const pieces = cut(bytes, cuts);
        const validator = new Utf8Validator();
        const isValid = pushPieces(validator, pieces) === pieces.length && validator.isComplete;
        expect(isValid).toBe(decodes(bytes));
      }),
      { numRuns: 2000 },
    );
  });
});
