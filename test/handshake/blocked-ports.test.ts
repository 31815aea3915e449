// The ports that a client does not connect to.
import { describe, expect, it } from 'vitest';

import { isBlockedPort } from '../../src/handshake/blocked-ports.js';
import { freePort } from '../interop/daemon.js';
import { open } from './opening.js';

describe('a blocked port', () => {
  it.each([
    'ws://127.0.0.1:22',
    'wss://127.0.0.1:10080',
    'ws://127.0.0.1:0',
  ])('is not connected to: %s', async (url) => {
    const attempt = open(url, { createConnection: () => expect.fail('A connection has been made') });
    expect(attempt.reports).toEqual([]);
    const error = await attempt.failure;
    expect(error.code).toBe('WATERSHED_BLOCKED_PORT');
    expect(error.message).toBe(
      `The port ${new URL(url).port} is blocked, as in browsers (Fetch Standard section 2.9): ` +
        'take another, or set allowBlockedPorts',
    );
  });

  it('is connected to with allowBlockedPorts', async () => {
    const elsewhere = await freePort();
    const { code } = await open('ws://127.0.0.1:22', {
      allowBlockedPorts: true,
      createConnection: ({ port }) => {
        throw Object.assign(new Error(`${String(port)} for ${String(elsewhere)}`), { code: 'TRIED' });
      },
    }).failure;
    expect(code).toBe('TRIED');
  });

  it('is not the default of either scheme', () => {
    expect([80, 443].map(isBlockedPort)).toEqual([false, false]);
  });
});
