/**
 * Two Duplex streams, each the other's peer: a transport that is no net.Socket, with the habits that a test asks for.
 */
import { Duplex, type DuplexOptions } from 'node:stream';

export interface PairOptions extends DuplexOptions {
  /** What is written to one arrives at the other before the write has returned; otherwise in a later tick. */
  readonly isSynchronous?: boolean;
}

export function duplexPair(options: PairOptions = {}): [PairedDuplex, PairedDuplex] {
  const left = new PairedDuplex(options);
  const right = new PairedDuplex(options);
  left.peer = right;
  right.peer = left;
  return [left, right];
}

export class PairedDuplex extends Duplex {
  peer: PairedDuplex | undefined;
  readonly #isSynchronous: boolean;
  /** The write of the peer that waits until this side is read. */
  #waiting: (() => void) | undefined;

  constructor({ isSynchronous = false, ...options }: PairOptions) {
    super(options);
    this.#isSynchronous = isSynchronous;
  }

  override _read(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    // A copy: what is pushed stays with the reader for as long as it likes.
    const copy = Buffer.from(chunk);
    this.#transfer(() => {
      this.peer?.receive(copy, callback);
    });
  }

  override _final(callback: () => void): void {
    this.#transfer(() => {
      this.peer?.push(null);
      callback();
    });
  }

  receive(chunk: Buffer, callback: () => void): void {
    if (this.push(chunk)) callback();
    else this.#waiting = callback;
  }

  #transfer(action: () => void): void {
    if (this.#isSynchronous) action();
    else setImmediate(action);
  }
}
