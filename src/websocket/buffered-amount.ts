/**
 * `bufferedAmount` as the standard has it (WebSockets Standard section 3.1): it falls only in a later task, never while
 * script or its microtasks run, and is never reset.
 */
import type { Connection } from '../connection/connection.js';

/** Those with bytes that were written in this turn of the event loop. */
let unsettled: BufferedAmount[] = [];

function settle(): void {
  const amounts = unsettled;
  unsettled = [];
  for (const amount of amounts) amount.settle();
}

export class BufferedAmount {
  readonly #connection: Connection;
  /** Bytes given to `send` when the connection was no longer open: they are never sent, and never forgotten. */
  #dropped = 0;
  /** Bytes that were written in this turn. */
  #written = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get value(): number {
    return this.#dropped + this.#written + this.#connection.bufferedAmount;
  }

  drop(bytes: number): void {
    this.#dropped += bytes;
  }

  /** The socket has taken so many bytes. */
  written(bytes: number): void {
    // A write of control frames alone.
    if (bytes === 0) return;
    if (this.#written === 0 && unsettled.push(this) === 1) setImmediate(settle).unref();
    this.#written += bytes;
  }

  settle(): void {
    this.#written = 0;
  }
}
