/** Calls of functions in another process, over the channel that fork() gives. */

/**
 * @param {import('node:child_process').ChildProcess} child  a process that calls `answerCalls`
 * @returns {(name: string, ...args: unknown[]) => Promise<any>}
 */
export function caller(child) {
  /** @type {Map<number, { resolve: (value: unknown) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let calls = 0;
  child.on('message', ({ id, value, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  return (name, ...args) => new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    child.send({ id: calls, name, args });
  });
}

/**
 * Lets the parent call these functions. The process ends when the parent is gone.
 * @param {Record<string, (...args: any[]) => unknown>} functions
 */
export function answerCalls(functions) {
  process.on('message', async ({ id, name, args }) => {
    try {
      process.send({ id, value: await functions[name](...args) });
    } catch (error) {
      process.send({ id, error: error.stack });
    }
  });
  process.on('disconnect', () => { process.exit(); });
}
