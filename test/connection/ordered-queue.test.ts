import { describe, expect, it } from 'vitest';
import { OrderedQueue } from '../../src/connection/ordered-queue.js';

/** A queue that writes down what it does, with work that is done when the test says so. */
function recordedQueue() {
  const log: string[] = [];
  const queue = new OrderedQueue(() => log.push('idle'));
  const done = new Map<string, () => void>();
  return {
    log,
    queue,
    /** Says that the work is done. */
    finish: (name: string) => done.get(name)?.(),
    pushSlow: (name: string) => {
      queue.push(
        (callback) => {
          log.push(`begin ${name}`);
          done.set(name, callback);
        },
        (error) => log.push(`cancel ${name}: ${error.message}`),
      );
    },
    pushQuick: (name: string) => {
      queue.push(
        (callback) => {
          log.push(name);
          callback();
        },
        (error) => log.push(`cancel ${name}: ${error.message}`),
      );
    },
  };
}

describe('OrderedQueue', () => {
  it('does work at once while it is idle, and is idle again after it', () => {
    const { queue, log, pushQuick } = recordedQueue();
    expect(queue.isIdle).toBe(true);
    pushQuick('a');
    expect(log).toEqual(['a', 'idle']);
    expect(queue.isIdle).toBe(true);
  });

  it('keeps work behind work that takes time, in order', () => {
    const { queue, log, pushQuick, pushSlow, finish } = recordedQueue();
    pushSlow('a');
    pushQuick('b');
    pushSlow('c');
    pushQuick('d');
    expect(log).toEqual(['begin a']);
    expect(queue.isIdle).toBe(false);
    finish('a');
    expect(log).toEqual(['begin a', 'b', 'begin c']);
    expect(queue.isIdle).toBe(false);
    finish('c');
    expect(log).toEqual(['begin a', 'b', 'begin c', 'd', 'idle']);
    expect(queue.isIdle).toBe(true);
  });

  it('begins no work before the work in front of it is done, even if that is done later than another', () => {
    const { log, pushSlow, finish } = recordedQueue();
    pushSlow('a');
    pushSlow('b');
    finish('b');
    expect(log).toEqual(['begin a']);
    finish('a');
    expect(log).toEqual(['begin a', 'begin b']);
  });

  it('does not count work that is said to be done twice', () => {
    const { log, pushSlow, finish } = recordedQueue();
    pushSlow('a');
    pushSlow('b');
    pushSlow('c');
    finish('a');
    finish('a');
    expect(log).toEqual(['begin a', 'begin b']);
  });

  it('drops everything when it is cancelled, and tells each entry why, in order', () => {
    const { queue, log, pushSlow, pushQuick, finish } = recordedQueue();
    pushSlow('a');
    pushQuick('b');
    queue.push((done) => { done(); });
    pushQuick('c');
    queue.cancel(() => new Error('gone'));
    expect(queue.isIdle).toBe(true);
    finish('a');
    expect(log).toEqual(['begin a', 'cancel a: gone', 'cancel b: gone', 'cancel c: gone']);
  });

  it('takes work again after it was cancelled, undisturbed by work from before', () => {
    const { queue, log, pushSlow, finish } = recordedQueue();
    pushSlow('a');
    const late = () => finish('a');
    queue.cancel(() => new Error('gone'));
    pushSlow('b');
    late();
    expect(queue.isIdle).toBe(false);
    finish('b');
    expect(log).toEqual(['begin a', 'cancel a: gone', 'begin b', 'idle']);
  });

  it('may be cancelled inside work and inside a cancellation', () => {
    const { queue, log, pushQuick } = recordedQueue();
    queue.push(
      (done) => {
        pushQuick('behind');
        queue.cancel(() => new Error('gone'));
        done();
      },
      () => {
        queue.cancel(() => new Error('again'));
        pushQuick('anew');
      },
    );
    expect(log).toEqual(['cancel behind: gone', 'anew', 'idle']);
    expect(queue.isIdle).toBe(true);
  });

  it('does work that is pushed inside work behind what waits', () => {
    const { queue, log, pushSlow, pushQuick, finish } = recordedQueue();
    pushSlow('a');
    queue.push((done) => {
      pushQuick('pushed inside');
      log.push('b');
      done();
    });
    pushQuick('c');
    finish('a');
    expect(log).toEqual(['begin a', 'b', 'c', 'pushed inside', 'idle']);
  });

  it('says that it is idle once it is, so that work may be pushed there', () => {
    const log: string[] = [];
    const queue: OrderedQueue = new OrderedQueue(() => {
      expect(queue.isIdle).toBe(true);
      log.push('idle');
      if (log.length === 1) queue.push((done) => { done(); });
    });
    queue.push((done) => { done(); });
    expect(log).toEqual(['idle', 'idle']);
  });

  it('does 100,000 entries that waited without growing the stack, in order', () => {
    const { queue, pushSlow, finish } = recordedQueue();
    const order: number[] = [];
    pushSlow('first');
    for (let index = 0; index < 100_000; index++) {
      queue.push((done) => {
        order.push(index);
        done();
      });
    }
    finish('first');
    expect(order).toEqual(Array.from({ length: 100_000 }, (_, index) => index));
    expect(queue.isIdle).toBe(true);
  });
});
