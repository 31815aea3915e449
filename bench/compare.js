/** The scenarios, one after the other, with all who take part: the run without a program's name. */
import { drawComparison } from './chart.js';
import { holdContest } from './contest.js';
import { measureMemory } from './memory.js';
import { startLoad, startSubject } from './processes.js';
import { saveResults, showProgress, warnIfBusy, write } from './results.js';
import { measuresOf, scenarios } from './scenarios.js';
import { printScenario, printVerdicts } from './table.js';

const QUICK = { roundTime: 100, warmUps: 1 };
const THOROUGH = { roundTime: 400, warmUps: 3 };
/**
 * How a process is started whose memory is measured. V8's young generation stays at its smallest: it belongs to the
 * process and not to a connection, grows by some 20 MB while thousands are accepted, and is let go after ten idle seconds.
 */
const FOR_MEMORY = { flags: ['--expose-gc', '--max-semi-space-size=1'], keepsMemory: false };

/**
 * @typedef {object} Asked  what the command line asks for
 * @property {boolean} isQuick
 * @property {string[]} [scenarios]
 * @property {string[]} [peers]
 * @property {number} [rounds]
 * @property {string} node
 * @property {string} suffix  of the files' names
 *
 * @param {Asked} asked
 */
export async function compare(asked) {
  const { isQuick, node } = asked;
  const chosenPeers = asked.peers ?? (isQuick ? ['ws', 'raw'] : undefined);
  const plan = scenarios.filter(({ name }) => asked.scenarios?.includes(name) ?? true).map((scenario) => ({
    scenario,
    names: ['watershed', ...scenario.peers.filter((name) => chosenPeers?.includes(name) ?? true)],
    rounds: asked.rounds ?? roundsOf(scenario, isQuick),
  }));
  const settings = isQuick ? QUICK : THOROUGH;
  const seconds = plan.reduce((total, part) => total + secondsOf(part, settings), 0);
  const duration = seconds < 120 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
  console.log(`${plan.length} scenarios, about ${duration}\n`);
  warnIfBusy();

  const load = startLoad();
  // Each lives through the whole run.
  const names = [...new Set(plan.flatMap((part) => part.names))];
  const subjects = new Map(names.map((name) => [name, startSubject(name, node)]));
  const results = [];
  try {
    const { version } = await subjects.get('watershed').call('info');
    for (const { scenario, names: own, rounds } of plan) {
      const onProgress = (text) => { showProgress(`${scenario.name}: ${text}`); };
      const turns = isMemory(scenario)
        ? await measureMemory(scenario, own, (name) => startSubject(name, node, FOR_MEMORY), load.call, {
          rounds, onProgress,
        })
        : await holdContest(scenario, own.map((name) => subjects.get(name)), load.call, {
          ...settings, rounds, onProgress,
        });
      showProgress('');
      results.push({ scenario, turns });
      printScenario(scenario, turns, !isQuick);
      // A run that is broken off leaves what it has.
      saveResults(`${version}-part`, version, names, results.map(toPlain));
    }
    if (!isQuick) printVerdicts(results);
    const name = `${version}${asked.suffix}`;
    saveResults(name, version, names, results.map(toPlain));
    write(`${name}.svg`, drawComparison(results, version));
    console.log(`written to bench/results/${name}.json and .svg`);
  } finally {
    for (const { stop } of subjects.values()) stop();
    load.stop();
  }
}

function toPlain({ scenario, turns }) {
  return { scenario: scenario.name, turns: Object.fromEntries(turns) };
}

function isMemory(scenario) {
  return measuresOf(scenario)[0] !== 'cpu';
}

/** @param {import('./scenarios.js').Scenario} scenario */
function roundsOf(scenario, isQuick) {
  if (isMemory(scenario)) return isQuick ? 1 : 7;
  if (isQuick) return 3;
  return Object.values(scenario.targets).some((target) => target < 1.2) ? 21 : 7;
}

/** How long a scenario takes, by experience. */
function secondsOf({ scenario, names, rounds }, { roundTime, warmUps }) {
  if (isMemory(scenario)) return names.length * rounds * 3;
  return (names.length * (1.2 * roundTime * (rounds + warmUps * scenario.warmUp + 1.7) + 150)) / 1_000;
}
