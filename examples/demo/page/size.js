// @ts-check
/**
 * A payload's size, and how a number of bytes is written for people.
 */

const encoder = new TextEncoder();

/**
 * The payload's size in bytes.
 * @param {string | Blob | ArrayBuffer} data
 */
export function sizeOf(data) {
  if (typeof data === 'string') return encoder.encode(data).byteLength;
  return data instanceof Blob ? data.size : data.byteLength;
}

/**
 * A number of bytes in three digits or fewer, with its unit.
 * @param {number} amount
 */
export function bytes(amount) {
  if (amount < 1000) return `${amount} B`;
  const [divisor, unit] = amount < 1e6 ? [1e3, 'kB'] : amount < 1e9 ? [1e6, 'MB'] : [1e9, 'GB'];
  const value = amount / divisor;
  return `${value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
