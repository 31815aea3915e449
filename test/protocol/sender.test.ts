import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/frame.js';
import { Sender } from '../../src/protocol/sender.js';
import { BINARY, CLOSE, CONTINUATION, frameBytes, PING, PONG, TEXT } from './frame-bytes.js';
import { receive } from './recorder.js';

// Where the length's form changes, and where masking goes over to whole words.
const LENGTHS = [0, 1, 2, 3, 124, 125, 126, 127, 128, 129, 65534, 65535, 65536, 65537, 2 ** 17];

const senders = [
  { end: 'a server', isServer: true },
  { end: 'a client', isServer: false },
];

/** A target that shows where it was written to. */
const memory = (length: number): Buffer => Buffer.alloc(length, 0xa5);

/** The masking key that a frame carries, if it does. */
function keyOf(frame: Buffer, payloadLength: number): readonly number[] | undefined {
  if (((frame[1] ?? 0) & 0x80) === 0) return undefined;
  return [...frame.subarray(frame.length - payloadLength - 4, frame.length - payloadLength)];
}

function writtenFrame(sender: Sender, opcode: Opcode, payload: Uint8Array): Buffer {
  const target = memory(sender.frameLength(payload.length));
  expect(sender.writeFrame(target, 0, opcode, payload)).toBe(target.length);
  return target;
}

function writtenText(sender: Sender, text: string): Buffer {
  const target = memory(sender.maxTextFrameLength(text));
  return target.subarray(0, sender.writeText(target, 0, text));
}

describe('the examples of RFC 6455 section 5.7', () => {
  const server = new Sender({ isServer: true });
  const hello = Buffer.from('Hello');

  it('an unmasked text message', () => {
    expect(writtenText(server, 'Hello').toString('hex')).toBe('810548656c6c6f');
  });

  it('a fragmented unmasked text message', () => {
    const target = memory(9);
    const end = server.writeFrame(target, 0, Opcode.TEXT, hello.subarray(0, 3), { fin: false, rsv1: false });
    expect(server.writeFrame(target, end, Opcode.CONTINUATION, hello.subarray(3))).toBe(9);
    expect(target.toString('hex')).toBe('010348656c' + '80026c6f');
  });

  it('an unmasked ping', () => {
    expect(writtenFrame(server, Opcode.PING, hello).toString('hex')).toBe('890548656c6c6f');
  });

  it('256 bytes and 64 KiB of binary', () => {
    expect(writtenFrame(server, Opcode.BINARY, Buffer.alloc(256)).toString('hex', 0, 4)).toBe('827e0100');
    expect(writtenFrame(server, Opcode.BINARY, Buffer.alloc(65536)).toString('hex', 0, 10)).toBe('827f0000000000010000');
  });

  it('a masked pong carries its key before the payload', () => {
    const frame = writtenFrame(new Sender({ isServer: false }), Opcode.PONG, hello);
    expect(frame.toString('hex', 0, 2)).toBe('8a85');
    const unmasked = frame.subarray(6).map((byte, index) => byte ^ (frame[2 + (index % 4)] ?? 0));
    expect(Buffer.from(unmasked).toString()).toBe('Hello');
  });
});

