/**
 * How long a quiet connection waits for its echo while other connections of the same server are flooded: the median and
 * the 99th percentile of its round trips. The quiet end has a process of its own.
 */
import { calibrate, open } from './contest.js';
import { startLoad, startSubject } from './processes.js';
import { saveResults, showProgress, warnIfBusy } from './results.js';
import { scenarios } from './scenarios.js';
import { interval, median } from './statistics.js';
import { format } from './table.js';

const flood = scenarios.find(({ name }) => name === 'echo-32-text');
const quiet = scenarios.find(({ name }) => name === 'echo-single-1');
/** Round trips in a round, and the milliseconds between two. */
const TRIPS = { count: 300, gap: 5 };
/** Milliseconds for which the flood is asked for at a time. */
const FLOOD = 100;

/** @param {import('./compare.js').Asked} asked */
export async function run({ node, suffix, peers = ['ws', 'ws+addons'], rounds = 7 }) {
  const names = ['watershed', ...peers];
  console.log(`a quiet connection beside a flood (${flood.what}), about ${rounds * names.length * 3} s\n`);
  warnIfBusy();
  const load = startLoad();
  const quietLoad = startLoad();
  const subjects = names.map((name) => startSubject(name, node));
  try {
    const units = new Map();
    for (const subject of subjects) {
      const { name, isRaw } = subject;
      const port = await open(flood, subject, load.call);
      await quietLoad.call('connect', name, { scenario: quiet, isRaw, port });
      units.set(name, await calibrate(flood, subject, load.call, FLOOD));
    }
    const trips = new Map(names.map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const { name } of subjects) {
        showProgress(`round ${round + 1} of ${rounds}: ${name}`);
        trips.get(name).push(await turn(name, units.get(name), load.call, quietLoad.call));
      }
    }
    showProgress('');
    print(trips);
    const { version } = await subjects[0].call('info');
    saveResults(`${version}-latency${suffix}`, version, names, Object.fromEntries(trips));
    console.log(`written to bench/results/${version}-latency${suffix}.json`);
  } finally {
    for (const { stop } of subjects) stop();
    load.stop();
    quietLoad.stop();
  }
}

/** One round of one implementation: percentiles in milliseconds, and the flood's messages a second. */
async function turn(name, units, callLoad, callQuiet) {
  let isOver = false;
  const started = performance.now();
  const measured = callQuiet('roundTrips', name, TRIPS).finally(() => { isOver = true; });
  let messages = 0;
  while (!isOver) {
    await callLoad('work', name, units);
    messages += units * flood.connections * flood.block;
  }
  const rate = (messages / (performance.now() - started)) * 1_000;
  const times = (await measured).toSorted((a, b) => a - b);
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), rate };
}

function percentile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function print(trips) {
  for (const [name, own] of trips) {
    const cells = [name.padEnd(16)];
    for (const key of ['p50', 'p99']) {
      const values = own.map((each) => each[key]);
      cells.push(`${key} ${format(median(values))} ms`.padEnd(14));
      if (name === 'watershed') continue;
      const ratios = values.map((value, round) => value / trips.get('watershed')[round][key]);
      const { low, high } = interval(ratios);
      cells.push(`${format(median(ratios))} × [${format(low)} to ${format(high)}]`.padEnd(26));
    }
    cells.push(`flood ${Math.round(median(own.map(({ rate }) => rate))).toLocaleString('en')} /s`);
    console.log(cells.join(' '));
  }
  console.log();
}
