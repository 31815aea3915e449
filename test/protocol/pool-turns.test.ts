import { describe, expect, it } from 'vitest';
import { takeTurn } from '../../src/protocol/pool-turns.js';

describe('the turns in the thread pool', () => {
  it('are eight at a time, and those that wait come in the order in which they asked', () => {
    for (const time of ['first', 'second']) {
      const begun: number[] = [];
      const ends: (() => void)[] = [];
      for (let index = 0; index < 20; index++) {
        takeTurn((done) => {
          begun.push(index);
          ends.push(done);
        });
      }
      expect(begun, time).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      ends.shift()?.();
      expect(begun, time).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      while (ends.length > 0) ends.shift()?.();
      expect(begun, time).toEqual(Array.from({ length: 20 }, (_, index) => index));
    }
  });

  it('may end within themselves', () => {
    let count = 0;
    for (let index = 0; index < 20; index++) {
      takeTurn((done) => {
        count++;
        done();
      });
    }
    expect(count).toBe(20);
  });
});
