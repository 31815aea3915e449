/**
 * permessage-deflate (RFC 7692 section 7.2) as other implementations do it: a zlib stream for each direction, which
 * lives as long as the connection. It imports nothing from src/, so that it is a second opinion on the codec.
 */
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw, type ZlibOptions } from 'node:zlib';

export interface StreamingOptions extends ZlibOptions {
  readonly windowBits: number;
  readonly noContextTakeover: boolean;
}

/** What the sender leaves out, and the receiver puts back. */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** Bytes that come out at a time: each takes a turn in the thread pool. */
const CHUNK_SIZE = 128 * 1024;

class StreamingCodec {
  readonly #stream: DeflateRaw | InflateRaw;
  readonly #noContextTakeover: boolean;
  #chunks: Buffer[] = [];
  #error: Error | undefined;
  #onError: ((error: Error) => void) | undefined;

  constructor(stream: DeflateRaw | InflateRaw, { noContextTakeover }: StreamingOptions) {
    this.#stream = stream;
    this.#noContextTakeover = noContextTakeover;
    stream.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    stream.on('error', (error) => {
      this.#error = error;
      this.#onError?.(error);
    });
  }

  /** Gives what comes out up to a sync flush. */
  protected async run(input: Uint8Array): Promise<Buffer> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#noContextTakeover) this.#stream.reset();
    await new Promise<void>((resolve, reject) => {
      this.#onError = reject;
      this.#stream.write(input);
      this.#stream.flush(constants.Z_SYNC_FLUSH, resolve);
    });
    const output = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return output;
  }

  close(): void {
    this.#stream.close();
  }
}

export class StreamingDeflater extends StreamingCodec {
  constructor(options: StreamingOptions) {
    super(createDeflateRaw({ chunkSize: CHUNK_SIZE, ...options }), options);
  }

  async deflate(message: Uint8Array): Promise<Buffer> {
    // A stream that has nothing to flush writes nothing: an empty message is an empty block (section 7.2.3.6).
    if (message.length === 0) return Buffer.from([0x00]);
    const deflated = await this.run(message);
    return deflated.subarray(0, -TAIL.length);
  }
}

export class StreamingInflater extends StreamingCodec {
  constructor(options: StreamingOptions) {
    super(createInflateRaw({ chunkSize: CHUNK_SIZE, ...options }), options);
  }

  inflate(payload: Uint8Array): Promise<Buffer> {
    return this.run(Buffer.concat([payload, TAIL]));
  }
}
