// @ts-check
/**
 * Isomorphic: the shared module in Node. See server.mjs.
 *
 *   node examples/isomorphic/client.mjs [ws://localhost:8080]
 */

import { Questions } from './questions.mjs';

const questions = new Questions(process.argv[2] ?? 'ws://localhost:8080');

try {
  for (const question of ['Who are you?', 'What time is it?']) {
    console.log(`${question} ${await questions.ask(question)}`);
  }
  questions.close();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
