/** The benchmarks' statistics. */
import { expect, test } from 'vitest';

const statistics = '../../bench/statistics.js';
const { median, interval, isMet } = (await import(statistics)) as {
  median: (values: number[]) => number;
  interval: (values: number[]) => { low: number; high: number; isSure: boolean };
  isMet: (ratios: number[], target: number) => boolean;
};

const upTo = (count: number) => Array.from({ length: count }, (_, index) => count - index);

test('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([10, 2, 9])).toBe(9);
  expect(median([10, 2, 9, 1])).toBe(5.5);
});

test('the interval leaves out as many values at each end as a confidence of 95 % allows', () => {
  // Ranks from the table of the sign test.
  expect(interval(upTo(7))).toEqual({ low: 1, high: 7, isSure: true });
  expect(interval(upTo(8))).toEqual({ low: 1, high: 8, isSure: true });
  expect(interval(upTo(9))).toEqual({ low: 2, high: 8, isSure: true });
  expect(interval(upTo(21))).toEqual({ low: 6, high: 16, isSure: true });
});

test('less than six values are not enough for 95 %', () => {
  expect(interval(upTo(5))).toEqual({ low: 1, high: 5, isSure: false });
  expect(interval([3])).toEqual({ low: 3, high: 3, isSure: false });
});

test('a target is met when the median reaches it and the interval leaves out what is 5 % less', () => {
  expect(isMet([9.6, 10, 10, 10, 10, 11, 12], 10)).toBe(true);
  expect(isMet([9.5, 10, 10, 10, 10, 11, 12], 10)).toBe(false);
  expect(isMet([9.9, 9.9, 9.9, 9.9, 10, 11, 12], 10)).toBe(false);
});
