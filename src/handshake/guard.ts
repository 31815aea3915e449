/**
 * Keeps the errors of a socket that nobody has taken yet from being uncaught: between node:http's 'upgrade' event and
 * the decision to accept or to refuse, the socket has no listener of its own.
 */

import type { Duplex } from 'node:stream';
import { typeError } from '../checks.js';
import { WatershedError } from '../errors.js';

/** What has become of a socket: nothing yet when it has no mark. Not a WeakMap: see src/connection/transport.ts. */
const STATE = Symbol('watershed.state');

type Marked = Duplex & { [STATE]?: 'guarded' | 'taken' | undefined };

/**
 * Guards a socket until it is accepted or refused. A socket that has failed by then is destroyed, and `accept` says so.
 * Guarding one twice, or one that a connection has, does nothing more.
 */
export function guard(socket: Marked): void {
  if (isTaken(socket) || socket.listeners('error').includes(ignoreError)) return;
  socket.on('error', ignoreError);
  socket[STATE] = 'guarded';
}

/** Takes the guard away, once somebody else listens for the socket's errors. */
export function unguard(socket: Marked): void {
  // Most sockets are accepted at once and have none, and looking for it takes 1 µs.
  if (socket[STATE] !== 'guarded') return;
  socket.off('error', ignoreError);
  socket[STATE] = undefined;
}

/** A connection has the socket now: nobody else may answer its request any more. */
export function take(socket: Marked): void {
  unguard(socket);
  socket[STATE] = 'taken';
}

export function isTaken(socket: Marked): boolean {
  return socket[STATE] === 'taken';
}

/**
 * @throws TypeError for something that is no socket, WatershedError when nothing more can come of it, or when its
 * request is answered already.
 */
export function checkSocket(socket: Duplex): void {
  const { write, unshift } = (socket as Partial<Duplex> | null | undefined) ?? {};
  // A ServerResponse has no `unshift`, an IncomingMessage no `write`.
  if (typeof write !== 'function' || typeof unshift !== 'function') {
    throw typeError('socket', "the socket that came with 'upgrade'", socket);
  }
  if (isTaken(socket) || socket.writableEnded) {
    throw new WatershedError(
      'WATERSHED_SOCKET_TAKEN',
      "This upgrade has been accepted or rejected already: of a server's 'upgrade' listeners, only one may answer a " +
        'request, for instance by its path',
    );
  }
  // One whose peer has ended takes no `head` back and says its end to nobody any more.
  if (socket.destroyed || socket.readableEnded) {
    throw new WatershedError('WATERSHED_SOCKET_DESTROYED', 'The socket has ended: the peer has gone away already');
  }
}

function ignoreError(): void {
  // A failed socket destroys itself, and there is no connection yet that could report the failure.
}
