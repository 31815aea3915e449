/**
 * What a process holds when nothing should be going on in it: memory after garbage collection, the resources of the
 * event loop, timers, listeners. It needs --expose-gc, and has to be imported before anything makes a timer.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { watchTimers } from './active-timers.js';

const timers = watchTimers(() => undefined);

/**
 * @typedef {object} Stock
 * @property {number} heap  bytes of JavaScript objects and of the buffers that they hold
 * @property {number} resident  bytes of the process
 * @property {Record<string, number>} resources  of the event loop that keep the process alive, by name
 * @property {number} timers  that are running, whether or not they keep the process alive
 * @property {number} listeners  of the process object
 */

/** @returns {Promise<Stock>} */
export async function takeStock() {
  // A handle is closed some turns of the event loop after its 'close', and what it held is collected after that.
  for (let round = 0; round < 8; round++) {
    await wait(50);
    globalThis.gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  return { heap: heapUsed + external, resident: rss, resources, timers: timers.size, listeners };
}

/** The JavaScript heap, garbage included, and the whole process, in bytes. */
export function memory() {
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}
