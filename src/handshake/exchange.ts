/**
 * One HTTP request and what comes of it: what the opening handshake asks of whatever carries it, node:http or a
 * Dispatcher.
 */

import type { Duplex } from 'node:stream';

import type { HandshakeResponse } from './client.js';
import type { ReadTo } from './direct-socket.js';

export interface ExchangeRequest {
  /** A `ws:` or `wss:` URL. */
  readonly url: URL;
  readonly headers: Record<string, string | string[]>;
}

/** Exactly one of these is called, once, and never again after `abandon`. */
export interface ExchangeHandler {
  /**
   * The server has switched protocols. The socket is the handler's, with no listeners on it. With `readTo` it is read
   * by that, and no longer as a stream.
   */
  onUpgrade(response: HandshakeResponse, socket: Duplex, head: Buffer, readTo?: ReadTo): void;
  /** The server has answered something else. Whatever else it sends is not read. */
  onResponse(response: HandshakeResponse): void;
  /** There was no answer. */
  onError(error: unknown): void;
  /** The request went out on a connection from an agent's pool that the server was just closing. */
  onStaleConnection(error: Error): void;
}

export interface Exchange {
  /** Sends the request. What this throws, no request came of. */
  send(request: ExchangeRequest): void;
  /** Lets everything go. */
  abandon(): void;
  ref(): void;
  unref(): void;
}
