/**
 * Why a client's opening handshake has failed, as an error with a message and a code.
 */

import { STATUS_CODES } from 'node:http';

import { HandshakeError, WatershedError } from '../errors.js';
import type { HandshakeResponse } from './client.js';

/** The failure of a handshake that was answered otherwise than with an upgrade. */
export function unexpectedStatus({ statusCode = 0, headers }: HandshakeResponse): HandshakeError {
  const status = `${String(statusCode)} ${STATUS_CODES[statusCode] ?? ''}`.trimEnd();
  const message =
    statusCode === 101
      ? 'The server answered 101 without switching protocols: RFC 6455 section 4.1 asks for Upgrade and Connection'
      : `The server answered ${status} instead of 101`;
  return new HandshakeError('WATERSHED_UNEXPECTED_STATUS', statusCode, message, headers);
}

/** An error as it is, if it says what happened and has a code; otherwise one that does. */
export function toFailure(error: unknown): Error {
  // Node's, when each of a host's addresses has failed, says nothing itself, but has the code of the first.
  if (error instanceof AggregateError && error.message === '') {
    error.message = error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join(', ');
  }
  const { message, code } = (error ?? {}) as { readonly message?: unknown; readonly code?: unknown };
  if (error instanceof Error && message !== '' && typeof code === 'string') return error;
  const reason = typeof message === 'string' && message !== '' ? message : 'for an unknown reason';
  return new WatershedError('WATERSHED_CONNECTION_FAILED', `The connection could not be made: ${reason}`, {
    cause: error,
  });
}
