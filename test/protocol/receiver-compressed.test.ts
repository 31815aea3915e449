import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BINARY, CLOSE, CONTINUATION, frameBytes, KEY, PING, PONG, TEXT, type FrameFields } from './frame-bytes.js';
import { anyBytes, streamBytes } from './frame-streams.js';
import { receive, recordedReceiver, type RecordedOptions, render } from './recorder.js';

/** RSV1, which says of a message's first frame that the message is compressed (RFC 7692 section 6). */
const RSV1 = 4;

const ends = [
  { end: 'a server', isServer: true, maskingKey: KEY },
  { end: 'a client', isServer: false, maskingKey: undefined },
];

/** Cuts bytes at these points, wherever they are. */
function split(bytes: Buffer, points: readonly number[]): Buffer[] {
  const stops = [...points.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return stops.map((stop, index) => bytes.subarray(stops[index - 1] ?? 0, stop));
}

/** A message, compressed or not, in fragments with PINGs between them, and what is to be reported. */
const message = fc
  .record({
    opcode: fc.constantFrom(TEXT, BINARY),
    isCompressed: fc.boolean(),
    // What is not compressed may be text, so it is ASCII; the receiver does not look into what is.
    payload: fc.uint8Array({ max: 127, maxLength: 200 }),
    cuts: fc.array(fc.nat(200), { maxLength: 3 }),
  })
  .map(({ opcode, isCompressed, payload, cuts }) => {
    const bytes = isCompressed ? payload.map((byte) => byte | 0x80) : payload;
    const stops = [...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
    const frames = stops.flatMap((stop, index): FrameFields[] => {
      const fin = index === stops.length - 1;
      const isFirst = index === 0;
      const part = {
        opcode: isFirst ? opcode : CONTINUATION,
        rsv: isFirst && isCompressed ? RSV1 : 0,
        payload: bytes.subarray(stops[index - 1] ?? 0, stop),
        fin,
      };
      return fin ? [part] : [part, { opcode: PING, payload: 'between' }];
    });
    const name = `${isCompressed ? 'compressed ' : ''}${opcode === TEXT ? 'text' : 'binary'}`;
    return {
      frames,
      events: [...cuts.map(() => 'ping between'), `${name} ${Buffer.from(bytes).toString('latin1')}`],
    };
  });

describe.each(ends)('Receiver of $end that takes compressed messages', ({ isServer, maskingKey }) => {
  const options: RecordedOptions = { isServer, takesCompressed: true };
  const bytesOf = (...frames: FrameFields[]): Buffer =>
    Buffer.concat(frames.map((fields) => frameBytes({ maskingKey, ...fields })));
  const codeOf = (bytes: Buffer, more: RecordedOptions = {}): [string, number] => {
    const { receiver, recorder } = recordedReceiver({ ...options, ...more });
    receiver.push(bytes);
    return [recorder.error.code, recorder.error.closeCode];
  };

  it('reports the payloads of compressed messages as they are, and the others as ever, however the bytes are split', () => {
    const points = fc.array(fc.nat(), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), points, (messages, at) => {
        const bytes = streamBytes(messages.flatMap(({ frames }) => frames), maskingKey);
        const events = messages.flatMap((each) => each.events);
        expect(render(receive([bytes], options))).toEqual(events);
        expect(render(receive(split(bytes, at), options))).toEqual(events);
      }),
      { numRuns: 500 },
    );
  });

  it('reports the same of any split of any bytes', () => {
    const limits = { maxPayload: 65_536, maxFragments: 4 };
    fc.assert(
      fc.property(anyBytes(isServer), fc.array(fc.nat(120), { maxLength: 30 }), (bytes, points) => {
        const whole = render(receive([bytes], { ...options, ...limits }));
        expect(render(receive(split(bytes, points), { ...options, ...limits }))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('does not look for UTF-8 in what is compressed', () => {
    const payload = Buffer.from([0xff, 0xc0, 0x80]);
    expect(receive([bytesOf({ opcode: TEXT, rsv: RSV1, payload })], options)).toEqual([['compressed text', payload]]);
    const fragmented = bytesOf({ opcode: TEXT, rsv: RSV1, payload, fin: false }, { opcode: CONTINUATION, payload });
    expect(receive([fragmented], options)).toEqual([['compressed text', Buffer.concat([payload, payload])]]);
    const plain = bytesOf({ opcode: TEXT, rsv: RSV1, payload }, { opcode: TEXT, payload });
    expect(codeOf(plain)).toEqual(['WATERSHED_INVALID_UTF8', 1007]);
  });

  it('fails RSV1 on any frame but the first of a message with 1002 (RFC 7692 section 6.1)', () => {
    for (const opcode of [CLOSE, PING, PONG, 3, 11]) {
      expect(codeOf(bytesOf({ opcode, rsv: RSV1 }))).toEqual(['WATERSHED_RESERVED_BITS', 1002]);
    }
    for (const rsv of [0, RSV1]) {
      const continued = bytesOf({ opcode: TEXT, rsv, fin: false }, { opcode: CONTINUATION, rsv: RSV1 });
      expect(codeOf(continued)).toEqual(['WATERSHED_RESERVED_BITS', 1002]);
    }
  });

  it.each([1, 2, 3, 5, 6, 7])('fails the reserved bits %i with 1002, since no extension uses RSV2 and RSV3', (rsv) => {
    for (const opcode of [TEXT, BINARY, CLOSE, PING, PONG]) {
      expect(codeOf(bytesOf({ opcode, rsv }))).toEqual(['WATERSHED_RESERVED_BITS', 1002]);
    }
  });

  it('fails RSV1 with 1002 until it takes compressed messages', () => {
    const bytes = bytesOf({ opcode: BINARY, rsv: RSV1, payload: 'x' });
    expect(codeOf(bytes, { takesCompressed: false })).toEqual(['WATERSHED_RESERVED_BITS', 1002]);
  });

  it('limits the length and the fragments of what is compressed', () => {
    const header = bytesOf({ opcode: BINARY, rsv: RSV1, announcedLength: 200_000n });
    expect(codeOf(header, { maxPayload: 1000 })).toEqual(['WATERSHED_MESSAGE_TOO_BIG', 1009]);
    const part: FrameFields = { opcode: CONTINUATION, payload: 'x', fin: false };
    const fragments = bytesOf({ opcode: TEXT, rsv: RSV1, fin: false }, part, part, part);
    expect(codeOf(fragments, { maxFragments: 3 })).toEqual(['WATERSHED_TOO_MANY_FRAGMENTS', 1008]);
  });
});
