// @ts-check
/**
 * Reconnecting: the events of a server as one stream, each of them once and in order, over as many connections as it
 * takes. It knows nothing of what they are, but their cursor.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { HandshakeError, WatershedConnection, WebSocket } from 'watershed';

const FIRST_DELAY = 250;
const LONGEST_DELAY = 15_000;

/** A connection over which nothing comes, not even an answer to a ping, is given up and made again. */
const HEARTBEAT = { interval: 15_000, timeout: 10_000 };

/** @typedef {{ cursor: string, text: string }} StreamedEvent */

/**
 * Ends when `signal` is aborted, and throws when the server refuses in a way that another attempt will not change.
 * @param {string} url
 * @param {{ signal: AbortSignal, onRetry?: (delay: number, why: string) => void }} options
 * @returns {AsyncGenerator<StreamedEvent, void>}
 */
export async function* subscribe(url, { signal, onRetry = () => undefined }) {
  let failures = 0;
  let cursor;
  while (!signal.aborted) {
    const from = new URL(url);
    if (cursor !== undefined) from.searchParams.set('after', cursor);

    let why = 'the server closed the connection';
    try {
      for await (const event of connect(from, signal)) {
        failures = 0;
        yield event;
        cursor = event.cursor;
      }
    } catch (error) {
      if (!isTemporary(error)) throw error;
      why = error instanceof Error ? error.message : String(error);
    }
    if (signal.aborted) return;

    const delay = delayAfter(failures++);
    onRetry(delay, why);
    // It rejects when it is aborted, and then the loop is over.
    await sleep(delay, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * The events of one connection. Leaving the loop closes it.
 * @param {URL} url
 * @param {AbortSignal} signal
 */
async function* connect(url, signal) {
  // The signal ends the attempt to connect; once it is open, `close` does.
  const webSocket = new WebSocket(url, { signal, heartbeat: HEARTBEAT });
  const close = () => webSocket.close();
  signal.addEventListener('abort', close);
  try {
    // The classic face is an async iterable, and stops reading from the socket while the loop is busy.
    for await (const message of WatershedConnection.from(webSocket)) {
      yield /** @type {StreamedEvent} */ (JSON.parse(String(message)));
    }
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/**
 * Twice as long after each failure, up to a limit; and at random up to the half less, so that a thousand clients do not
 * come back in the same moment when a server does.
 * @param {number} failures
 */
export function delayAfter(failures) {
  return Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY) * (1 - Math.random() / 2);
}

/**
 * Whether it is worth while to try again: not after 401 or 404, but after 429 and when nobody answers.
 * @param {unknown} error
 */
function isTemporary(error) {
  if (!(error instanceof HandshakeError)) return true;
  const { statusCode } = error;
  return statusCode >= 500 || statusCode === 408 || statusCode === 429;
}
