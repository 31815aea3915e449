/**
 * Executes one input after another, in a thread of its own, so that the main one can see when it hangs. The input that
 * is being executed is in memory that both share.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { corpora } from './corpus.js';
import { mutate } from './mutate.js';
import { Random } from './random.js';
import { execute } from './targets.js';

/** What was not seen before is worth changing further, up to so many inputs, of so many bytes: short ones are fast. */
const MOST_KEPT = 2_000;
const LONGEST_KEPT = 4_000;

const { target, seed, shared, time } = workerData;
const state = new Int32Array(shared, 0, 4);
const current = Buffer.from(shared, 16);
const random = new Random(seed);
const corpus = [...corpora[target]];
const known = new Set();
/** Of the input that is being executed. */
let input = Buffer.alloc(0);
let lengths = [];

const fail = (error) => {
  parentPort?.postMessage({ input, lengths, message: error?.stack ?? String(error) });
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

// Loading does not count.
const started = Date.now();
while (Date.now() - started < time) {
  input = mutate(random.pick(corpus), corpus, random);
  lengths = cutsOf(input.length);
  // For who looks on from outside.
  state[1] = input.copy(current);
  Atomics.add(state, 0, 1);
  let seen;
  try {
    seen = await execute(target, input, lengths);
  } catch (error) {
    fail(error);
    continue;
  }
  const kind = seen.map((line) => line.split('#', 1)[0]).join();
  if (known.has(kind)) continue;
  known.add(kind);
  if (corpus.length < MOST_KEPT && input.length <= LONGEST_KEPT) corpus.push(input);
}
parentPort?.postMessage({ done: true, kinds: known.size, milliseconds: Date.now() - started });

/** @param {number} length */
function cutsOf(length) {
  // Byte by byte, where that does not take long.
  if (length <= 64 && random.below(2) === 0) return Array.from({ length }, () => 1);
  const most = random.pick([1 + Math.ceil(length / 4), 16, 600]);
  const cuts = [];
  for (let left = length; left > 0 && cuts.length < 64;) {
    const part = 1 + random.below(most);
    cuts.push(part);
    left -= part;
  }
  return cuts;
}
