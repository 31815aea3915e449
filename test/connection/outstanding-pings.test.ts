import { afterEach, describe, expect, it, vi } from 'vitest';
import { OutstandingPings } from '../../src/connection/outstanding-pings.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('OutstandingPings', () => {
  it('knows the PING that a PONG answers, once', () => {
    const pings = new OutstandingPings();
    pings.sent(Buffer.from('a'));
    expect(pings.answered(Buffer.from('b'))).toBeUndefined();
    expect(pings.answered(Buffer.from('a'))).toBeGreaterThanOrEqual(0);
    expect(pings.answered(Buffer.from('a'))).toBeUndefined();
  });

  it('takes a PONG for the oldest of several PINGs with the same payload', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const pings = new OutstandingPings();
    pings.sent(Buffer.alloc(0));
    vi.advanceTimersByTime(50);
    pings.sent(Buffer.alloc(0));
    vi.advanceTimersByTime(10);
    expect(pings.answered(Buffer.alloc(0))).toBe(60);
    expect(pings.answered(Buffer.alloc(0))).toBe(10);
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
