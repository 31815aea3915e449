/** The processes of a run: one for each implementation, and the load. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { caller } from './calls.js';
import { peers } from './peers.js';

/**
 * What malloc gets back it keeps, in every process under test. Handing memory back to the kernel and taking it again costs
 * some machines more than all the rest of a large message, and which implementation it meets in a run is chance: an echo
 * of 1 MiB took one or the other of them six times as long.
 */
const KEEP_MEMORY = { MALLOC_TRIM_THRESHOLD_: String(2 ** 30), MALLOC_MMAP_THRESHOLD_: String(2 ** 25) };

/**
 * A process with this implementation.
 * @param {string} name
 * @param {string} node  the path of its Node
 * @param {object} [settings]
 * @param {string[]} [settings.flags]  of Node
 * @param {boolean} [settings.keepsMemory]  false where memory is what is measured
 */
export function startSubject(name, node, { flags = [], keepsMemory = true } = {}) {
  const { module, env } = peers[name];
  // Node 20 has a WebSocket class, but shows it only when it is asked to.
  const execArgv = name === 'node' ? [...flags, '--experimental-websocket'] : flags;
  const options = { execPath: node, execArgv, env: { ...process.env, ...(keepsMemory && KEEP_MEMORY), ...env } };
  const child = fork(fileURLToPath(new URL('subject.js', import.meta.url)), [name], options);
  return { name, isRaw: module === 'raw', ...handle(child) };
}

/** The other end of all of them. It runs on the Node of this process, whatever is measured. */
export function startLoad() {
  const child = fork(fileURLToPath(new URL('load.js', import.meta.url)), [], { execArgv: [] });
  return handle(child);
}

/** @param {import('node:child_process').ChildProcess} child */
function handle(child) {
  child.on('exit', (code, signal) => {
    // Without it the others would wait for ever.
    if (code !== 0) throw new Error(`A process of the run ended: ${code ?? signal}`);
  });
  return { call: caller(child), stop: () => { child.disconnect(); } };
}
