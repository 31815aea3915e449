/**
 * Two listeners in the place of one: for a connection that has both faces. A connection with one face pays nothing.
 */
import type { WatershedError } from '../errors.js';
import type { ConnectionEnd, ConnectionListener } from './connection-listener.js';
import { callOut } from './uncaught.js';

export class ListenerSplitter implements ConnectionListener {
  readonly #first: ConnectionListener;
  readonly #second: ConnectionListener;

  constructor(first: ConnectionListener, second: ConnectionListener) {
    this.#first = first;
    this.#second = second;
  }

  onOpen(): void {
    this.#both((listener) => { listener.onOpen(); });
  }

  onText(text: string): void {
    this.#both((listener) => { listener.onText(text); });
  }

  onBinary(data: Buffer): void {
    this.#both((listener, isFirst) => {
      // The buffer belongs to whoever gets it: each gets its own.
      listener.onBinary(isFirst ? Buffer.from(data) : data);
    });
  }

  onPing(payload: Buffer): void {
    this.#both((listener) => { listener.onPing(payload); });
  }

  onPong(payload: Buffer, roundTripTime: number | undefined): void {
    this.#both((listener) => { listener.onPong(payload, roundTripTime); });
  }

  onWritten(bytes: number): void {
    this.#both((listener) => { listener.onWritten(bytes); });
  }

  onDrain(): void {
    this.#both((listener) => { listener.onDrain(); });
  }

  onClosing(): void {
    this.#both((listener) => { listener.onClosing(); });
  }

  onError(error: Error): void {
    this.#both((listener) => { listener.onError(error); });
  }

  onReset(reason: WatershedError): void {
    this.#both((listener) => { listener.onReset(reason); });
  }

  onEnd(end: ConnectionEnd): void {
    this.#both((listener) => { listener.onEnd(end); });
  }

  #both(call: (listener: ConnectionListener, isFirst: boolean) => void): void {
    callOut(() => { call(this.#first, true); });
    call(this.#second, false);
  }
}
