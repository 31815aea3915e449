/**
 * The messages of a connection as an async iterator: it buffers those that nobody has asked for yet, and pauses the
 * connection when they are too many. It knows of the connection only how to pause it and how to end it.
 */

export interface MessageSource {
  /** Bytes from which on the source is paused. */
  readonly highWaterMark: number;
  pause(): void;
  resume(): void;
  /** The loop was left: no more messages are wanted. */
  end(): void;
}

interface Waiting {
  resolve(result: IteratorResult<string | Buffer, undefined>): void;
  reject(error: Error): void;
}

export class MessageIterator implements AsyncIterableIterator<string | Buffer, undefined> {
  readonly #source: MessageSource;
  #messages: (string | Buffer)[] = [];
  #buffered = 0;
  #isPaused = false;
  #waiting: Waiting[] = [];
  #isDone = false;
  #error: Error | undefined;

  constructor(source: MessageSource) {
    this.#source = source;
  }

  /** A message has arrived. */
  push(message: string | Buffer): void {
    if (this.#isDone) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: message });
      return;
    }
    this.#messages.push(message);
    this.#buffered += size(message);
    if (this.#buffered >= this.#source.highWaterMark && !this.#isPaused) {
      this.#isPaused = true;
      this.#source.pause();
    }
  }

  /** The connection has ended; with an error if not cleanly. What is buffered is still delivered first. */
  finish(error: Error | undefined): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const [first, ...others] = this.#waiting;
    this.#waiting = [];
    if (error !== undefined && first !== undefined) first.reject(error);
    else {
      this.#error = error;
      first?.resolve({ done: true, value: undefined });
    }
    for (const waiting of others) waiting.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<string | Buffer, undefined>> {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#buffered -= size(message);
      if (this.#isPaused && (this.#buffered < this.#source.highWaterMark || this.#messages.length === 0)) {
        this.#isPaused = false;
        this.#source.resume();
      }
      return Promise.resolve({ done: false, value: message });
    }
    if (this.#isDone) {
      const error = this.#error;
      this.#error = undefined;
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Called by `break`: ends the connection. */
  return(): Promise<IteratorResult<string | Buffer, undefined>> {
    const wasDone = this.#isDone;
    this.#messages = [];
    this.#buffered = 0;
    this.finish(undefined);
    this.#error = undefined;
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#source.resume();
    }
    if (!wasDone) this.#source.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * What a message counts against the high-water mark: bytes; of a string its length, which is close and costs nothing.
 * An empty one counts too, or a peer could send them without end.
 */
function size(message: string | Buffer): number {
  return Math.max(message.length, 1);
}