describe.each(senders)('Sender of $end', ({ isServer }) => {
  const sender = new Sender({ isServer });

  it(isServer ? 'masks nothing' : 'masks every frame, with a fresh key each', () => {
    expect(sender.masks).toBe(!isServer);
    const keys = Array.from({ length: 100 }, () => keyOf(writtenFrame(sender, Opcode.PING, Buffer.alloc(3)), 3)?.join());
    if (isServer) expect(new Set(keys)).toEqual(new Set([undefined]));
    else expect(new Set(keys).size).toBeGreaterThan(98);
  });

  it.each(LENGTHS)('writes a payload of %i bytes behind the shortest header', (length) => {
    const payload = Buffer.alloc(length, 'Watershed \xff', 'latin1');
    const before = Buffer.from(payload);
    for (const opcode of [BINARY, TEXT, CONTINUATION] as const) {
      const frame = writtenFrame(sender, opcode, payload);
      expect(frame.equals(frameBytes({ opcode, payload, maskingKey: keyOf(frame, length) }))).toBe(true);
    }
    expect(payload.equals(before)).toBe(true);
  });

  it('writes FIN and RSV1 as it is told', () => {
    for (const fin of [true, false]) {
      for (const rsv1 of [true, false]) {
        const target = memory(sender.frameLength(1));
        sender.writeFrame(target, 0, Opcode.BINARY, Buffer.from('x'), { fin, rsv1 });
        expect(target[0]).toBe(0x02 | (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0));
      }
    }
  });

  it.each([
    [CLOSE, 'close'],
    [PING, 'ping'],
    [PONG, 'pong'],
  ] as const)('writes control frames (opcode %i) of 0 to 125 bytes', (opcode, name) => {
    for (const payload of [Buffer.alloc(0), Buffer.from([0x03, 0xe8]), Buffer.from('\x03\xe8'.padEnd(125, 'x'), 'latin1')]) {
      const events = receive([writtenFrame(sender, opcode, payload)], { isServer: !isServer });
      expect(events.map(([event]) => event)).toEqual([name]);
      if (name !== 'close') expect(events[0]?.[1]).toEqual(payload);
    }
  });

  it('writes a header alone, for a payload longer than 32 bits can say', () => {
    const target = memory(20);
    const start = sender.writeHeader(target, 3, Opcode.BINARY, 2 ** 32 * 5 + 7, { fin: false, rsv1: true });
    expect(start).toBe(3 + (isServer ? 10 : 14));
    expect(target.toString('hex', 0, 13)).toBe(`a5a5a5${isServer ? '427f' : '42ff'}0000000500000007`);
    expect(target.subarray(start)).toEqual(memory(20 - start));
  });

  it('writes a header alone for a whole message unless told otherwise', () => {
    const target = memory(14);
    sender.writeHeader(target, 0, Opcode.PONG, 125);
    expect(target.toString('hex', 0, 2)).toBe(isServer ? '8a7d' : '8afd');
  });

  it('writes from the given offset on, and nothing outside of the frame', () => {
    for (const length of LENGTHS) {
      const payload = Buffer.alloc(length, 1);
      const frameLength = sender.frameLength(length);
      const target = memory(frameLength + 12);
      expect(sender.writeFrame(target, 5, Opcode.BINARY, payload)).toBe(5 + frameLength);
      expect(target.subarray(0, 5)).toEqual(memory(5));
      expect(target.subarray(5 + frameLength)).toEqual(memory(7));
    }
  });

  it.each([
    ['ASCII', 'a', 1],
    ['two-byte characters', 'ä', 2],
    ['three-byte characters', '€', 3],
    ['surrogate pairs', '🌊', 4],
    ['lone surrogates', '\udead', 3],
  ])('writes text of %s in frames of every length, each where a longer header may be needed', (_, character, size) => {
    for (const length of [0, 1, 41, 42, 43, 62, 63, 64, 125, 126, 127, 21844, 21845, 21846, 32768, 65535, 65536]) {
      const text = character.repeat(length);
      const target = memory(5 + sender.maxTextFrameLength(text) + 3);
      const end = sender.writeText(target, 5, text);
      const frame = target.subarray(5, end);
      const payload = Buffer.from(text);
      expect(payload).toHaveLength(length * size);
      expect(sender.textLength).toBe(payload.length);
      expect(end).toBe(5 + sender.frameLength(payload.length));
      expect(frame.equals(frameBytes({ opcode: TEXT, payload, maskingKey: keyOf(frame, payload.length) }))).toBe(true);
      expect(target.subarray(0, 5)).toEqual(memory(5));
      expect(target.subarray(-3)).toEqual(memory(3));
    }
  });

  it('writes an empty text into a target with no room to spare', () => {
    const target = memory(sender.maxTextFrameLength(''));
    expect(sender.writeText(target, 0, '')).toBe(target.length);
    expect(sender.textLength).toBe(0);
  });

  describe('a run', () => {
    const texts = ['', 'a', 'Hello', 'b'.repeat(124), 'c'.repeat(125), ''];
    const runOf = (parts: readonly string[]): string => parts.reduce((run, text) => sender.addToRun(run, text), '');

    it('becomes a frame for each text, and nothing beside them', () => {
      const run = runOf(texts);
      expect(sender.maxRunLength(run)).toBe(run.length + 4);
      const target = memory(5 + sender.maxRunLength(run) + 3);
      const end = sender.writeRun(target, 5, run);
      expect(end).toBe(5 + texts.reduce((sum, text) => sum + sender.frameLength(text.length), 0));
      expect(sender.textLength).toBe(texts.join('').length);
      expect(target.subarray(0, 5)).toEqual(memory(5));
      expect(target.subarray(end)).toEqual(memory(target.length - end));
      expect(receive([target.subarray(5, end)], { isServer: !isServer })).toEqual(texts.map((text) => ['text', text]));
    });

    it('is not written when a text is not ASCII', () => {
      for (const text of ['\x80', 'é', '水']) {
        const run = runOf(['Hello', text, 'Hello']);
        const target = memory(7 + sender.maxRunLength(run));
        expect(sender.writeRun(target, 7, run)).toBe(7);
      }
    });

    it('gives its texts back', () => {
      expect([...sender.textsOf(runOf([...texts, 'é', '水']))]).toEqual([...texts, 'é', '水']);
      expect([...sender.textsOf('')]).toEqual([]);
    });
  });

  it('is understood by the receiver of the other end, whatever the messages', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      // Any UTF-16 code units: lone surrogates too.
      fc.array(fc.integer({ min: 0xd700, max: 0xe0ff }), { maxLength: 200 }).map((units) => String.fromCharCode(...units)),
      fc.string({ maxLength: 400 }),
    );
    const binary = fc.oneof(
      { weight: 5, arbitrary: fc.uint8Array({ maxLength: 300 }) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom(...LENGTHS), fc.uint8Array({ minLength: 1, maxLength: 9 }))
          .map(([length, seed]) => Uint8Array.from(Buffer.alloc(length, seed))),
      },
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(text, binary), { maxLength: 5 }), (messages) => {
        const frames = messages.map((message) =>
          typeof message === 'string' ? writtenText(sender, message) : writtenFrame(sender, Opcode.BINARY, message),
        );
        const events = receive([Buffer.concat(frames)], { isServer: !isServer });
        expect(events.map(([name]) => name)).toEqual(messages.map((m) => (typeof m === 'string' ? 'text' : 'binary')));
        for (const [index, message] of messages.entries()) {
          const received = events[index]?.[1];
          if (typeof message === 'string') expect(received).toBe(message.replace(/\p{Surrogate}/gu, '\ufffd'));
          else expect(Buffer.isBuffer(received) && received.equals(message)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
