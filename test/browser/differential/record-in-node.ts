/**
 * Records the traces of a WebSocket class in this process.
 */
import { record, type Environment } from './recorder.js';
import { scenarios } from './scenarios/index.js';
import { refusedUrl, startScenarioServer } from './server.js';

export type Traces = Record<string, string[]>;

/** @param patience milliseconds after which a scenario is given up */
export async function recordInNode(WebSocket: Environment['WebSocket'], patience: number): Promise<Traces> {
  const server = await startScenarioServer();
  // Relative URLs are relative to the page in a browser: isomorphic code has a `location` in Node too.
  Object.defineProperty(globalThis, 'location', { value: new URL(server.url), configurable: true });
  // The test runner counts what is not caught; here scenarios are about that.
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  try {
    const base = server.url.replace('http', 'ws');
    return await record(scenarios, { WebSocket, base, refused: await refusedUrl(), onUncaught, patience });
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener);
    Reflect.deleteProperty(globalThis, 'location');
    await server.close();
  }
}

function onUncaught(listener: (error: unknown) => void): () => void {
  process.on('uncaughtException', listener);
  return () => process.off('uncaughtException', listener);
}
