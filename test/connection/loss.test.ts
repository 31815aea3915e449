import { describe, expect, it } from 'vitest';
import {
  bufferLimitExceeded,
  closeTimedOut,
  connectionLost,
  heartbeatTimedOut,
  isLostPeer,
} from '../../src/connection/loss.js';
import { resolveConnectionOptions } from '../../src/options.js';

function error(message: string, code?: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

describe('isLostPeer', () => {
  it.each(['ECONNRESET', 'EPIPE', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_DESTROYED'])('takes %s for the peer being gone', (code) => {
    expect(isLostPeer(error('write', code))).toBe(true);
  });

  it('takes the write after end of a stream without codes for it', () => {
    expect(isLostPeer(error('write after end'))).toBe(true);
  });

  it.each([error('write', 'ETIMEDOUT'), error('write', ''), error('write'), error('')])('does not take other errors for it: %s', (other) => {
    expect(isLostPeer(other)).toBe(false);
  });
});

describe('the reasons for a loss', () => {
  const options = resolveConnectionOptions({
    closeTimeout: 250,
    maxBufferedAmount: 1_000,
    heartbeat: { interval: 20, timeout: 30 },
  });

  it.each([
    ['WATERSHED_CONNECTION_LOST', () => connectionLost(), 'The peer went away without a CLOSE frame'],
    ['WATERSHED_CLOSE_TIMEOUT', () => closeTimedOut(options), 'closeTimeout: the peer did not answer our CLOSE within 250 ms'],
    [
      'WATERSHED_HEARTBEAT_TIMEOUT',
      () => heartbeatTimedOut(options),
      'heartbeat: nothing came from the peer within 30 ms after a PING',
    ],
    [
      'WATERSHED_BUFFER_LIMIT',
      () => bufferLimitExceeded(options, 1_001),
      'maxBufferedAmount: 1001 bytes are buffered for the peer, at most 1000 may be',
    ],
  ])('name the option and its value: %s', (code, make, message) => {
    const reason = make();
    expect(reason).toMatchObject({ name: 'WatershedError', code, message });
    expect('cause' in reason).toBe(false);
  });

  it('have the error of the socket as their cause', () => {
    const cause = error('read ECONNRESET', 'ECONNRESET');
    expect(connectionLost(cause).cause).toBe(cause);
  });
});
