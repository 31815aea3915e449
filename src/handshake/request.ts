/**
 * A client's opening handshake, from the URL to the open connection (RFC 6455 section 4.1, WebSockets Standard
 * section 2.2, "establish a WebSocket connection"): sends the request, follows redirects, judges the answer. It knows
 * no frames.
 */

import type { Duplex } from 'node:stream';

import { HandshakeError, WatershedError } from '../errors.js';
import { isBlockedPort } from './blocked-ports.js';
import { resolvePerMessageDeflate } from '../options.js';
import {
  checkResponse,
  type EstablishedHandshake,
  type HandshakeResponse,
  type Requested,
  requestFields,
} from './client.js';
import { headerPairs, type TransportOptions, transportOptions, type WebSocketOptions } from './client-options.js';
import type { ReadTo } from './direct-socket.js';
import { DispatchExchange } from './dispatch.js';
import type { Exchange, ExchangeHandler } from './exchange.js';
import { toFailure, unexpectedStatus } from './failure.js';
import { guard } from './guard.js';
import { HttpExchange } from './http-exchange.js';
import { generateKey } from './key.js';
import { invalidRedirect, isRedirect, redirectTarget } from './redirect.js';
import { resolveAddress, Turn } from './serialize.js';
import { basicAuthorization, hostOf, parseUnixURL, portOf } from './target.js';

/** What a handshake has opened. */
export interface EstablishedConnection extends EstablishedHandshake {
  readonly socket: Duplex;
  /** What the server has sent behind its answer. */
  readonly head: Buffer;
  /** What the socket is to be read by, if not as a stream. */
  readonly readTo: ReadTo | undefined;
}

/** Exactly one of these is called, once, in a later tick. */
export interface OpeningHandshakeHandler {
  onEstablished(connection: EstablishedConnection): void;
  /** The error has a message and a code; if the server answered, it is a HandshakeError. */
  onFailure(error: Error): void;
}

/** An opening handshake under way. */
export interface OpeningHandshake {
  /** Ends it: nothing is reported any more, and everything is let go. */
  abort(): void;
  /** Lets the connection that is being made keep the process alive, as it does from the start. */
  ref(): void;
  unref(): void;
}

const DEFAULT_HANDSHAKE_TIMEOUT = 30_000;
const DEFAULT_MAX_REDIRECTS = 10;

/** What was given for one origin, and is of no use or of harm to another. */
const HEADERS_OF_ORIGIN = ['authorization', 'cookie', 'host', 'proxy-authorization'];
const TRANSPORT_OF_ORIGIN = ['cert', 'key', 'passphrase', 'pfx', 'servername', 'socketPath'];

/**
 * Starts an opening handshake.
 * @param url A `ws:`, `wss:` or `ws+unix:` URL.
 * @param options Checked already; later changes of them are not seen.
 * @throws SyntaxError (DOMException) for a `ws+unix:` URL without a socket's path, TypeError for one with a dispatcher.
 */
export function openHandshake(
  url: URL,
  protocols: readonly string[],
  options: WebSocketOptions,
  handler: OpeningHandshakeHandler,
): OpeningHandshake {
  return new ClientHandshake(url, protocols, options, handler);
}

class ClientHandshake implements OpeningHandshake {
  readonly #protocols: readonly string[];
  readonly #options: WebSocketOptions;
  readonly #handler: OpeningHandshakeHandler;
  readonly #deadline: NodeJS.Timeout;
  /** Where the next request goes: a `ws:` or `wss:` URL. */
  #url: URL;
  /** The caller's header fields, by name in lower case. */
  readonly #headers: Map<string, string | string[]>;
  #transport: TransportOptions;
  #exchange: Exchange | undefined;
  #turn: Turn | undefined;
  #redirects = 0;
  #isRetried = false;
  #isRef = true;
  #isOver = false;

