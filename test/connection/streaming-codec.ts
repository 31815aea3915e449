/**
 * permessage-deflate as other implementations have it: one zlib stream for each direction, which keeps the window itself.
 * It imports nothing from src/ but types, so that it is a second opinion on the compression.
 */
import { once } from 'node:events';
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib';
import { onTestFinished } from 'vitest';
import type { DeflateDirection } from '../../src/protocol/permessage-deflate.js';

/** What a sync flush ends with, and what is left out on the wire (RFC 7692 section 7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** Compresses the messages of one direction. */
export class StreamingDeflater {
  readonly #stream: DeflateRaw;
  readonly #noContextTakeover: boolean;

  constructor({ windowBits, noContextTakeover }: DeflateDirection) {
    // zlib has no raw window of 8 bits.
    this.#stream = createDeflateRaw({ windowBits: Math.max(windowBits, 9) });
    this.#noContextTakeover = noContextTakeover;
    closeAfterTest(this.#stream);
  }

  async deflate(data: Buffer): Promise<Buffer> {
    if (this.#noContextTakeover) this.#stream.reset();
    const deflated = await through(this.#stream, data, constants.Z_SYNC_FLUSH);
    return deflated.subarray(0, deflated.length - TAIL.length);
  }
}

/** Inflates the messages of one direction. */
export class StreamingInflater {
  readonly #stream: InflateRaw;
  readonly #noContextTakeover: boolean;

  constructor({ windowBits, noContextTakeover }: DeflateDirection) {
    this.#stream = createInflateRaw({ windowBits: Math.max(windowBits, 9) });
    this.#noContextTakeover = noContextTakeover;
    closeAfterTest(this.#stream);
  }

  async inflate(payload: Buffer): Promise<Buffer> {
    if (this.#noContextTakeover) this.#stream.reset();
    return through(this.#stream, Buffer.concat([payload, TAIL]), constants.Z_SYNC_FLUSH);
  }
}

/** Fails when the stream does. */
async function through(stream: DeflateRaw | InflateRaw, data: Buffer, flush: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const onData = (chunk: Buffer): void => { chunks.push(chunk); };
  const failed = new AbortController();
  const failure = once(stream, 'error', { signal: failed.signal }).then(
    ([error]) => { throw error as Error; },
    () => undefined,
  );
  stream.on('data', onData);
  try {
    await Promise.race([
      failure,
      new Promise<void>((resolve) => {
        stream.write(data);
        stream.flush(flush, resolve);
      }),
    ]);
  } finally {
    stream.off('data', onData);
    failed.abort();
  }
  return Buffer.concat(chunks);
}

function closeAfterTest(stream: DeflateRaw | InflateRaw): void {
  onTestFinished(() => { stream.close(); });
}
