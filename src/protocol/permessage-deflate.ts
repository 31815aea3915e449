/**
 * The compression of messages (RFC 7692 section 7.2): one message in, one message out. It knows no frame and no queue:
 * whoever calls gives it one message at a time, in order.
 *
 * Nothing is held between two messages but the history that context takeover needs (section 7.1.1), as plain bytes:
 * each message is compressed by a call of its own, with the history as its dictionary. Small messages are compressed at
 * once, larger ones in the thread pool: the way there costs more than a small message does.
 */
import { constants, createDeflateRaw, deflateRawSync, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import { ProtocolError } from '../errors.js';
import { CloseCode } from './close-code.js';
import { EMPTY } from './frame.js';
import { History } from './history.js';
import { takeTurn } from './pool-turns.js';

/** What was agreed for the messages of one direction (RFC 7692 section 7.1). */
export interface DeflateDirection {
  /** Each message is compressed without reference to earlier ones. */
  readonly noContextTakeover: boolean;
  /** The size of the window, as a power of two: 8 to 15. */
  readonly windowBits: number;
}

/** What was agreed for a connection. */
export interface DeflateParameters {
  readonly outgoing: DeflateDirection;
  readonly incoming: DeflateDirection;
}

/** How the messages that are sent are compressed. */
export interface DeflateSettings {
  /** zlib's level, -1 to 9. */
  readonly level: number;
  /** zlib's memLevel, 1 to 9. */
  readonly memLevel: number;
}

/** Messages up to this many bytes are compressed at once: 1 KiB takes about 30 µs, the way to a thread 60 µs. */
export const SYNC_DEFLATE = 8 * 1024;

/**
 * Messages are inflated at once if they are up to this long before and after: 64 KiB of JSON takes 72 µs, and 315 µs of
 * the processor in the pool.
 */
const SYNC_INFLATE = 32 * 1024;
const SYNC_INFLATED = 128 * 1024;

/** What is inflated at once goes into chunks of eight times its length, within these: JSON grew five- to sixfold. */
const MIN_INFLATED_CHUNK = 2 * 1024;
const INFLATED_CHUNK_RATIO = 8;

/** What a thread makes before it comes back for more room, which takes some 50 µs each time. */
const POOL_CHUNK = 64 * 1024;
/** What a thread deflates into: room for a quarter of the message, within these. */
const MIN_POOL_CHUNK = 16 * 1024;

/**
 * So much of the history is used for sending. More costs more time than it saves bytes: with 4 KiB, 1 KiB of JSON takes
 * 1.15 times as long at as many bytes.
 */
const OUTGOING_HISTORY = 2 * 1024;

/**
 * How often a message may end a DEFLATE stream by a final block (section 7.2.3.4). Nobody needs more than one, and each
 * takes a call.
 */
const MAX_FINAL_BLOCKS = 64;

/** What a sync flush ends with, and what the sender leaves out (section 7.2.1). */
const TAIL_LENGTH = 4;
/**
 * What was left out, and an empty final block behind it: so the end of the stream is checked. Without it a message that
 * was cut off would pass for a shorter one.
 */
const TAIL_AND_END = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff]);

/** zlib refers no further back than the size of its window less this. */
const MIN_LOOKAHEAD = 262;

/** zlib has no raw window of 8 bits. With 9 it refers back at most 250 bytes, which is within a window of 8. */
const MIN_ZLIB_WINDOW_BITS = 9;

export type DeflateCallback = (error: Error | undefined, payload: Buffer) => void;
export type InflateCallback = (error: ProtocolError | undefined, data: Buffer) => void;

/** Compresses the messages of one direction. */
export class Deflater {
  readonly #direction: DeflateDirection;
  readonly #settings: DeflateSettings;
  readonly #history: History;

