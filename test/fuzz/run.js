/**
 * The fuzzer: `npm run fuzz -- --minutes 10`. It changes inputs that are right, byte by byte and part by part, feeds
 * them to both ends and their handshakes, and looks whether what must hold holds: see targets.js. What it finds is
 * written to test/fuzz/seeds/, where `npm test` executes it again. The same seed gives the same inputs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { corpora } from './corpus.js';

/** Milliseconds after which an input counts as one that hangs; the machine may be busy with other things. */
const PATIENCE = 60_000;
/** Bytes beyond what the process had at the beginning. */
const MOST_MEMORY = 1_024 * 1_024 * 1_024;
/** After so many findings the rest are the same ones. */
const MOST_FINDINGS = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    target: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const known = Object.keys(corpora);
const names = values.target === undefined ? known : values.target.split(',');
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const unknown = names.find((name) => !known.includes(name));
const mistake =
  !(minutes > 0) ? `--minutes must be a number above 0, but is ${values.minutes}`
  : !Number.isInteger(seed) ? `--seed must be a whole number, but is ${values.seed}`
  : unknown !== undefined ? `--target must be some of ${known.join(',')}, but has ${JSON.stringify(unknown)}`
  : undefined;
if (mistake !== undefined) {
  console.error(`${mistake}\nnpm run fuzz -- --minutes 10 --target ${known.join(',')} --seed 1`);
  process.exit(2);
}

console.log(`${minutes} min for ${names.join(', ')}, seed ${seed}`);
const before = process.memoryUsage.rss();
let findings = 0;
for (const target of names) await fuzz(target, (minutes * 60_000) / names.length);
console.log(findings === 0 ? 'nothing was found' : `${findings} findings`);
process.exitCode = findings === 0 ? 0 : 1;

/**
 * @param {string} target
 * @param {number} time  in milliseconds
 */
async function fuzz(target, time) {
  const shared = new SharedArrayBuffer(16 + 400_000);
  const state = new Int32Array(shared, 0, 4);
  const started = Date.now();
  const workerData = { target, seed, shared, time };
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData });
  /** What is being executed. */
  const current = () => Buffer.from(Buffer.from(shared, 16, state[1]));
  let last = 0;
  let lastChange = started;
  await new Promise((resolve) => {
    const end = () => {
      clearInterval(timer);
      void worker.terminate().then(resolve);
    };
    const timer = setInterval(() => {
      const count = Atomics.load(state, 0);
      // Until the first one it is still being loaded.
      if (count !== last || count === 0) [last, lastChange] = [count, Date.now()];
      const seconds = (Date.now() - started) / 1_000;
      if (process.stderr.isTTY) {
        process.stderr.write(`\r\x1b[K${target}: ${count} executions, ${Math.round(count / seconds)} /s`);
      }
      if (Date.now() - lastChange > PATIENCE) {
        found(target, current(), [], `It hangs, or never ends: ${PATIENCE / 1_000} s`);
        end();
      } else if (process.memoryUsage.rss() - before > MOST_MEMORY) {
        found(target, current(), [], `The memory has grown by ${MOST_MEMORY / 2 ** 20} MiB`);
        end();
      }
    }, 500);
    worker.on('message', ({ done, kinds, milliseconds, input, lengths, message }) => {
      if (done) {
        if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
        const count = Atomics.load(state, 0);
        const rate = Math.round((count * 1_000) / milliseconds);
        console.log(`${target}: ${count} executions, ${rate} /s, with ${kinds} kinds of outcome`);
        end();
      } else {
        found(target, Buffer.from(input), lengths, message);
        if (findings >= MOST_FINDINGS) end();
      }
    });
    worker.on('error', (error) => {
      found(target, current(), [], error.stack ?? String(error));
      end();
    });
  });
}

/**
 * @param {string} target
 * @param {Buffer} input
 * @param {readonly number[]} lengths
 * @param {string} message
 */
function found(target, input, lengths, message) {
  findings++;
  const name = `${target}-${createHash('sha1').update(input).digest('hex').slice(0, 10)}.json`;
  mkdirSync(new URL('seeds/', import.meta.url), { recursive: true });
  const why = message.split('\n', 1)[0];
  const text = JSON.stringify({ target, why, bytes: input.toString('base64'), lengths });
  writeFileSync(new URL(`seeds/${name}`, import.meta.url), `${text}\n`);
  console.log(`\nfound with ${target}: ${message}`);
  console.log(`It is in test/fuzz/seeds/${name}, and npx vitest run test/fuzz executes it again.\n`);
}
