import { constants } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { ProtocolError } from '../../src/errors.js';
import type { ReceiverOptions } from '../../src/protocol/receiver.js';
import {
  BINARY,
  CLOSE,
  closePayload,
  CONTINUATION,
  frameBytes,
  KEY,
  PING,
  PONG,
  TEXT,
  type FrameFields,
} from './frame-bytes.js';
import { receive, recordedReceiver } from './recorder.js';

type Options = Partial<ReceiverOptions>;

function errorOf(bytes: Buffer, options: Options): ProtocolError {
  const { receiver, recorder } = recordedReceiver(options);
  receiver.push(bytes);
  return recorder.error;
}

const ends = [
  { end: 'a server', isServer: true, maskingKey: KEY },
  { end: 'a client', isServer: false, maskingKey: undefined },
];

describe.each(ends)('Receiver of $end', ({ isServer, maskingKey }) => {
  const bytesOf = (...frames: FrameFields[]): Buffer =>
    Buffer.concat(frames.map((fields) => frameBytes({ maskingKey, ...fields })));

  /** The header alone, of a frame whose payload never comes. */
  const headerOf = (fields: FrameFields): Buffer => bytesOf({ lengthBits: 64, ...fields });

  it.each([
    [4, 'RSV1'],
    [2, 'RSV2'],
    [1, 'RSV3'],
    [5, 'RSV1, RSV3'],
    [7, 'RSV1, RSV2, RSV3'],
  ])('fails reserved bits (%i) with 1002 and names them', (rsv, names) => {
    for (const opcode of [TEXT, BINARY, CLOSE, PING, PONG]) {
      expect(errorOf(bytesOf({ opcode, rsv }), { isServer })).toMatchObject({
        code: 'WATERSHED_RESERVED_BITS',
        closeCode: 1002,
        message: `RFC 6455 section 5.2: ${names} must be 0 in this frame, as far as was negotiated`,
      });
    }
    const continued = bytesOf({ opcode: TEXT, fin: false }, { opcode: CONTINUATION, rsv });
    expect(errorOf(continued, { isServer }).code).toBe('WATERSHED_RESERVED_BITS');
  });

  it.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])('fails the reserved opcode %i with 1002', (opcode) => {
    for (const fin of [true, false]) {
      expect(errorOf(bytesOf({ opcode, fin }), { isServer })).toMatchObject({
        code: 'WATERSHED_RESERVED_OPCODE',
        closeCode: 1002,
        message: `RFC 6455 section 5.2: the opcode 0x${opcode.toString(16)} is reserved`,
      });
    }
    const within = bytesOf({ opcode: TEXT, fin: false }, { opcode });
    expect(errorOf(within, { isServer }).code).toBe('WATERSHED_RESERVED_OPCODE');
  });

  it.each([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])('fails wrong masking (opcode %i) with 1002', (opcode) => {
    const wrong = frameBytes({ opcode, payload: 'abc', maskingKey: isServer ? undefined : KEY });
    const error = errorOf(wrong, { isServer });
    expect(error).toMatchObject({
      code: isServer ? 'WATERSHED_UNMASKED_FRAME' : 'WATERSHED_MASKED_FRAME',
      closeCode: 1002,
    });
    expect(error.message).toContain('RFC 6455 section 5.1');
  });

  it.each([CLOSE, PING, PONG])('fails a fragmented control frame (opcode %i) with 1002', (opcode) => {
    const error = errorOf(bytesOf({ opcode, fin: false }), { isServer });
    expect(error).toMatchObject({ code: 'WATERSHED_FRAGMENTED_CONTROL_FRAME', closeCode: 1002 });
    expect(error.message).toContain('RFC 6455 section 5.5');
    expect(error.message).toContain(`0x${opcode.toString(16)}`);
  });

  it.each([CLOSE, PING, PONG])('fails a control frame (opcode %i) of more than 125 bytes with 1002', (opcode) => {
    for (const length of [126, 127, 65536]) {
      const error = errorOf(bytesOf({ opcode, payload: Buffer.alloc(length) }), { isServer });
      expect(error).toMatchObject({ code: 'WATERSHED_CONTROL_FRAME_TOO_LONG', closeCode: 1002 });
      expect(error.message).toBe(
        "RFC 6455 section 5.5: a control frame's payload is at most 125 bytes, this one " +
          `(opcode 0x${opcode.toString(16)}) has more`,
      );
    }
  });

  it('fails a continuation of nothing with 1002: first, after a whole message, and after the last fragment', () => {
    for (const before of [
      [],
      [{ opcode: TEXT, payload: 'whole' }],
      [{ opcode: PING }],
      [{ opcode: BINARY, fin: false }, { opcode: CONTINUATION }],
    ]) {
      for (const fin of [true, false]) {
        const error = errorOf(bytesOf(...before, { opcode: CONTINUATION, payload: 'x', fin }), { isServer });
        expect(error).toMatchObject({ code: 'WATERSHED_UNEXPECTED_CONTINUATION', closeCode: 1002 });
        expect(error.message).toContain('RFC 6455 section 5.4');
      }
    }
  });

  it('fails a new message before the last one is complete with 1002', () => {
    for (const first of [TEXT, BINARY]) {
      for (const second of [TEXT, BINARY]) {
        for (const between of [[], [{ opcode: PING }], [{ opcode: CONTINUATION, fin: false }]]) {
          const bytes = bytesOf({ opcode: first, fin: false }, ...between, { opcode: second });
          const error = errorOf(bytes, { isServer });
          expect(error).toMatchObject({ code: 'WATERSHED_EXPECTED_CONTINUATION', closeCode: 1002 });
          expect(error.message).toContain('RFC 6455 section 5.4');
        }
      }
    }
  });

  it.each([
    [16, 0],
    [16, 125],
    [64, 0],
    [64, 125],
    [64, 126],
    [64, 65535],
  ] as const)('fails a length that is not minimal with 1002: in %i bits, %i', (lengthBits, length) => {
    for (const opcode of [TEXT, BINARY]) {
      const error = errorOf(bytesOf({ opcode, lengthBits, announcedLength: BigInt(length) }), { isServer });
      expect(error).toMatchObject({ code: 'WATERSHED_INVALID_LENGTH', closeCode: 1002 });
      expect(error.message).toContain('RFC 6455 section 5.2');
      expect(error.message).toContain(`${String(length)} is not`);
    }
  });

  it.each([2n ** 63n, 2n ** 63n + 5n, 2n ** 64n - 1n])('fails the length %d, its top bit set, with 1002', (length) => {
    const error = errorOf(headerOf({ opcode: BINARY, announcedLength: length }), { isServer, maxPayload: Infinity });
    expect(error).toMatchObject({
      code: 'WATERSHED_INVALID_LENGTH',
      closeCode: 1002,
      message: 'RFC 6455 section 5.2: the most significant bit of a 64-bit length must be 0',
    });
  });

  it.each([2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n])(
    'fails the length %d with 1009, whatever maxPayload is',
    (length) => {
      for (const maxPayload of [0, 1000, Infinity]) {
        for (const opcode of [TEXT, BINARY]) {
          const error = errorOf(headerOf({ opcode, announcedLength: length }), { isServer, maxPayload });
          expect(error).toMatchObject({ code: 'WATERSHED_MESSAGE_TOO_BIG', closeCode: 1009 });
          expect(error.message).toMatch(/maxPayload.*RFC 6455 section 10\.4/);
        }
      }
    },
  );

  it.each([0, 1, 125, 126, 65535, 65536, 100_000])('takes a message of exactly maxPayload (%i), and fails one more', (n) => {
    for (const opcode of [TEXT, BINARY]) {
      const name = opcode === TEXT ? 'text' : 'binary';
      const exact = bytesOf({ opcode, payload: Buffer.alloc(n, 'x') });
      expect(receive([exact], { isServer, maxPayload: n }).map(([event]) => event)).toEqual([name]);
      // The header is enough: the payload never comes.
      const header = bytesOf({ opcode, announcedLength: BigInt(n + 1) });
      const error = errorOf(header, { isServer, maxPayload: n });
      expect(error).toMatchObject({ code: 'WATERSHED_MESSAGE_TOO_BIG', closeCode: 1009 });
      expect(error.message).toContain(`at most ${String(n)} bytes`);
      expect(error.message).toContain(`at least ${String(n + 1)}`);
    }
  });

  it.each([0, 1, 125, 126, 1000, 60_000, 65_535])('fails a message of one byte more than maxPayload (%i) that is there', (n) => {
    for (const opcode of [TEXT, BINARY]) {
      const name = opcode === TEXT ? 'text' : 'binary';
      const exact = bytesOf({ opcode, payload: Buffer.alloc(n, 'x') });
      const larger = bytesOf({ opcode, payload: Buffer.alloc(n + 1, 'x') });
      const namesOf = (...chunks: Buffer[]): string[] => receive(chunks, { isServer, maxPayload: n }).map(([event]) => event);
      expect(namesOf(larger)).toEqual(['error']);
      expect(namesOf(Buffer.concat([exact, larger, exact]))).toEqual([name, 'error']);
      expect(namesOf(Buffer.concat([exact, exact, larger.subarray(0, -1)]))).toEqual([name, name, 'error']);
    }
  });

  it('fails a new message before the last one is complete, however long it is and whatever comes behind it', () => {
    for (const length of [0, 1, 5, 125, 129, 5000]) {
      for (const opcode of [TEXT, BINARY]) {
        const whole = bytesOf({ opcode, payload: Buffer.alloc(length, 'x') });
        for (const behind of [[], [whole], [whole, whole]]) {
          const bytes = Buffer.concat([bytesOf({ opcode: TEXT, payload: 'a', fin: false }), whole, ...behind]);
          expect(errorOf(bytes, { isServer }).code).toBe('WATERSHED_EXPECTED_CONTINUATION');
        }
      }
    }
  });

  it('takes no more than a string or a buffer can hold where maxPayload is lifted', () => {
    for (const [opcode, most] of [
      [TEXT, constants.MAX_STRING_LENGTH],
      [BINARY, constants.MAX_LENGTH],
    ] as const) {
      const limits = { isServer, maxPayload: Infinity };
      const exact = bytesOf({ opcode, announcedLength: BigInt(most) });
      expect(receive([exact], limits)).toEqual([]);
      const error = errorOf(bytesOf({ opcode, announcedLength: BigInt(most) + 1n }), limits);
      expect(error).toMatchObject({ code: 'WATERSHED_MESSAGE_TOO_BIG', closeCode: 1009 });
    }
  });

  it('counts maxPayload over the fragments of one message', () => {
    const fragments = (last: string) => [
      { opcode: BINARY, payload: 'a'.repeat(60), fin: false },
      { opcode: PING, payload: 'p'.repeat(125) },
      { opcode: CONTINUATION, payload: 'b'.repeat(30), fin: false },
      { opcode: CONTINUATION, payload: last },
    ];
    const whole = bytesOf(...fragments('c'.repeat(10)), ...fragments('c'.repeat(10)));
    const names = receive([whole], { isServer, maxPayload: 100 }).map(([name]) => name);
    expect(names).toEqual(['ping', 'binary', 'ping', 'binary']);
    const error = errorOf(bytesOf(...fragments('c'.repeat(11))), { isServer, maxPayload: 100 });
    expect(error).toMatchObject({ code: 'WATERSHED_MESSAGE_TOO_BIG', closeCode: 1009 });
    expect(error.message).toContain('at least 101');
  });

  it('does not count control frames for maxPayload', () => {
    const bytes = bytesOf({ opcode: PING, payload: 'ping' }, { opcode: CLOSE, payload: closePayload(1000, 'bye') });
    expect(receive([bytes], { isServer, maxPayload: 0 }).map(([name]) => name)).toEqual(['ping', 'close']);
  });

  it('takes a message of exactly maxFragments frames, empty ones counted, and fails one more with 1008', () => {
    const message = (frames: number): FrameFields[] =>
      Array.from({ length: frames }, (_, index) => ({
        opcode: index === 0 ? TEXT : CONTINUATION,
        payload: index % 2 === 0 ? '' : 'x',
        fin: index === frames - 1,
      }));
    for (const maxFragments of [1, 2, 7]) {
      const exact = bytesOf(...message(maxFragments), { opcode: PING }, ...message(maxFragments));
      const names = receive([exact], { isServer, maxFragments }).map(([name]) => name);
      expect(names).toEqual(['text', 'ping', 'text']);
      const error = errorOf(bytesOf(...message(maxFragments + 1)), { isServer, maxFragments });
      expect(error).toMatchObject({ code: 'WATERSHED_TOO_MANY_FRAGMENTS', closeCode: 1008 });
      expect(error.message).toMatch(/maxFragments.*RFC 6455 section 10\.4/);
      expect(error.message).toContain(`at most ${String(maxFragments)} frames`);
    }
  });

  it('does not count control frames for maxFragments', () => {
    const pings = Array.from({ length: 9 }, () => ({ opcode: PING }));
    const bytes = bytesOf({ opcode: TEXT, fin: false }, ...pings, { opcode: CONTINUATION });
    expect(receive([bytes], { isServer, maxFragments: 2 }).at(-1)).toEqual(['text', '']);
  });

  it.each([
    ['a payload of 1 byte', Buffer.from([3]), 'WATERSHED_INVALID_CLOSE_PAYLOAD', 1002, 'section 5.5.1'],
    ['a code that must not be sent', closePayload(1005), 'WATERSHED_INVALID_CLOSE_CODE', 1002, 'section 7.4'],
    ['a reason that is not UTF-8', closePayload(1000, Buffer.from([0xff])), 'WATERSHED_INVALID_UTF8', 1007, 'section 5.5.1'],
  ] as const)('fails a CLOSE with %s, at once and byte by byte', (_, payload, code, closeCode, section) => {
    const bytes = bytesOf({ opcode: CLOSE, payload });
    for (const chunks of [[bytes], [...bytes].map((byte) => Buffer.from([byte]))]) {
      const events = receive(chunks, { isServer });
      expect(events).toEqual([['error', expect.objectContaining({ code, closeCode })]]);
      expect((events[0]?.[1] as ProtocolError).message).toContain(`RFC 6455 ${section}`);
    }
  });
});
