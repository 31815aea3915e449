/**
 * What an attack costs a server: the memory that its process takes at most, and how long a well-behaved connection of
 * the same process waits for its echo at worst. Watershed beside ws, each attack on a fresh process of each, in turns;
 * the well-behaved end has a process of its own, and so has the attacker (this one).
 */
import { setTimeout as wait } from 'node:timers/promises';
import { attacks } from './attackers.js';
import { open } from './contest.js';
import { startLoad, startSubject } from './processes.js';
import { saveResults, showProgress, warnIfBusy } from './results.js';
import { scenario } from './scenarios.js';
import { median } from './statistics.js';
import { format } from './table.js';

const MIB = 1_024 * 1_024;
/** Milliseconds that an attack lasts, and how many round trips are asked for at a time, with how many between them. */
const DURATION = 4_000;
const TRIPS = { gap: 5, count: 20 };
/** An echo that takes longer counts as this long, and ends the turn. */
const PATIENCE = 20_000;
/** What is free again afterwards is looked at so many milliseconds later. */
const AFTERMATH = 500;

/** @param {import('./compare.js').Asked} asked */
export async function run({ node, suffix, isQuick, scenarios, peers = ['ws'], rounds = isQuick ? 1 : 3 }) {
  const names = ['watershed', ...peers];
  const chosen = attacks.filter(({ name }) => scenarios?.includes(name) ?? true);
  const seconds = chosen.length * names.length * rounds * 6;
  console.log(`${chosen.length} attacks, about ${Math.ceil(seconds / 60)} min\n`);
  warnIfBusy();
  const results = {};
  let version;
  for (const attack of chosen) {
    const own = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const name of names) {
        showProgress(`${attack.name}, round ${round + 1} of ${rounds}: ${name}`);
        const { node: measured, ...turn } = await attackOne(attack, startSubject(name, node, { keepsMemory: false }));
        version = measured;
        own[name].push(turn);
      }
    }
    showProgress('');
    results[attack.name] = own;
    print(attack, own);
  }
  saveResults(`${version}-attacks${suffix}`, version, names, results);
  console.log(`written to bench/results/${version}-attacks${suffix}.json`);
}

/** One attack on one process. */
async function attackOne({ deflate = false, run: begin }, subject) {
  const quiet = startLoad();
  try {
    const port = await open(scenario('quiet', '', { deflate }), subject, quiet.call);
    const { version } = await subject.call('info');
    const before = (await subject.call('usage')).resident;
    let isOver = false;
    const attack = begin(port, () => isOver);
    const times = [];
    for (const started = performance.now(); performance.now() - started < DURATION;) {
      const late = wait(PATIENCE, [PATIENCE], { ref: false });
      const trips = await Promise.race([quiet.call('roundTrips', subject.name, TRIPS), late]);
      times.push(...trips);
      if (trips[0] === PATIENCE) break;
    }
    isOver = true;
    times.sort((a, b) => a - b);
    const { peak } = await subject.call('usage');
    const end = await attack;
    end();
    await wait(AFTERMATH);
    return {
      node: version,
      peak: peak - before,
      worst: times.at(-1),
      p99: times[Math.floor(times.length * 0.99)],
      afterwards: (await subject.call('usage')).resident - before,
    };
  } finally {
    subject.stop();
    quiet.stop();
  }
}

function print({ name, what }, own) {
  console.log(`${name}: ${what}`);
  for (const [peer, turns] of Object.entries(own)) {
    const of = (key) => median(turns.map((turn) => turn[key]));
    console.log([
      `  ${peer}`.padEnd(14),
      `${format(of('peak') / MIB)} MiB at most`.padEnd(20),
      `${format(of('afterwards') / MIB)} MiB afterwards`.padEnd(24),
      `worst delay ${format(of('worst'))} ms`.padEnd(24),
      `p99 ${format(of('p99'))} ms`,
    ].join(' '));
  }
  console.log();
}
