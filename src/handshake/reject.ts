/**
 * Refuses an upgrade: a whole HTTP response instead of the 101, and then the end of the socket
 * (RFC 6455 section 4.2.2). It knows nothing of why.
 */

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { HandshakeError } from '../errors.js';
import { checkFieldValue, isToken, typeError } from '../options.js';
import { fieldLines } from './fields.js';
import { guard } from './guard.js';

export interface RejectOptions {
  /** Further header fields of the response. Connection, Content-Length and Transfer-Encoding cannot be overridden. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /**
   * The response's body.
   * @defaultValue the error's message or the status's reason phrase, as plain text
   */
  readonly body?: string | Uint8Array | undefined;
}

/**
 * How long the peer has to take the response and to end its side, in milliseconds. Destroying the socket at once
 * could lose the response: what the peer has still sent would be answered with a TCP reset, and that makes the peer's
 * system throw away what it had received.
 */
const LINGER_TIME = 2000;

/**
 * Answers an upgrade request with a refusal, then ends the socket. A socket that is gone already is left alone.
 * @param reason What `accept` threw, or an HTTP status from 300 to 599. The error of a client's end, thrown by
 * `connect`, is answered with the status that its server gave, or with 502 where that was no refusal.
 * @throws TypeError for an argument of a wrong type, RangeError for one out of range. Nothing is written then.
 */
export function reject(socket: Duplex, reason: HandshakeError | number, options: RejectOptions = {}): void {
  const response = refusalResponse(reason, options);
  // For good: whatever happens to the socket from here on, nobody is left to be told.
  guard(socket);
  if (!socket.writable) return;

  socket.end(response);
  // Reads on, so that the peer's end is seen: the stream destroys itself when both sides have ended.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_TIME).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

function refusalResponse(reason: unknown, options: RejectOptions): Buffer {
  const { statusCode, message, headers } = describe(reason);
  const reasonPhrase = STATUS_CODES[statusCode] ?? '';
  const body = bodyBytes(options.body ?? message ?? reasonPhrase);

  // Keyed by the name in lower case, so that a later field takes the place of an earlier one.
  const fields = new Map([
    ['date', fieldLines('Date', new Date().toUTCString())],
    ['content-type', fieldLines('Content-Type', 'text/plain; charset=utf-8')],
  ]);
  for (const [name, value] of Object.entries(headers)) {
    // An error that a client's end made has those of the response that it got: they are not this one's.
    if (value !== undefined && !isOwnField(name)) fields.set(name.toLowerCase(), checkedLines(name, value));
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (isOwnField(name)) throw new TypeError(`options.headers must not have ${name}: it is set for the response`);
    fields.set(name.toLowerCase(), checkedLines(name, value));
  }
  // A sender of Upgrade names it in Connection too (RFC 9110 section 7.8).
  const connection = fields.has('upgrade') ? 'close, Upgrade' : 'close';

  const head =
    `HTTP/1.1 ${String(statusCode)} ${reasonPhrase}\r\n` +
    [...fields.values()].join('') +
    fieldLines('Connection', connection) +
    fieldLines('Content-Length', String(body.length));
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body]);
}

type Description = Pick<HandshakeError, 'statusCode' | 'headers'> & { readonly message?: string };

function describe(reason: unknown): Description {
  if (reason instanceof HandshakeError) {
    // A gateway whose own handshake went wrong behind a 101 or a 200 (RFC 9110 section 15.6.3).
    return isRefusal(reason.statusCode) ? reason : { statusCode: 502, message: reason.message, headers: {} };
  }
  if (typeof reason !== 'number') throw typeError('reason', 'a HandshakeError or an HTTP status', reason);
  if (!isRefusal(reason)) {
    throw new RangeError(`reason must be an HTTP status from 300 to 599, but is ${String(reason)}`);
  }
  return { statusCode: reason, headers: {} };
}

function isRefusal(statusCode: number): boolean {
  return Number.isInteger(statusCode) && statusCode >= 300 && statusCode <= 599;
}

function bodyBytes(body: unknown): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  throw typeError('options.body', 'a string or a Uint8Array', body);
}

function checkedLines(name: string, value: string | readonly string[]): string {
  if (!isToken(name)) {
    throw new RangeError(`A header field's name must be a token (RFC 9110 section 5.1), not ${JSON.stringify(name)}`);
  }
  for (const line of (Array.isArray(value) ? value : [value]) as unknown[]) {
    if (typeof line !== 'string') throw typeError(`The header field ${name}`, 'a string or an array of strings', line);
    checkFieldValue(`The header field ${name}`, line);
  }
  return fieldLines(name, value);
}

function isOwnField(name: string): boolean {
  return ['connection', 'content-length', 'transfer-encoding'].includes(name.toLowerCase());
}
