/**
 * The receiver beside a second one, which is written down from the text of RFC 6455 section 5 and is as slow and as
 * simple as that: it takes everything at once. Of any bytes, in any chunks, both make the same.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BINARY, CLOSE, CONTINUATION, frameBytes, KEY, PING, TEXT } from './frame-bytes.js';
import { anyBytes } from './frame-streams.js';
import { receive, type ReceivedEvent, render } from './recorder.js';

const LIMITS = { maxPayload: 65_536, maxFragments: 4 };

interface Reading {
  readonly isServer: boolean;
  readonly takesCompressed: boolean;
}

/** A frame's header, and where its payload begins; undefined when it is not all there. */
interface Header {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly length: number;
  readonly maskingKey: Buffer | undefined;
  readonly end: number;
}

/** What makes the connection fail: a close code (section 7.4.1). */
class Failure extends Error {
  readonly closeCode: number;

  constructor(closeCode: number) {
    super();
    this.closeCode = closeCode;
  }
}

/** Throws for bytes that no UTF-8 begins with, or that are none. */
function checkUtf8(bytes: Buffer, isComplete: boolean): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: !isComplete });
  } catch {
    throw new Failure(1007);
  }
}

function readAll(bytes: Buffer, { isServer, takesCompressed }: Reading): string[] {
  const events: string[] = [];
  let message: { opcode: number; isCompressed: boolean; fragments: number; payload: Buffer } | undefined;

  /** Section 5.2, in the order of the bytes. */
  function readHeader(offset: number): Header | undefined {
    const [first, second] = bytes.subarray(offset, offset + 2);
    if (first === undefined || second === undefined) return undefined;
    const fin = first >= 0x80;
    const rsv = (first >> 4) & 7;
    const opcode = first & 15;
    const isControl = opcode >= 8;
    const isFirst = opcode === 1 || opcode === 2;
    // Only an extension gives a reserved bit a meaning: RSV1 of a message's first frame.
    if (rsv !== 0 && !(takesCompressed && rsv === 4 && isFirst)) throw new Failure(1002);
    if (second >= 0x80 !== isServer) throw new Failure(1002);
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) throw new Failure(1002);
    if (isControl && (!fin || (second & 127) > 125)) throw new Failure(1002);
    // Section 5.4: fragments of one message are not interleaved with another's.
    if (opcode === CONTINUATION && message === undefined) throw new Failure(1002);
    if (isFirst && message !== undefined) throw new Failure(1002);
    let end = offset + 2;
    let length = BigInt(second & 127);
    const extended = length === 126n ? 2 : length === 127n ? 8 : 0;
    if (extended > 0) {
      if (end + extended > bytes.length) return undefined;
      length = BigInt(`0x${bytes.toString('hex', end, end + extended)}`);
      end += extended;
      if (length >= 1n << 63n || length < (extended === 2 ? 126n : 65_536n)) throw new Failure(1002);
    }
    if (!isControl) {
      if (BigInt(message?.payload.length ?? 0) + length > LIMITS.maxPayload) throw new Failure(1009);
      if ((message?.fragments ?? 0) >= LIMITS.maxFragments) throw new Failure(1008);
    }
    if (!isServer) return { fin, rsv, opcode, length: Number(length), maskingKey: undefined, end };
    if (end + 4 > bytes.length) return undefined;
    return { fin, rsv, opcode, length: Number(length), maskingKey: bytes.subarray(end, end + 4), end: end + 4 };
  }

  /** Section 5.5.1. Returns whether that was the last frame. */
  function readControl(opcode: number, payload: Buffer): boolean {
    if (opcode !== CLOSE) {
      events.push(`${opcode === PING ? 'ping' : 'pong'} ${payload.toString('latin1')}`);
      return false;
    }
    if (payload.length === 0) {
      events.push('close undefined ');
      return true;
    }
    const code = payload.length === 1 ? 0 : payload.readUInt16BE();
    const isDefined = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    if (!isDefined && !(code >= 3000 && code <= 4999)) throw new Failure(1002);
    events.push(`close ${String(code)} ${checkUtf8(payload.subarray(2), true)}`);
    return true;
  }

  try {
    for (let offset = 0; ;) {
      const header = readHeader(offset);
      if (header === undefined) return events;
      const { maskingKey, length, opcode } = header;
      const masked = bytes.subarray(header.end, header.end + length);
      const payload = masked.map((byte, index) => byte ^ (maskingKey?.[index % 4] ?? 0)) as Buffer;
      const isWhole = payload.length === length;
      offset = header.end + length;
      if (opcode >= CLOSE) {
        if (!isWhole) return events;
        if (readControl(opcode, payload)) return events;
        continue;
      }
      message ??= { opcode, isCompressed: header.rsv !== 0, fragments: 0, payload: Buffer.alloc(0) };
      message.payload = Buffer.concat([message.payload, payload]);
      message.fragments++;
      const isDone = isWhole && header.fin;
      const isText = message.opcode === TEXT && !message.isCompressed;
      if (isText) checkUtf8(message.payload, isDone);
      if (!isWhole) return events;
      if (!isDone) continue;
      const name = `${message.isCompressed ? 'compressed ' : ''}${message.opcode === TEXT ? 'text' : 'binary'}`;
      events.push(`${name} ${isText ? message.payload.toString() : message.payload.toString('latin1')}`);
      message = undefined;
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [...events, `error ${String(error.closeCode)}`];
  }
}

