/**
 * Sends an opening handshake's request by node:http or node:https. It judges no answer.
 */

// As objects, not by name: what a program puts in the place of `http.request` is used.
import type { Agent, ClientRequest, RequestOptions } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';

import { typeError } from '../checks.js';
import type { TransportOptions } from './client-options.js';
import { DirectSocket, isAgentDispensable } from './direct-socket.js';
import type { Exchange, ExchangeHandler, ExchangeRequest } from './exchange.js';
import { http } from './node-http.js';
import { hostOf, portOf } from './target.js';

export class HttpExchange implements Exchange {
  readonly #agent: Agent | false | undefined;
  readonly #transport: TransportOptions;
  readonly #handler: ExchangeHandler;
  #request: ClientRequest | undefined;
  /** A socket of an agent's own making need not be one of node:net. */
  #socket: (Duplex & { ref?(): unknown; unref?(): unknown }) | undefined;
  #isRef = true;
  #isOver = false;

  constructor(agent: Agent | false | undefined, transport: TransportOptions, handler: ExchangeHandler) {
    this.#agent = agent;
    this.#transport = transport;
    this.#handler = handler;
  }

  send({ url, headers }: ExchangeRequest): void {
    const { request: makeRequest } = url.protocol === 'wss:' ? https : http;
    const { createConnection } = this.#transport;
    let direct: DirectSocket | undefined;
    const request = makeRequest({
      ...this.#transport,
      ...(createConnection !== undefined && { createConnection: checked(createConnection) }),
      ...(this.#mayBeDirect(url) && {
        createConnection: ({ host, port }) => {
          direct = new DirectSocket({ ...this.#transport, host: String(host), port: Number(port) });
          return direct.socket;
        },
      }),
      agent: this.#agent,
      hostname: hostOf(url),
      port: portOf(url),
      path: url.pathname + url.search,
      headers,
    });
    this.#request = request;

    request.on('socket', (socket) => {
      this.#socket = socket;
      if (!this.#isRef) this.unref();
    });
    request.on('upgrade', (response, socket, head) => {
      // What a program has put in the place of `http.request` may have made a socket of its own.
      const readTo = socket === direct?.socket ? direct.readTo : undefined;
      if (this.#conclude()) this.#handler.onUpgrade(response, socket, head, readTo);
    });
    request.on('response', (response) => {
      if (!this.#conclude()) return;
      // The connection goes with the rest of the response: that may be endless.
      request.destroy();
      this.#handler.onResponse(response);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (!this.#conclude()) return;
      if (request.reusedSocket && error.code === 'ECONNRESET') this.#handler.onStaleConnection(error);
      else this.#handler.onError(error);
    });
    request.end();
  }

  abandon(): void {
    if (this.#conclude()) this.#request?.destroy();
  }

  ref(): void {
    this.#isRef = true;
    this.#socket?.ref?.();
  }

  unref(): void {
    this.#isRef = false;
    this.#socket?.unref?.();
  }

  /** Whether nobody but us has a say in how the connection is made. */
  #mayBeDirect({ protocol }: URL): boolean {
    const { createConnection, lookup, socketPath } = this.#transport;
    return (
      protocol === 'ws:' &&
      (this.#agent ?? createConnection ?? lookup ?? socketPath) === undefined &&
      isAgentDispensable()
    );
  }

  /** Gives false when it was over already: whatever comes then is nobody's business. */
  #conclude(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    return true;
  }
}

type CreateConnection = NonNullable<RequestOptions['createConnection']>;

/** What is no stream would make node:http throw where nobody can catch it. What is thrown here fails the request. */
function checked(createConnection: CreateConnection): CreateConnection {
  return (options, callback) => {
    const socket = createConnection(options, (error, given) => {
      callback(error ?? noStreamError(given), given);
    });
    const error = socket ? noStreamError(socket) : null;
    if (error !== null) throw error;
    // Nothing: it calls back.
    return socket;
  };
}

/** The error for what is no stream; null for one. */
function noStreamError(value: unknown): Error | null {
  const { on, write } = Object(value) as Partial<Duplex>;
  if (typeof on === 'function' && typeof write === 'function') return null;
  return typeError('What options.createConnection gives', 'a stream.Duplex', value);
}
