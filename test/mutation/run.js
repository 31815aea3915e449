/**
 * Mutation testing: `npm run test:mutation` for all rooms of the engine, `npm run test:mutation -- protocol` for one, with
 * Stryker's options behind it. Each room has a report of its own in coverage/mutation/, and less than 90 % of the mutants
 * killed is a failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const ROOMS = ['protocol', 'handshake', 'connection'];

function mutationTest(room, options) {
  const folder = path.resolve('coverage/mutation', room);
  const durations = path.join(folder, 'durations.json');
  const env = { ...process.env, WATERSHED_MUTATION_ROOM: room, WATERSHED_MUTATION_DURATIONS: durations };
  const run = (program, ...args) => spawnSync('npx', [program, 'run', ...args], { stdio: 'inherit', env }).status === 0;

  // How long each file of tests takes, so that vitest.config.ts can put the quick ones first.
  const report = path.join(folder, 'tests.json');
  mkdirSync(folder, { recursive: true });
  const settings = ['--config', 'test/mutation/vitest.config.ts', '--root', '.', '--pool', 'threads', '--maxWorkers', '1'];
  if (!run('vitest', ...settings, '--reporter', 'json', '--outputFile', report)) return false;
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const measured = testResults.map(({ name, startTime, endTime }) => [path.relative('.', name), endTime - startTime]);
  writeFileSync(durations, JSON.stringify(Object.fromEntries(measured)));

  const isGood = run('stryker', 'test/mutation/stryker.config.js', ...options);
  // Stryker says nothing of a file that it could not load.
  const { testFiles = {} } = JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8'));
  const missing = measured.map(([name]) => name).filter((name) => !(name in testFiles));
  if (missing.length > 0) console.error(`Not among the judges: ${missing.join(', ')}`);
  return isGood && missing.length === 0;
}

const [first, ...others] = process.argv.slice(2);
const chosen = ROOMS.includes(first) ? [first] : ROOMS;
const options = ROOMS.includes(first) || first === undefined ? others : [first, ...others];
const failed = chosen.filter((room) => !mutationTest(room, options));
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