  constructor(url: URL, protocols: readonly string[], options: WebSocketOptions, handler: OpeningHandshakeHandler) {
    this.#url = url;
    this.#protocols = [...protocols];
    this.#options = { ...options };
    this.#handler = handler;
    this.#headers = headersByName(options.headers);
    this.#transport = transportOptions(options);
    if (url.protocol === 'ws+unix:') {
      if (options.dispatcher !== undefined) {
        throw new TypeError('A ws+unix: URL cannot be used with options.dispatcher');
      }
      const { socketPath, url: requestURL } = parseUnixURL(url);
      this.#url = requestURL;
      this.#transport = { ...this.#transport, socketPath };
    }

    const { handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT, signal } = options;
    this.#deadline = setTimeout(() => { this.#timeOut(handshakeTimeout); }, handshakeTimeout).unref();
    signal?.addEventListener('abort', this.#onSignal);
    // In a tick of its own, so that nothing that is known at once is reported at once.
    process.nextTick(() => {
      if (signal?.aborted === true) this.#onSignal();
      else this.#begin();
    });
  }

  abort(): void {
    this.#finish();
  }

  ref(): void {
    this.#isRef = true;
    this.#exchange?.ref();
  }

  unref(): void {
    this.#isRef = false;
    this.#exchange?.unref();
  }

  /** Begins with the URL of the caller, and with that of each redirect. */
  #begin(): void {
    if (this.#isOver) return;
    const { allowBlockedPorts = false, serialize = false } = this.#options;
    const port = portOf(this.#url);
    if (!allowBlockedPorts && this.#transport.socketPath === undefined && isBlockedPort(port)) {
      const message =
        `The port ${String(port)} is blocked, as in browsers (Fetch Standard section 2.9): ` +
        'take another, or set allowBlockedPorts';
      this.#fail(new WatershedError('WATERSHED_BLOCKED_PORT', message));
    } else if (serialize) {
      this.#attempt(() => { this.#takeTurn(port); });
    } else {
      this.#send();
    }
  }

  #takeTurn(port: number): void {
    const wait = (address: string): void => {
      if (this.#isOver) return;
      this.#turn = new Turn(`${address} ${String(port)}`, () => { this.#send(); });
    };
    const { agent, dispatcher } = this.#options;
    const { createConnection, socketPath } = this.#transport;
    if (socketPath !== undefined) wait(socketPath);
    else if (agent ?? dispatcher ?? createConnection) wait(hostOf(this.#url));
    else resolveAddress(hostOf(this.#url), this.#transport, wait);
  }

  #send(): void {
    const key = generateKey();
    const { agent, dispatcher } = this.#options;
    const exchange =
      dispatcher === undefined
        ? new HttpExchange(agent, this.#transport, this.#exchangeHandler(key))
        : new DispatchExchange(dispatcher, this.#exchangeHandler(key));
    this.#exchange = exchange;
    if (!this.#isRef) exchange.unref();
    this.#attempt(() => { exchange.send({ url: this.#url, headers: this.#requestHeaders(key) }); });
  }

  #requestHeaders(key: string): Record<string, string | string[]> {
    const headers: Record<string, string | string[]> = requestFields(key, {
      protocols: this.#protocols,
      origin: this.#headers.has('origin') ? undefined : this.#options.origin,
      perMessageDeflate: this.#options.perMessageDeflate,
    });
    const authorization = this.#headers.has('authorization') ? undefined : basicAuthorization(this.#url);
    if (authorization !== undefined) headers['Authorization'] = authorization;
    return this.#headers.size === 0 ? headers : { ...headers, ...Object.fromEntries(this.#headers) };
  }

  #exchangeHandler(key: string): ExchangeHandler {
    return {
      onUpgrade: (response, ...upgrade) => { this.#establish(response, key, ...upgrade); },
      onResponse: (response) => { this.#attempt(() => { this.#follow(response); }); },
      onError: (error) => { this.#fail(error); },
      onStaleConnection: (error) => { this.#retry(error); },
    };
  }

  #establish(response: HandshakeResponse, key: string, socket: Duplex, head: Buffer, readTo?: ReadTo): void {
    let handshake: EstablishedHandshake;
    try {
      const perMessageDeflate = resolvePerMessageDeflate(this.#options.perMessageDeflate, undefined);
      handshake = checkAnswer(response, key, { protocols: this.#protocols, perMessageDeflate });
    } catch (error) {
      // Its failure is known, and nothing that comes later is of interest.
      guard(socket);
      socket.destroy();
      this.#fail(error);
      return;
    }
    this.#finish();
    this.#handler.onEstablished({ socket, head, readTo, ...handshake });
  }

  /** @throws HandshakeError for a response that leads nowhere. */
  #follow(response: HandshakeResponse): void {
    const { followRedirects = false, maxRedirects = DEFAULT_MAX_REDIRECTS } = this.#options;
    if (!followRedirects || !isRedirect(response)) throw unexpectedStatus(response);
    if (this.#redirects === maxRedirects) {
      throw invalidRedirect(response, `The server redirects more than ${String(maxRedirects)} times (maxRedirects)`);
    }
    const target = redirectTarget(this.#url, response);
    if (target.origin !== this.#url.origin) {
      for (const name of HEADERS_OF_ORIGIN) this.#headers.delete(name);
      this.#transport = Object.fromEntries(
        Object.entries(this.#transport).filter(([name]) => !TRANSPORT_OF_ORIGIN.includes(name)),
      );
    }
    this.#redirects++;
    this.#url = target;
    this.#turn?.release();
    this.#begin();
  }

  /** Once more, with a new key: the connection was an old one, which the server was closing just then. */
  #retry(error: unknown): void {
    if (this.#isRetried) {
      this.#fail(error);
    } else {
      this.#isRetried = true;
      this.#send();
    }
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #onSignal = (): void => {
    this.#fail(
      new WatershedError('WATERSHED_HANDSHAKE_ABORTED', 'The opening handshake was aborted by its signal', {
        cause: this.#options.signal?.reason,
      }),
    );
  };

  #timeOut(timeout: number): void {
    const message =
      `There was no answer within ${String(timeout)} ms (handshakeTimeout): ` +
      "is it a WebSocket server, with an 'upgrade' listener that answers every request?";
    this.#fail(new WatershedError('WATERSHED_HANDSHAKE_TIMEOUT', message));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#finish();
    this.#handler.onFailure(toFailure(error, this.#url));
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#options.signal?.removeEventListener('abort', this.#onSignal);
    this.#exchange?.abandon();
    this.#turn?.release();
  }
}

/** A caller's header fields, each under its name in lower case. */
function headersByName(headers: WebSocketOptions['headers']): Map<string, string | string[]> {
  const byName = new Map<string, string | string[]>();
  for (const [name, value] of headerPairs(headers)) {
    const lowerCase = name.toLowerCase();
    const earlier = byName.get(lowerCase);
    byName.set(lowerCase, earlier === undefined && typeof value === 'string' ? value : [earlier ?? [], value].flat(2));
  }
  return byName;
}

/** RFC 6455 section 4.1, and what the WebSockets Standard asks for beyond it. */
function checkAnswer(response: HandshakeResponse, key: string, requested: Requested): EstablishedHandshake {
  const { statusCode = 0, headers } = response;
  if (statusCode !== 101) throw unexpectedStatus(response);
  const handshake = checkResponse(response, key, requested);
  // WebSockets Standard section 2.2, "establish a WebSocket connection", step 11.3.
  if (requested.protocols?.length && handshake.subprotocol === undefined) {
    throw new HandshakeError(
      'WATERSHED_SUBPROTOCOL_MISMATCH',
      statusCode,
      'The server chose none of the subprotocols that were asked for',
      headers,
    );
  }
  return handshake;
}
