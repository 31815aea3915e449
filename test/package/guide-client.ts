// A client of the guides' servers, for their tests.
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import {
  type CloseEvent,
  type HandshakeError,
  type MessageEvent,
  WatershedConnection,
  WebSocket,
  type WebSocketOptions,
} from '../../src/index.js';
import { deferred } from '../classic/ends.js';

/** A client that writes down what it hears. It is closed when the test is over. */
export class Client {
  readonly webSocket: WebSocket;
  readonly closed: Promise<CloseEvent>;
  readonly #messages: unknown[] = [];
  #error: Error | undefined;
  #wake = deferred();

  constructor(url: string, protocols: string[] = [], options: WebSocketOptions = {}) {
    this.webSocket = new WebSocket(url, protocols, options);
    this.webSocket.binaryType = 'arraybuffer';
    this.webSocket.addEventListener('message', ({ data }: MessageEvent) => {
      this.#messages.push(data);
      this.#wake.resolve();
    });
    this.webSocket.addEventListener('error', ({ error }) => { this.#error = error; });
    this.closed = once(this.webSocket, 'close').then(([event]: CloseEvent[]) => event as CloseEvent);
    void this.closed.then(() => { this.#wake.resolve(); });
    onTestFinished(() => { WatershedConnection.from(this.webSocket).destroy(); });
  }

  /** The next message. */
  async next(): Promise<unknown> {
    while (this.#messages.length === 0) {
      if (this.webSocket.readyState === WebSocket.CLOSED) throw this.#error ?? new Error('closed, and no message came');
      await this.#wake.promise;
      this.#wake = deferred();
    }
    return this.#messages.shift();
  }

  /** Why it did not open. */
  async refusal(): Promise<{ code: unknown; statusCode: unknown }> {
    await this.closed;
    const { code, statusCode } = this.#error as HandshakeError;
    return { code, statusCode };
  }
}
