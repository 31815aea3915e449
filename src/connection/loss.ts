/**
 * The reasons for which a connection is lost: the peer went away without a CLOSE, or counts as gone.
 */
import { WatershedError } from '../errors.js';
import type { ResolvedConnectionOptions } from '../options.js';

const LOST_PEER_CODES = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_DESTROYED']);

/** Whether an error of the socket only says that the peer is gone. */
export function isLostPeer(error: NodeJS.ErrnoException): boolean {
  return LOST_PEER_CODES.has(error.code ?? '') || error.message === 'write after end';
}

export function connectionLost(cause?: Error): WatershedError {
  return new WatershedError(
    'WATERSHED_CONNECTION_LOST',
    'The peer went away without a CLOSE frame',
    cause === undefined ? undefined : { cause },
  );
}

export function closeTimedOut({ closeTimeout }: ResolvedConnectionOptions): WatershedError {
  return new WatershedError(
    'WATERSHED_CLOSE_TIMEOUT',
    `closeTimeout: the peer did not answer our CLOSE within ${String(closeTimeout)} ms`,
  );
}

export function heartbeatTimedOut({ heartbeat }: ResolvedConnectionOptions): WatershedError {
  return new WatershedError(
    'WATERSHED_HEARTBEAT_TIMEOUT',
    `heartbeat: nothing came from the peer within ${String(heartbeat?.timeout)} ms after a PING`,
  );
}

export function bufferLimitExceeded(
  { maxBufferedAmount }: ResolvedConnectionOptions,
  bufferedAmount: number,
): WatershedError {
  return new WatershedError(
    'WATERSHED_BUFFER_LIMIT',
    `maxBufferedAmount: ${String(bufferedAmount)} bytes are buffered for the peer, ` +
      `at most ${String(maxBufferedAmount)} may be`,
  );
}
