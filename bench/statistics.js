/** Medians, and how sure they are. */

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * An interval that holds the true median with a probability of at least 95 %, whatever the values' distribution: by
 * order statistics. Of 7 values it goes from the least to the greatest (98.4 %), of 21 from the 6th to the 16th
 * (97.3 %). Fewer than 6 values have no such interval; what is given is their range.
 * @param {number[]} values
 */
export function interval(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  // The chance that fewer than `outside` + 1 of them lie on one side of the median.
  let outside = 0;
  let term = 2 ** -count;
  let tail = term;
  while (tail + (term * (count - outside)) / (outside + 1) <= 0.025) {
    term *= (count - outside) / (outside + 1);
    tail += term;
    outside++;
  }
  return { low: sorted[outside], high: sorted[count - 1 - outside], isSure: 2 ** (1 - count) <= 0.05 };
}

/**
 * A target is met when the median reaches it and the interval leaves out what is 5 % less.
 * @param {number[]} ratios
 * @param {number} target
 */
export function isMet(ratios, target) {
  return median(ratios) >= target && interval(ratios).low > target * 0.95;
}
