/**
 * The tests on other versions of Node: `npm run test:node-versions`, which takes the npm packages that hold them. The
 * browser's tests and the coverage are left out: they say nothing new of a version of Node.
 *
 *   npm run test:node-versions                          the suite on every version
 *   npm run test:node-versions -- 22 24                 on these alone
 *   npm run test:node-versions -- 26 test/protocol      a part of the suite
 *
 * It prints a table, and ends with status 1 when a test failed on any of them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSIONS = ['20', '22', '24', '26'];

const root = fileURLToPath(new URL('../..', import.meta.url));
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const cache = join(root, 'node_modules', '.cache', 'node-versions');
const reporters = ['--reporter=dot', '--reporter=json'];
const words = process.argv.slice(2);
const asked = words.filter((word) => /^\d+$/.test(word));
const parts = words.filter((word) => !/^\d+$/.test(word));

const rows = (asked.length > 0 ? asked : VERSIONS).map((version) => testOn(version));
console.log('\n| Node | passed | failed | skipped |\n|---|---|---|---|');
for (const { node, passed, failed, skipped } of rows) console.log(`| ${node} | ${passed} | ${failed} | ${skipped} |`);
process.exitCode = rows.every(({ isGood }) => isGood) ? 0 : 1;

/** @param {string} version  the major one */
function testOn(version) {
  const node = install(version);
  const exact = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1);
  const report = join(cache, `report-${version}.json`);
  rmSync(report, { force: true });
  console.log(`\n== Node ${exact}\n`);
  const { status } = spawnSync(
    node,
    [vitest, 'run', '--exclude=test/browser/**', ...reporters, `--outputFile.json=${report}`, ...parts],
    // Programs that tests start by the name of node are to be the same.
    { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` } },
  );
  // An earlier run's must not stand for this one, which may have ended before it wrote any.
  const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  const { numPassedTests: passed = 0, numFailedTests: failed = 0, numPendingTests: skipped = 0 } = results;
  return { node: exact, passed, failed, skipped, isGood: status === 0 && passed > 0 };
}

/**
 * The path of a Node of that version.
 * @param {string} version
 */
function install(version) {
  const folder = join(cache, version);
  const name = `node-${process.platform}-${process.arch}`;
  const node = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`];
    execFileSync('npm', args, { stdio: 'inherit' });
  }
  return node;
}
