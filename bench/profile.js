/** Where the processor's time goes in the process under test: the functions that have the most of it to themselves. */
import { calibrate, open, turn } from './contest.js';
import { startLoad, startSubject } from './processes.js';
import { showProgress } from './results.js';
import { scenarios } from './scenarios.js';

const MAIN = ['echo-32-text', 'receive-32-text', 'send-burst', 'standard-echo', 'echo-1m'];
const TIME = 3_000;
const FUNCTIONS = 20;

/** @param {import('./compare.js').Asked} asked */
export async function run({ node, scenarios: chosen = MAIN, peers: [name] = ['watershed'] }) {
  const load = startLoad();
  const subject = startSubject(name, node);
  try {
    for (const scenario of scenarios.filter((each) => chosen.includes(each.name))) {
      showProgress(`${scenario.name}: ${name}`);
      await open(scenario, subject, load.call);
      const units = await calibrate(scenario, subject, load.call, TIME);
      await subject.call('startProfile');
      const { cpu, system, faults } = await turn(scenario, subject, load.call, units);
      const profile = await subject.call('stopProfile');
      showProgress('');
      const kernel = `${percent(system / cpu)} of it in the kernel, ${faults.toFixed(2)} page faults`;
      print(`${name}, ${scenario.name}: ${cpu.toFixed(2)} µs for a message, ${kernel}`, profile);
      await load.call('close', name);
      await subject.call('close');
    }
  } finally {
    subject.stop();
    load.stop();
  }
}

/**
 * @param {string} title
 * @param {import('node:inspector').Profiler.Profile} profile
 */
function print(title, { nodes, samples, timeDeltas }) {
  const times = new Map();
  for (const [index, id] of samples.entries()) times.set(id, (times.get(id) ?? 0) + timeDeltas[index]);
  /** @type {Map<string, number>} */
  const byFunction = new Map();
  for (const { id, callFrame: { functionName, url, lineNumber } } of nodes) {
    // "(program)" is native code that no function of JavaScript has called: the event loop and the system calls.
    if (functionName === '(idle)') continue;
    const file = url.split('/').slice(-2).join('/');
    const key = `${functionName || '(anonymous)'}${file ? ` ${file}:${lineNumber + 1}` : ''}`;
    byFunction.set(key, (byFunction.get(key) ?? 0) + (times.get(id) ?? 0));
  }
  const total = [...byFunction.values()].reduce((sum, time) => sum + time, 0);
  console.log(title);
  const most = [...byFunction].toSorted(([, a], [, b]) => b - a).slice(0, FUNCTIONS);
  for (const [key, time] of most) console.log(`  ${percent(time / total).padStart(6)}  ${key}`);
  console.log();
}

function percent(part) {
  return `${(part * 100).toFixed(1)} %`;
}
