/** Compares what a process holds with what it held. It takes no stock itself. */

/** How much the heap may have grown: a part of it, and at least so many bytes, for code that was compiled meanwhile. */
const MAX_GROWTH = 0.03;
const MIN_GROWTH = 1024 * 1024;

/**
 * What is left at the end that was not there at the start: a line for each thing.
 * @param {string} name  of the process
 * @param {import('./stock.js').Stock} start
 * @param {import('./stock.js').Stock} end
 * @returns {string[]}
 */
export function leftovers(name, start, end) {
  const left = [];
  for (const resource of new Set([...Object.keys(start.resources), ...Object.keys(end.resources)])) {
    const more = (end.resources[resource] ?? 0) - (start.resources[resource] ?? 0);
    if (more !== 0) left.push(`${name}: ${more} ${resource} more than at the start`);
  }
  if (end.timers !== start.timers) left.push(`${name}: ${end.timers - start.timers} timers more than at the start`);
  if (end.listeners !== start.listeners) {
    left.push(`${name}: ${end.listeners - start.listeners} listeners of the process more than at the start`);
  }
  const growth = end.heap - start.heap;
  if (growth > Math.max(start.heap * MAX_GROWTH, MIN_GROWTH)) {
    left.push(`${name}: the heap has grown by ${growth} bytes, from ${start.heap}`);
  }
  return left;
}
