/** What was measured, as a table on the terminal, and whether the targets were met. */
import { measuresOf, targetsOf } from './scenarios.js';
import { interval, isMet, median } from './statistics.js';

const units = { cpu: 'µs cpu', wall: '/s', wire: 'B', resident: 'B resident', heap: 'B heap', held: 'B held' };

/**
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {Map<string, Record<string, number>[]>} turns
 * @param {boolean} withVerdict
 */
export function printScenario(scenario, turns, withVerdict) {
  console.log(`${scenario.name}: ${scenario.what}`);
  const measures = measuresOf(scenario);
  const verdicts = verdictsOf(scenario, turns);
  for (const [name, own] of turns) {
    const cells = [`  ${name}`.padEnd(18)];
    for (const measure of measures) {
      const value = median(own.map((turn) => turn[measure]));
      const text = measure === 'wall' ? Math.round(1e6 / value).toLocaleString('en') : format(value);
      cells.push(`${text} ${units[measure]}`.padStart(measure === 'cpu' ? 14 : 16));
      if (measure === 'cpu') {
        const inKernel = median(own.map(({ cpu, system }) => system / cpu));
        cells.push(`(${Math.round(inKernel * 100)} % kernel)`.padEnd(13));
      }
      if (scenario.flow === 'idle' && turns.has('raw')) {
        const beyond = median(own.map((turn, round) => turn[measure] - turns.get('raw')[round][measure]));
        cells.push(`(${format(beyond)} beyond raw)`.padEnd(18));
      }
    }
    if (name !== 'watershed') {
      const ratios = ratiosOf(turns, name, measures[0]);
      const { low, high } = interval(ratios);
      cells.push(`${format(median(ratios)).padStart(8)} × [${format(low)} to ${format(high)}]`.padEnd(28));
    }
    for (const verdict of verdicts.filter(({ peer }) => peer === name)) cells.push(describe(verdict, withVerdict));
    console.log(cells.join(' ').trimEnd());
  }
  console.log();
}

/**
 * @param {{ scenario: import('./scenarios.js').Scenario, turns: Map<string, Record<string, number>[]> }[]} results
 */
export function printVerdicts(results) {
  const all = results.flatMap(({ scenario, turns }) => (
    verdictsOf(scenario, turns).map((verdict) => ({ ...verdict, scenario: scenario.name }))
  ));
  const missed = all.filter(({ met }) => !met);
  console.log(`${all.length - missed.length} of ${all.length} targets were met`);
  for (const verdict of missed) {
    const { scenario, peer, value } = verdict;
    console.log(`  ${scenario}, ${peer}: ${describe(verdict, false)}, measured ${format(value)}`);
  }
}

/**
 * What became of each target.
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {Map<string, Record<string, number>[]>} turns
 */
export function verdictsOf(scenario, turns) {
  const verdicts = [];
  for (const measure of measuresOf(scenario)) {
    for (const [peer, target] of Object.entries(targetsOf(scenario, measure))) {
      if (!turns.has(peer)) continue;
      const ratios = ratiosOf(turns, peer, measure);
      verdicts.push({ peer, measure, kind: 'target', target, value: median(ratios), met: isMet(ratios, target) });
    }
  }
  for (const [measure, target] of Object.entries(scenario.limits)) {
    const values = turns.get('watershed').map((turn) => turn[measure]);
    const met = median(values) <= target && interval(values).high < target * 1.05;
    verdicts.push({ peer: 'watershed', measure, kind: 'at most', target, value: median(values), met });
  }
  return verdicts;
}

/** How many times more it cost this peer than Watershed, round by round. */
export function ratiosOf(turns, peer, measure) {
  const ours = turns.get('watershed');
  return turns.get(peer).map((turn, round) => turn[measure] / ours[round][measure]);
}

function describe({ measure, kind, target, met }, withVerdict) {
  const name = measure === 'cpu' ? '' : `${measure} `;
  return `${name}${kind} ${format(target)}${withVerdict ? (met ? ' met' : ' NOT MET') : ''}`;
}

/** Three significant digits. */
export function format(value) {
  return Math.abs(value) >= 1_000 ? Math.round(value).toString() : String(Number(value.toPrecision(3)));
}
