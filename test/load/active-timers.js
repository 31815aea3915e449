/**
 * The timers that are running. Node tells only of those that keep the process alive, and the library's do not: so the
 * global functions are replaced by ones that keep an account.
 */

/**
 * Keeps the account from now on, for timers that are made and cleared by the global functions.
 * @template Owner
 * @param {() => Owner} ownerOf  says to whom a timer belongs that is being made
 * @returns {ReadonlyMap<NodeJS.Timeout, Owner>} the running timers, and whose they are
 */
export function watchTimers(ownerOf) {
  const running = new Map();
  const { setTimeout, clearTimeout } = globalThis;
  globalThis.setTimeout = (callback, delay, ...args) => {
    const timer = setTimeout(() => {
      running.delete(timer);
      callback(...args);
    }, delay);
    running.set(timer, ownerOf());
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    running.delete(timer);
    clearTimeout(timer);
  };
  return running;
}
