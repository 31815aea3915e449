// @ts-check
/**
 * Reconnecting: prints a server's events, whatever happens to the connection: stop the server and start it again. Ctrl-C
 * ends it.
 *
 *   node examples/reconnecting/client.mjs [ws://localhost:8080]
 */

import { subscribe } from './subscribe.mjs';

const controller = new AbortController();
process.once('SIGINT', () => controller.abort());
process.once('SIGTERM', () => controller.abort());

const events = subscribe(process.argv[2] ?? 'ws://localhost:8080', {
  signal: controller.signal,
  onRetry: (delay, why) => console.error(`${why}; the next attempt is in ${Math.round(delay)} ms`),
});

try {
  for await (const { cursor, text } of events) console.log(cursor, text);
  console.log('stopped');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
