/**
 * The benchmarks: Watershed beside other implementations, each in a process of its own, and one process of bare sockets
 * that is the other end of them all. `node bench/run.js --help` says what can be asked for.
 */
import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { caller } from './calls.js';
import { holdContest } from './contest.js';
import { measureMemory } from './memory.js';
import { peers } from './peers.js';
import { measuresOf, scenarios } from './scenarios.js';
import { printScenario, printVerdicts } from './table.js';

const HELP = `npm run bench -- [options]

  --quick            three short rounds beside ws and the bare sockets alone, without a verdict
  --scenario A,B     these scenarios alone; the beginning of a name is enough
  --peer A,B         these implementations alone, beside Watershed
  --rounds N         so many rounds (7, and 21 where a target is below 1.2, if not given)
  --node PATH        the Node that runs what is measured (this one if not given)
  --list             names the scenarios and the implementations
`;

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    peer: { type: 'string' },
    rounds: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (asked.help) console.log(HELP);
else if (asked.list) list();
else await run();

function list() {
  for (const { name, what } of scenarios) console.log(`${name.padEnd(24)} ${what}`);
  console.log(`\nbeside ${Object.keys(peers).slice(1).join(', ')}`);
}

async function run() {
  const chosen = choose(asked.scenario, scenarios.map(({ name }) => name));
  const chosenPeers = choose(asked.peer ?? (asked.quick ? 'ws,raw' : undefined), Object.keys(peers), (name) => name);
  const plan = scenarios.filter(({ name }) => chosen.includes(name)).map((scenario) => ({
    scenario,
    names: ['watershed', ...scenario.peers.filter((name) => chosenPeers.includes(name))],
    rounds: roundsOf(scenario),
  }));
  const settings = asked.quick ? { turnTime: 100, warmUps: 1 } : { turnTime: 350, warmUps: 3 };
  const seconds = plan.reduce((total, part) => total + secondsOf(part, settings), 0);
  console.log(`${plan.length} scenarios, about ${seconds < 120 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`}\n`);

  const load = fork(fileURLToPath(new URL('load.js', import.meta.url)));
  const callLoad = caller(load);
  /** @type {Map<string, ReturnType<typeof start>>} */
  const started = new Map();
  const results = [];
  try {
    for (const { scenario, names, rounds } of plan) {
      const onProgress = (text) => { showProgress(`${scenario.name}: ${text}`); };
      const contestants = names.map((name) => {
        if (!started.has(name)) started.set(name, start(name));
        return started.get(name);
      });
      const turns = isMemory(scenario)
        ? await measureMemory(scenario, names, (name) => start(name, ['--expose-gc']), callLoad, { rounds, onProgress })
        : await holdContest(scenario, contestants, callLoad, { ...settings, rounds, onProgress });
      showProgress('');
      results.push({ scenario, turns });
      printScenario(scenario, turns, !asked.quick);
    }
    if (!asked.quick) printVerdicts(results);
    await save(results, started);
  } finally {
    for (const { stop } of started.values()) stop();
    load.disconnect();
  }
}

function isMemory(scenario) {
  return measuresOf(scenario)[0] !== 'cpu';
}

/** How long a scenario takes, by experience. */
function secondsOf({ scenario, names, rounds }, { turnTime, warmUps }) {
  if (isMemory(scenario)) return names.length * rounds * 3;
  return (names.length * (turnTime * (rounds + warmUps + 1.7) + 150)) / 1_000;
}

/** The names that begin as one of those that were asked for; all of them if nothing was. */
function choose(text, names, beginning = (name) => name) {
  if (text === undefined) return names;
  return text.split(',').flatMap((part) => {
    if (names.includes(part)) return [part];
    const found = names.filter((name) => name.startsWith(beginning(part)));
    if (found.length === 0) throw new Error(`Nothing is called ${part}: see --list`);
    return found;
  });
}

/** @param {import('./scenarios.js').Scenario} scenario */
function roundsOf(scenario) {
  if (asked.rounds !== undefined) return Number(asked.rounds);
  if (isMemory(scenario)) return asked.quick ? 1 : 7;
  if (asked.quick) return 3;
  return Object.values(scenario.targets).some((target) => target < 1.2) ? 21 : 7;
}

/**
 * A process with this implementation.
 * @param {string} name
 * @param {string[]} flags  of Node
 */
function start(name, flags = []) {
  const { module, env } = peers[name];
  const execArgv = [...flags];
  // Node 20 has a WebSocket class, but shows it only when it is asked to.
  if (name === 'node') execArgv.push('--experimental-websocket');
  const child = fork(fileURLToPath(new URL('subject.js', import.meta.url)), [name], {
    execPath: asked.node,
    execArgv,
    env: { ...process.env, ...env },
  });
  return { name, call: caller(child), isRaw: module === 'raw', stop: () => { child.disconnect(); } };
}

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Writes down what was measured, and where. */
async function save(results, started) {
  const { node } = await started.get('watershed').call('info');
  const versions = Object.fromEntries([...started.keys()].flatMap((name) => {
    const { package: packageName } = peers[name];
    return packageName === undefined ? [] : [[packageName, versionOf(packageName)]];
  }));
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const part = asked.quick ? '-quick' : asked.scenario || asked.peer || asked.rounds ? '-part' : '';
  const file = new URL(`${node}${part}.json`, folder);
  const plain = results.map(({ scenario, turns }) => ({ scenario: scenario.name, turns: Object.fromEntries(turns) }));
  const about = { date: new Date().toISOString(), node, cpu: cpus()[0].model, cpus: cpus().length, versions };
  writeFileSync(file, `${JSON.stringify({ ...about, results: plain })}\n`);
  console.log(`\nwritten to ${fileURLToPath(file)}`);
}

function versionOf(packageName) {
  return JSON.parse(readFileSync(new URL(`node_modules/${packageName}/package.json`, import.meta.url))).version;
}
