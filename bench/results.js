/** Where results are written, and what is written with them: when, where and of what they were measured. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { peers } from './peers.js';

const folder = new URL('results/', import.meta.url);

/**
 * @param {string} name  of the file
 * @param {string} node  the version that was measured
 * @param {string[]} names  the implementations that took part
 * @param {unknown} results
 */
export function saveResults(name, node, names, results) {
  const packages = names.map((peer) => peers[peer].package).filter((each) => each !== undefined);
  const versions = Object.fromEntries(packages.map((each) => [each, versionOf(each)]));
  const about = { date: new Date().toISOString(), node, cpu: cpus()[0].model, cpus: cpus().length, versions };
  write(`${name}.json`, `${JSON.stringify({ ...about, results })}\n`);
}

/**
 * @param {string} name  of the file
 * @param {string} text
 */
export function write(name, text) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(name, folder), text);
}

/** Says so when the machine has other work to do: then the figures are rough. */
export function warnIfBusy() {
  const [load] = loadavg();
  if (load < cpus().length / 2) return;
  console.log(`This machine has other work to do (a load of ${load.toFixed(1)} on ${cpus().length} processors).\n`);
}

export function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function versionOf(packageName) {
  return JSON.parse(readFileSync(new URL(`node_modules/${packageName}/package.json`, import.meta.url))).version;
}
