import { describe, expect, it } from 'vitest';
import { OutstandingPings } from '../../src/connection/outstanding-pings.js';

describe('OutstandingPings', () => {
  it('knows the PING that a PONG answers, once', () => {
    const pings = new OutstandingPings();
    pings.sent(Buffer.from('a'));
    expect(pings.answered(Buffer.from('b'))).toBeUndefined();
    expect(pings.answered(Buffer.from('a'))).toBeGreaterThanOrEqual(0);
    expect(pings.answered(Buffer.from('a'))).toBeUndefined();
  });

  it('takes a PONG for the oldest of several PINGs with the same payload', async () => {
    const pings = new OutstandingPings();
    pings.sent(Buffer.alloc(0));
    const between = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    pings.sent(Buffer.alloc(0));
    const sinceOldest = pings.answered(Buffer.alloc(0));
    expect(sinceOldest).toBeGreaterThanOrEqual(performance.now() - between - 1);
    expect(pings.answered(Buffer.alloc(0))).toBeLessThanOrEqual(Number(sinceOldest));
  });

  it('forgets the PINGs before the one that is answered, as a peer may answer only the newest', () => {
    const pings = new OutstandingPings();
    for (const payload of ['a', 'b', 'c', 'd']) pings.sent(Buffer.from(payload));
    expect(pings.answered(Buffer.from('c'))).toBeGreaterThanOrEqual(0);
    expect(pings.answered(Buffer.from('a'))).toBeUndefined();
    expect(pings.answered(Buffer.from('b'))).toBeUndefined();
    expect(pings.answered(Buffer.from('d'))).toBeGreaterThanOrEqual(0);
  });

  it('remembers the newest 32 when the peer answers none', () => {
    const pings = new OutstandingPings();
    for (let index = 0; index < 1000; index++) pings.sent(Buffer.from(String(index)));
    expect(pings.answered(Buffer.from('967'))).toBeUndefined();
    expect(pings.answered(Buffer.from('968'))).toBeGreaterThanOrEqual(0);
    expect(pings.answered(Buffer.from('999'))).toBeGreaterThanOrEqual(0);
  });
});
