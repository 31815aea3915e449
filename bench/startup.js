/**
 * What it costs to import the library: whole processes that import it and end, in turns, beside one that imports
 * nothing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { saveResults, showProgress, warnIfBusy } from './results.js';
import { interval, median } from './statistics.js';
import { format } from './table.js';

const programs = {
  nothing: '',
  watershed: `import { WebSocket } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};`,
  ws: `import { WebSocket } from ${JSON.stringify(import.meta.resolve('ws'))};`,
};
const REPORT = `
  const { user, system } = process.cpuUsage();
  const resident = process.memoryUsage.rss() / 1_024;
  process.stdout.write(JSON.stringify({ cpu: (user + system) / 1_000, resident, version: process.version }));
`;

/** @param {import('./compare.js').Asked} asked */
export async function run({ node, suffix, rounds = 41 }) {
  console.log(`whole processes that import a library, ${rounds} rounds, about ${Math.ceil(rounds * 0.4)} s\n`);
  warnIfBusy();
  const runs = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    showProgress(`round ${round + 1} of ${rounds}`);
    for (const [name, program] of Object.entries(programs)) runs[name].push(await start(node, program));
  }
  showProgress('');
  for (const [name, own] of Object.entries(runs)) {
    const cells = ['cpu', 'wall', 'resident'].map((key) => {
      const value = `${format(median(own.map((each) => each[key])))} ${key === 'resident' ? 'KiB' : 'ms'} ${key}`;
      const beyond = own.map((each, round) => each[key] - runs.nothing[round][key]);
      const { low, high } = interval(beyond);
      if (name === 'nothing') return value.padEnd(54);
      const difference = `${format(median(beyond))} beyond nothing, ${format(low)} to ${format(high)}`;
      return `${value.padEnd(20)} (${difference})`.padEnd(54);
    });
    console.log([name.padEnd(12), ...cells].join(' ').trimEnd());
  }
  console.log();
  const { version } = runs.nothing[0];
  saveResults(`${version}-startup${suffix}`, version, ['watershed', 'ws'], runs);
  console.log(`written to bench/results/${version}-startup${suffix}.json`);
}

/** One process: milliseconds of the processor and of the clock, KiB of memory. */
async function start(node, program) {
  const started = performance.now();
  const source = `${program}${REPORT}`;
  const child = spawn(node, ['--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
  await once(child, 'close');
  return { ...JSON.parse(output), wall: performance.now() - started };
}
