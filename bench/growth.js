/**
 * What a message costs by its length, by its fragments and by the number of connections, Watershed beside ws: whether
 * anything grows faster than it should.
 */
import { drawGrowth } from './chart.js';
import { calibrate, open, turn } from './contest.js';
import { startLoad, startSubject } from './processes.js';
import { saveResults, showProgress, warnIfBusy, write } from './results.js';
import { scenario } from './scenarios.js';
import { median } from './statistics.js';
import { format } from './table.js';

const ROUND_TIME = 150;
const MIB = 1_024 * 1_024;

/** Each step is a scenario of its own: a server that echoes. */
const panels = [
  {
    name: 'bytes of a message',
    unit: 'ns cpu for a byte',
    steps: [1, 8, 64, 512, 4_096, 32_768, 262_144, 2 * MIB, 16 * MIB],
    make: (size) => ({ kind: 'binary', size, block: Math.min(100, Math.ceil(65_536 / size)), variants: 4 }),
    costOf: ({ cpu }, size) => (cpu * 1_000) / size,
  },
  {
    name: 'fragments of a message of 1 MiB',
    unit: 'µs cpu for a message',
    steps: [1, 8, 64, 512, 4_096, 32_768, 65_537],
    make: (fragments) => ({ kind: 'binary', size: MIB, fragments, variants: 2 }),
    costOf: ({ cpu }) => cpu,
  },
  {
    name: 'connections with one message of 32 B in flight each',
    unit: 'µs cpu for a message',
    steps: [1, 10, 100, 1_000, 10_000],
    make: (connections) => ({ connections }),
    costOf: ({ cpu }) => cpu,
  },
];

/** @param {import('./compare.js').Asked} asked */
export async function run({ node, suffix, peers = ['ws'], rounds = 5 }) {
  const names = ['watershed', ...peers];
  const steps = panels.reduce((total, panel) => total + panel.steps.length, 0);
  const minutes = (steps * names.length * (rounds + 3) * ROUND_TIME * 1.5) / 60_000;
  console.log(`${steps} steps, about ${Math.ceil(minutes)} min\n`);
  warnIfBusy();
  // A load for each: 10,000 connections are as many as one process may have open on some machines.
  const subjects = names.map((name) => ({ ...startSubject(name, node), load: startLoad() }));
  const results = [];
  try {
    for (const { name, unit, steps: own, make, costOf } of panels) {
      const lines = Object.fromEntries(names.map((peer) => [peer, []]));
      for (const step of own) {
        showProgress(`${name}: ${step}`);
        const each = scenario(`${name} ${step}`, '', make(step));
        const turns = await takeTurns(each, subjects, rounds);
        for (const peer of names) lines[peer].push([step, median(turns.get(peer).map((one) => costOf(one, step)))]);
      }
      showProgress('');
      print(name, unit, lines);
      results.push({ name, unit, lines });
    }
    const { version } = await subjects[0].call('info');
    saveResults(`${version}-growth${suffix}`, version, names, results);
    write(`${version}-growth${suffix}.svg`, drawGrowth(`What an echo costs a server (Node ${version})`, results));
    console.log(`written to bench/results/${version}-growth${suffix}.json and .svg`);
  } finally {
    for (const { stop, load } of subjects) {
      stop();
      load.stop();
    }
  }
}

async function takeTurns(each, subjects, rounds) {
  const turns = new Map(subjects.map(({ name }) => [name, []]));
  const units = new Map();
  for (const subject of subjects) {
    await open(each, subject, subject.load.call);
    units.set(subject, await calibrate(each, subject, subject.load.call, ROUND_TIME));
  }
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      turns.get(subject.name).push(await turn(each, subject, subject.load.call, units.get(subject)));
    }
  }
  for (const { name, call, load } of subjects) {
    await load.call('close', name);
    await call('close');
  }
  return turns;
}

function print(name, unit, lines) {
  console.log(`${name}: ${unit}`);
  const [first] = Object.values(lines);
  console.log(['  '.padEnd(18), ...first.map(([step]) => String(step).padStart(10))].join(''));
  for (const [peer, points] of Object.entries(lines)) {
    console.log([`  ${peer}`.padEnd(18), ...points.map(([, cost]) => format(cost).padStart(10))].join(''));
  }
  console.log();
}
