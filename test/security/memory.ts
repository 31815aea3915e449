/** What a test says about memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export const KiB = 1024;
export const MiB = 1024 * KiB;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that cannot be collected: V8's heap, what is beside it, and zlib's. */
export async function heldMemory(): Promise<number> {
  await collectAll();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Those of them that are in ArrayBuffers: what V8 compiles meanwhile is not. */
export async function heldBuffers(): Promise<number> {
  await collectAll();
  return process.memoryUsage().arrayBuffers;
}

async function collectAll(): Promise<void> {
  // What a finalizer frees is free one turn of the event loop later.
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** How much memory the process has at most, in bytes, beyond what it has now, until `stop` is called. */
export function watchMemory(): () => { buffers: number; resident: number } {
  const before = process.memoryUsage();
  let buffers = 0;
  let resident = 0;
  const look = (): void => {
    const now = process.memoryUsage();
    buffers = Math.max(buffers, now.arrayBuffers - before.arrayBuffers);
    resident = Math.max(resident, now.rss - before.rss);
  };
  const timer = setInterval(look, 1);
  return () => {
    look();
    clearInterval(timer);
    return { buffers, resident };
  };
}