  constructor(direction: DeflateDirection, settings: DeflateSettings) {
    this.#direction = direction;
    this.#settings = settings;
    this.#history = new History(Math.min(2 ** direction.windowBits, OUTGOING_HISTORY));
  }

  /** Compresses a message of at most {@link SYNC_DEFLATE} bytes. */
  deflateSync(data: Uint8Array): Buffer {
    const { length } = data;
    // Room for what cannot be compressed: it never takes a second chunk.
    return withoutTail(deflateRawSync(data, this.#options(length, length + (length >> 6) + 64)));
  }

  /** Compresses a message in the thread pool. The bytes must not change meanwhile. */
  deflate(data: Uint8Array, callback: DeflateCallback): void {
    takeTurn((done) => {
      const chunkSize = Math.min(Math.max(data.length >> 2, MIN_POOL_CHUNK), POOL_CHUNK);
      deflateInPool(data, this.#options(data.length, chunkSize), (error, deflated) => {
        done();
        if (error === undefined) callback(undefined, withoutTail(deflated));
        else callback(error, EMPTY);
      });
    });
  }

  /** A message was sent compressed: later ones may refer to it. */
  remember(data: Uint8Array): void {
    if (!this.#direction.noContextTakeover) this.#history.push(data);
  }

  /**
   * What zlib is to use for a message of that length: a window and tables that are just large enough for it and for the
   * history. For 1 KiB that takes 1 µs of 23 less than with the largest ones, which are 266 KB, at as many bytes.
   */
  #options(length: number, chunkSize: number): ZlibOptions {
    const dictionary = this.#history.bytes;
    const bits = bitLength(dictionary.length + length + MIN_LOOKAHEAD);
    // One literal, always of the same shape: spread ones took 4 µs more.
    return {
      level: this.#settings.level,
      // A table has 2 to the power of memLevel + 6 entries: one for each byte at least.
      memLevel: Math.min(this.#settings.memLevel, bits - 6),
      windowBits: Math.max(Math.min(bits, this.#direction.windowBits), MIN_ZLIB_WINDOW_BITS),
      flush: constants.Z_SYNC_FLUSH,
      finishFlush: constants.Z_SYNC_FLUSH,
      chunkSize,
      dictionary,
    };
  }
}

/**
 * One write to a stream that flushes each, so that a message takes the way to a thread once. The callback API takes it
 * twice, the second time with nothing: 985 µs of the processor for 64 KiB instead of 745.
 */
function deflateInPool(data: Uint8Array, options: ZlibOptions, settle: DeflateCallback): void {
  const stream = createDeflateRaw(options);
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => { parts.push(part); });
  stream.on('error', (error) => { settle(error, EMPTY); });
  stream.write(data, (error) => {
    // Which the event reports.
    if (error) return;
    // Not at once: Node makes an error, with its stack, for a stream that is closed in here, which takes 12 µs.
    void Promise.resolve().then(() => { stream.close(); });
    settle(undefined, parts.length === 1 ? parts[0] as Buffer : Buffer.concat(parts));
  });
}

/** How many bits it takes to write a number: 2 to their power is larger. */
function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

/** Inflates the messages of one direction. */
export class Inflater {
  readonly #direction: DeflateDirection;
  readonly #maxPayload: number;
  readonly #windowBits: number;
  readonly #history: History;

  /** @param maxPayload The most bytes that a message may have when it is inflated. */
  constructor(direction: DeflateDirection, maxPayload: number) {
    this.#direction = direction;
    this.#maxPayload = maxPayload;
    this.#windowBits = Math.max(direction.windowBits, MIN_ZLIB_WINDOW_BITS);
    this.#history = new History(2 ** this.#windowBits);
  }

  /** Inflates a message, at once when it is small. The error is the one to fail the connection with. */
  inflate(payload: Uint8Array, callback: InflateCallback): void {
    const input = Buffer.concat([payload, TAIL_AND_END]);
    this.#inflate(input, [], 0, callback);
  }

  /** Inflates what is left of a message, up to a final block or its end. */
  #inflate(input: Buffer, parts: Buffer[], length: number, callback: InflateCallback): void {
    const room = this.#maxPayload - length;
    const dictionary = parts.length === 0 ? this.#history.bytes : this.#history.with(parts);
    const options = (chunkSize: number, maxOutputLength: number): ZlibOptions =>
      ({ windowBits: this.#windowBits, info: true, chunkSize, maxOutputLength: Math.max(1, maxOutputLength), dictionary });
    const settle = (error: NodeJS.ErrnoException | null, result: Buffer): void => {
      // With `info` it is not a Buffer; the types of Node do not know.
      if (error === null) this.#take(input, result as unknown as InflateResult, parts, length, callback);
      else callback(this.#toProtocolError(error), EMPTY);
    };
    if (input.length <= SYNC_INFLATE) {
      const chunkSize = Math.min(Math.max(input.length * INFLATED_CHUNK_RATIO, MIN_INFLATED_CHUNK), SYNC_INFLATED);
      let result: Buffer;
      try {
        result = inflateRawSync(input, options(chunkSize, Math.min(room, SYNC_INFLATED)));
      } catch (thrown) {
        const error = thrown as NodeJS.ErrnoException;
        const isLong = error.code === 'ERR_BUFFER_TOO_LARGE' && room > SYNC_INFLATED;
        if (isLong) inflateInPool(input, options(POOL_CHUNK, room), settle);
        else settle(error, EMPTY);
        return;
      }
      settle(null, result);
      return;
    }
    inflateInPool(input, options(POOL_CHUNK, room), settle);
  }

  /** Takes what was inflated: the whole message, or what came before a final block. */
  #take(
    input: Buffer,
    { buffer, engine }: InflateResult,
    parts: Buffer[],
    length: number,
    callback: InflateCallback,
  ): void {
    const total = length + buffer.length;
    parts.push(buffer);
    if (total > this.#maxPayload) {
      callback(tooBig(this.#maxPayload), EMPTY);
    } else if (engine.bytesWritten < input.length) {
      // The stream ended before the message did: another one follows (section 7.2.3.4).
      if (parts.length > MAX_FINAL_BLOCKS) callback(corrupt('more final blocks than anybody needs'), EMPTY);
      else this.#inflate(input.subarray(engine.bytesWritten), parts, total, callback);
    } else {
      const data = parts.length === 1 ? buffer : Buffer.concat(parts, total);
      if (!this.#direction.noContextTakeover) this.#history.push(data);
      callback(undefined, data);
    }
  }

  #toProtocolError({ code, message }: NodeJS.ErrnoException): ProtocolError {
    return code === 'ERR_BUFFER_TOO_LARGE' ? tooBig(this.#maxPayload) : corrupt(message);
  }
}

function inflateInPool(
  input: Buffer,
  options: ZlibOptions,
  settle: (error: NodeJS.ErrnoException | null, result: Buffer) => void,
): void {
  takeTurn((done) => {
    inflateRaw(input, options, (error, result) => {
      done();
      settle(error, result);
    });
  });
}

/** What zlib gives with `info`: the bytes, and how far it read. */
interface InflateResult {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function withoutTail(deflated: Buffer): Buffer {
  return deflated.subarray(0, deflated.length - TAIL_LENGTH);
}

function corrupt(why: string): ProtocolError {
  return new ProtocolError(
    'WATERSHED_INVALID_COMPRESSION',
    CloseCode.MALFORMED,
    `RFC 7692 section 7.2.2: the compressed message cannot be inflated: ${why}`,
  );
}

function tooBig(maxPayload: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_MESSAGE_TOO_BIG',
    CloseCode.TOO_BIG,
    `maxPayload: a message may have at most ${String(maxPayload)} bytes, this one inflates to more ` +
      '(RFC 6455 section 10.4)',
  );
}
