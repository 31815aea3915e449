/**
 * Sends an opening handshake's request by a Dispatcher of undici, through its `dispatch` method: its `upgrade` method
 * would keep the status and the header fields of a refusal to itself. It judges no answer.
 */

import type { Duplex } from 'node:stream';

import { WatershedError } from '../errors.js';
import type { Dispatcher } from './client-options.js';
import type { Exchange, ExchangeHandler, ExchangeRequest } from './exchange.js';
import type { HeaderFields } from './fields.js';
import { guard } from './guard.js';

/** Names and values in turn, as undici 6 gives header fields. */
type RawHeaders = readonly (Buffer | string | readonly (Buffer | string)[])[] | null;

export class DispatchExchange implements Exchange {
  readonly #dispatcher: Dispatcher;
  readonly #handler: ExchangeHandler;
  #abort: ((reason: Error) => void) | undefined;
  #isOver = false;

  constructor(dispatcher: Dispatcher, handler: ExchangeHandler) {
    this.#dispatcher = dispatcher;
    this.#handler = handler;
  }

  send({ url, headers }: ExchangeRequest): void {
    // undici makes these two of its own `upgrade`, and refuses to be given them.
    const fields = Object.entries(headers).filter(([name]) => !['connection', 'upgrade'].includes(name.toLowerCase()));
    this.#dispatcher.dispatch(
      {
        origin: `${url.protocol === 'wss:' ? 'https' : 'http'}://${url.host}`,
        path: url.pathname + url.search,
        method: 'GET',
        headers: Object.fromEntries(fields),
        upgrade: 'websocket',
        // The handshake has a deadline of its own.
        headersTimeout: 0,
      },
      this.#dispatchHandler(),
    );
  }

  abandon(): void {
    if (this.#conclude()) this.#abandonRequest();
  }

  /** Until there is an answer, the socket is undici's alone. */
  ref(): void {}

  unref(): void {}

  /** What a Dispatcher reports to: the methods that undici 7 calls, then those that undici 6 does. */
  #dispatchHandler(): object {
    return {
      onRequestStart: (controller: { abort(reason: Error): void }) => {
        this.#onStart((reason) => { controller.abort(reason); });
      },
      onRequestUpgrade: (_controller: unknown, statusCode: number, headers: HeaderFields, socket: Duplex) => {
        this.#onUpgrade(statusCode, headers, socket);
      },
      onResponseStart: (_controller: unknown, statusCode: number, headers: HeaderFields) => {
        this.#onResponse(statusCode, headers);
      },
      onResponseData: () => undefined,
      onResponseEnd: () => { this.#onEnd(); },
      onResponseError: (_controller: unknown, error: unknown) => { this.#onError(error); },

      onConnect: (abort: (reason: Error) => void) => { this.#onStart(abort); },
      onUpgrade: (statusCode: number, headers: RawHeaders, socket: Duplex) => {
        this.#onUpgrade(statusCode, toFields(headers), socket);
      },
      onHeaders: (statusCode: number, headers: RawHeaders) => {
        this.#onResponse(statusCode, toFields(headers));
        return true;
      },
      onData: () => true,
      onComplete: () => { this.#onEnd(); },
      onError: (error: unknown) => { this.#onError(error); },
    };
  }

  #onStart(abort: (reason: Error) => void): void {
    this.#abort = abort;
    // It may have waited for its turn in a pool, from which there is no other way out.
    if (this.#isOver) this.#abandonRequest();
  }

  #onUpgrade(statusCode: number, headers: HeaderFields, socket: Duplex): void {
    if (this.#conclude()) {
      // What came behind the head of the response has been put back into the socket.
      this.#handler.onUpgrade({ statusCode, headers }, socket, Buffer.alloc(0));
    } else {
      guard(socket);
      socket.destroy();
    }
  }

  #onResponse(statusCode: number, headers: HeaderFields): void {
    // A provisional response; but a 101 that comes here has not switched protocols.
    if (statusCode < 200 && statusCode !== 101) return;
    if (!this.#conclude()) return;
    this.#abandonRequest();
    this.#handler.onResponse({ statusCode, headers });
  }

  #onEnd(): void {
    const message = 'The dispatcher ended the request without an answer';
    this.#onError(new WatershedError('WATERSHED_CONNECTION_FAILED', message));
  }

  #onError(error: unknown): void {
    if (this.#conclude()) this.#handler.onError(error);
  }

  #abandonRequest(): void {
    this.#abort?.(new WatershedError('WATERSHED_HANDSHAKE_ABORTED', 'The opening handshake is over'));
  }

  /** Gives false when it was over already: whatever comes then is nobody's business. */
  #conclude(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    return true;
  }
}

function toFields(rawHeaders: RawHeaders): HeaderFields {
  const fields = new Map<string, string | string[]>();
  const raw = rawHeaders ?? [];
  for (let i = 0; i < raw.length; i += 2) {
    const [name = '', ...values] = raw.slice(i, i + 2).flat().map(toText);
    const all = [fields.get(name.toLowerCase()) ?? [], values].flat();
    fields.set(name.toLowerCase(), all.length === 1 ? all.join() : all);
  }
  return Object.fromEntries(fields);
}

function toText(part: Buffer | string): string {
  return typeof part === 'string' ? part : part.toString('latin1');
}
