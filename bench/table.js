/** What was measured, as a table on the terminal, and whether the targets were met. */
import { interval, isMet, median } from './statistics.js';

/**
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {Map<string, import('./contest.js').Turn[]>} turns
 * @param {boolean} withVerdict
 */
export function printScenario(scenario, turns, withVerdict) {
  const ours = turns.get('watershed');
  console.log(`${scenario.name}: ${scenario.what}`);
  for (const [name, own] of turns) {
    const cells = [
      `  ${name}`.padEnd(18),
      `${format(median(own.map(({ cpu }) => cpu)))} µs`.padStart(12),
      `${Math.round(median(own.map(({ rate }) => rate))).toLocaleString('en')} /s`.padStart(15),
    ];
    if (scenario.deflate) cells.push(`${format(median(own.map(({ wire }) => wire)))} B`.padStart(10));
    if (name !== 'watershed') {
      const ratios = own.map(({ cpu }, round) => cpu / ours[round].cpu);
      const { low, high } = interval(ratios);
      cells.push(`${format(median(ratios)).padStart(8)} × [${format(low)} to ${format(high)}]`.padEnd(26));
      const target = scenario.targets[name];
      if (target !== undefined) {
        cells.push(`target ${target}${withVerdict ? (isMet(ratios, target) ? ' met' : ' NOT MET') : ''}`);
      }
    }
    console.log(cells.join(' '));
  }
  console.log();
}

export function printSummary() {
  // Written with the rest of the verdicts.
}

/** Three significant digits. */
export function format(value) {
  return value >= 1_000 ? Math.round(value).toString() : value.toPrecision(3);
}
