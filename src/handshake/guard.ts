/**
 * Keeps the errors of a socket that nobody has taken yet from being uncaught: between node:http's 'upgrade' event and
 * the decision to accept or to refuse, the socket has no listener of its own.
 */

import type { Duplex } from 'node:stream';
import { WatershedError } from '../errors.js';

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

/** @throws WatershedError when nothing more can come of a socket. */
export function checkSocket(socket: Duplex): void {
  // One whose peer has ended takes no `head` back and says its end to nobody any more.
  if (socket.destroyed || socket.readableEnded) {
    throw new WatershedError('WATERSHED_SOCKET_DESTROYED', 'The socket has ended: the peer has gone away already');
  }
}

function ignoreError(): void {
  // A failed socket destroys itself, and there is no connection yet that could report the failure.
}