/** As the reference writes it: of an error the close code alone. */
function plain(events: readonly ReceivedEvent[]): string[] {
  return render(events).map((line, index) => {
    const [name, value] = events[index] as ReceivedEvent;
    return name === 'error' ? `error ${String(value.closeCode)}` : line;
  });
}

/** Frames whose lengths are those at which its form changes, in any form. */
function borderBytes(isServer: boolean): fc.Arbitrary<Buffer> {
  const frame = fc
    .record({
      opcode: fc.constantFrom(TEXT, BINARY, PING, CLOSE),
      length: fc.constantFrom(0, 124, 125, 126, 127, 65_535, 65_536, 65_537),
      lengthBits: fc.constantFrom(undefined, undefined, 16 as const, 64 as const),
    })
    .map(({ opcode, length, lengthBits }) =>
      frameBytes({ opcode, payload: Buffer.alloc(length, 'a'), lengthBits, maskingKey: isServer ? KEY : undefined }),
    );
  return fc.array(frame, { minLength: 1, maxLength: 3 }).map((frames) => Buffer.concat(frames));
}

function cutAt(bytes: Buffer, points: readonly number[]): Buffer[] {
  const ends = [...points.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe.each([
  { end: 'a server', isServer: true },
  { end: 'a client', isServer: false },
])('Receiver of $end', ({ isServer }) => {
  it('makes of any bytes, in any chunks, what the reference makes of them', () => {
    const points = fc.oneof(
      fc.constant([]),
      fc.array(fc.nat(400), { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 6 }),
    );
    const bytes = fc.oneof(
      { weight: 5, arbitrary: anyBytes(isServer) },
      { weight: 1, arbitrary: borderBytes(isServer) },
    );
    fc.assert(
      fc.property(bytes, points, fc.boolean(), (input, cuts, takesCompressed) => {
        const expected = readAll(input, { isServer, takesCompressed });
        expect(plain(receive(cutAt(input, cuts), { isServer, takesCompressed, ...LIMITS }))).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the reference', () => {
  it('reads the examples of RFC 6455 section 5.7', () => {
    const client = { isServer: false, takesCompressed: false };
    const server = { ...client, isServer: true };
    expect(readAll(Buffer.from('810548656c6c6f', 'hex'), client)).toEqual(['text Hello']);
    expect(readAll(Buffer.from('010348656c80026c6f', 'hex'), client)).toEqual(['text Hello']);
    expect(readAll(Buffer.from('818537fa213d7f9f4d5158', 'hex'), server)).toEqual(['text Hello']);
    expect(readAll(Buffer.from('890548656c6c6f', 'hex'), client)).toEqual(['ping Hello']);
    expect(readAll(Buffer.from('8a0548656c6c6f', 'hex'), client)).toEqual(['pong Hello']);
  });
});
