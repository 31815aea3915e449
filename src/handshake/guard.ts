/**
 * Keeps the errors of a socket that nobody has taken yet from being uncaught: between node:http's 'upgrade' event and
 * the decision to accept or to refuse, the socket has no listener of its own.
 */

import type { Duplex } from 'node:stream';

/**
 * Guards a socket until it is accepted or refused. A socket that has failed by then is destroyed, and `accept` says so.
 * Guarding one twice does nothing more.
 */
export function guard(socket: Duplex): void {
  if (!socket.listeners('error').includes(ignoreError)) socket.on('error', ignoreError);
}

/** Takes the guard away, once somebody else listens for the socket's errors. */
export function unguard(socket: Duplex): void {
  socket.off('error', ignoreError);
}

function ignoreError(): void {
  // A failed socket destroys itself, and there is no connection yet that could report the failure.
}
