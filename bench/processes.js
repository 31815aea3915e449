/** The processes of a run: one for each implementation, and the load. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { caller } from './calls.js';
import { peers } from './peers.js';

/**
 * A process with this implementation.
 * @param {string} name
 * @param {string} node  the path of its Node
 * @param {string[]} flags  of Node
 */
export function startSubject(name, node, flags = []) {
  const { module, env } = peers[name];
  // Node 20 has a WebSocket class, but shows it only when it is asked to.
  const execArgv = name === 'node' ? [...flags, '--experimental-websocket'] : flags;
  const options = { execPath: node, execArgv, env: { ...process.env, ...env } };
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
