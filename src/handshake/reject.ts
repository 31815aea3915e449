/**
 * Refuses an upgrade: a whole HTTP response instead of the 101, and then the end of the socket
 * (RFC 6455 section 4.2.2). It knows nothing of why.
 */

import type { Duplex } from 'node:stream';

import { checkHeaders, typeError } from '../checks.js';
import { HandshakeError } from '../errors.js';
import { checkRejectOptions, type RejectOptions } from '../options.js';
import { fieldLines } from './fields.js';
import { guard, isTaken } from './guard.js';
import { http } from './node-http.js';

/**
 * How long the peer has to take the response and to end its side, in milliseconds. Destroying the socket at once
 * could lose the response: what the peer has still sent would be answered with a TCP reset, and that makes the peer's
 * system throw away what it had received.
 */
const LINGER_TIME = 2000;

/**
 * Answers an upgrade request with a refusal, then ends the socket. A socket that is gone already is left alone, and so
 * is one that has been accepted: the response would be garbage in the middle of a connection.
 * @param reason What `accept` threw, or an HTTP status from 300 to 599. The error of a client's end, thrown by
 * `connect`, is answered with the status that its server gave, or with 502 where that was no refusal.
 * @throws TypeError for an argument of a wrong type, RangeError for one out of range. Nothing is written then.
 */
export function reject(socket: Duplex, reason: HandshakeError | number, options: RejectOptions = {}): void {
  const response = refusalResponse(reason, options);
  if (isTaken(socket)) {
    warnOfTaken();
    return;
  }
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

let hasWarned = false;

/** A mistake in the program, not in what came: it is said once, and the connection that there is goes on. */
function warnOfTaken(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "reject was given an upgrade that has been accepted already, and did nothing: of a server's 'upgrade' listeners, " +
      'only one may answer a request, for instance by its path',
    { type: 'WatershedWarning', code: 'WATERSHED_SOCKET_TAKEN' },
  );
}

function refusalResponse(reason: unknown, options: RejectOptions): Buffer {
  checkRejectOptions(options);
  const { statusCode, message, headers } = describe(reason);
  const reasonPhrase = http.STATUS_CODES[statusCode] ?? '';
  const body = Buffer.from(options.body ?? message ?? reasonPhrase);

  // Keyed by the name in lower case, so that a later field takes the place of an earlier one.
  const fields = new Map([
    ['date', fieldLines('Date', new Date().toUTCString())],
    ['content-type', fieldLines('Content-Type', 'text/plain; charset=utf-8')],
  ]);
  for (const [name, value] of Object.entries(headers)) {
    // An error that a client's end made has those of the response that it got: they are not this one's.
    if (value === undefined || isOwnField(name)) continue;
    checkHeaders('reason.headers', { [name]: value });
    fields.set(name.toLowerCase(), fieldLines(name, value));
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (isOwnField(name)) throw new TypeError(`options.headers must not have ${name}: it is set for the response`);
    fields.set(name.toLowerCase(), fieldLines(name, value));
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

function isOwnField(name: string): boolean {
  return ['connection', 'content-length', 'transfer-encoding'].includes(name.toLowerCase());
}
