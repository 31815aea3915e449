/**
 * What a user's listener or callback throws: never swallowed, and never the end of what the library was doing. It is
 * thrown where nobody catches it, as an uncaught exception of its own.
 */

/** Makes a call into the user's code. */
export function callOut(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwLater(error);
  }
}

export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
