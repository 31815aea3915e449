import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Heartbeat } from '../../src/connection/heartbeat.js';
import { turn } from './ends.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A heartbeat of 100 ms and 30 ms that has started, and what it did when. */
function startedHeartbeat() {
  const log: string[] = [];
  const start = performance.now();
  const note = (what: string) => () => {
    log.push(`${what} ${String(Math.round(performance.now() - start))}`);
  };
  const heartbeat = new Heartbeat({ interval: 100, timeout: 30 }, note('ping'), note('give up'));
  heartbeat.start();
  return { heartbeat, log };
}

describe('Heartbeat', () => {
  it('pings after the interval and gives up after the timeout, once', async () => {
    const { log } = startedHeartbeat();
    vi.advanceTimersByTime(130);
    await turn();
    expect(log).toEqual(['ping 100', 'give up 130']);
    vi.advanceTimersByTime(1000);
    await turn();
    expect(log).toEqual(['ping 100', 'give up 130']);
  });

  it('pings an interval after the last arrival', () => {
    const { heartbeat, log } = startedHeartbeat();
    vi.advanceTimersByTime(60);
    heartbeat.arrived();
    vi.advanceTimersByTime(30);
    heartbeat.arrived();
    vi.advanceTimersByTime(99);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(['ping 190']);
  });

  it('goes on when something arrives after the PING', () => {
    const { heartbeat, log } = startedHeartbeat();
    vi.advanceTimersByTime(120);
    heartbeat.arrived();
    vi.advanceTimersByTime(100);
    heartbeat.arrived();
    expect(log).toEqual(['ping 100', 'ping 220']);
  });

  it('does not give up when the answer is read right after the timer', async () => {
    const { heartbeat, log } = startedHeartbeat();
    vi.advanceTimersByTime(130);
    heartbeat.arrived();
    await turn();
    expect(log).toEqual(['ping 100']);
  });

  it('does not give up when it is stopped right after the timer', async () => {
    const { heartbeat, log } = startedHeartbeat();
    vi.advanceTimersByTime(130);
    heartbeat.stop();
    await turn();
    expect(log).toEqual(['ping 100']);
  });

  it('does nothing after it was stopped, though something arrives, and leaves no timer', () => {
    const { heartbeat, log } = startedHeartbeat();
    vi.advanceTimersByTime(110);
    heartbeat.stop();
    heartbeat.arrived();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(log).toEqual(['ping 100']);
  });

  it('counts anew when it is started again', async () => {
    const { heartbeat, log } = startedHeartbeat();
    vi.advanceTimersByTime(110);
    heartbeat.stop();
    vi.advanceTimersByTime(1000);
    heartbeat.start();
    vi.advanceTimersByTime(130);
    await turn();
    expect(log).toEqual(['ping 100', 'ping 1210', 'give up 1240']);
  });

  it('starts once, however often it is told to', () => {
    const { heartbeat, log } = startedHeartbeat();
    heartbeat.start();
    heartbeat.start();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(100);
    expect(log).toEqual(['ping 100']);
  });
});
