/** Whether a WebSocket keeps its process alive: programs of their own, which use the built package. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { listenOn } from '../classic/ends.js';
import { rawServer } from '../handshake/opening.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

beforeAll(() => {
  // npm test builds first; this is for a test file that is run by itself in a fresh clone.
  if (!existsSync(`${root}dist/index.js`)) execFileSync('npm', ['run', 'build'], { cwd: root });
});

const REF = `Symbol.for('nodejs.ref')`;
const UNREF = `Symbol.for('nodejs.unref')`;

/**
 * Starts a program, with a WebSocket of the port as `ws`.
 * @returns the lines that it prints: `alive` if it still was when it had nothing left to do, and `exit`.
 */
async function run(port: number, program: string): Promise<string[]> {
  const source = `
    import { WebSocket } from 'watershed';
    const ws = new WebSocket('ws://127.0.0.1:${String(port)}/', { closeTimeout: 60_000 });
    // A timer that keeps nothing alive: it only fires where something else does.
    const alive = () => setTimeout(() => { console.log('alive'); process.exit(); }, 100).unref();
    process.on('exit', () => console.log('exit'));
    ${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => { child.kill('SIGKILL'); });
  let output = '';
  child.stdout.setEncoding('utf8');
  for await (const chunk of child.stdout) output += String(chunk);
  return output.trimEnd().split('\n');
}

describe('a WebSocket', () => {
  it.each([
    ['keeps the process alive while it is CONNECTING', 'alive();', ['alive', 'exit']],
    ['does not when it was unref’d before the request', `ws[${UNREF}]();`, ['exit']],
    ['does not when it was unref’d during the request', `setTimeout(() => ws[${UNREF}](), 30);`, ['exit']],
    ['does again when it was ref’d', `ws[${UNREF}](); ws[${REF}](); alive();`, ['alive', 'exit']],
    ['does not when the handshake was given up', `ws.onclose = () => console.log('close'); setTimeout(() => ws.close(), 30);`, ['close', 'exit']],
  ])('%s', async (_, program, expected) => {
    const { port } = await rawServer();
    expect(await run(port, program)).toEqual(expected);
  });

  it.each([
    ['keeps the process alive while it is OPEN', 'ws.onopen = alive;', ['alive', 'exit']],
    ['does not when it was unref’d', `ws.onopen = () => { ws[${UNREF}](); };`, ['exit']],
    ['does not when it was unref’d before it was open', `
      ws[${UNREF}]();
      const until = setInterval(() => undefined, 1_000);
      ws.onopen = () => { console.log('open'); clearInterval(until); };`, ['open', 'exit']],
    ['does again when it was ref’d', `ws.onopen = () => { ws[${UNREF}](); ws[${REF}](); alive(); };`, ['alive', 'exit']],
    ['does not when it is CLOSED, with its timers and what was dropped', `
      ws.onopen = () => { ws.send('x'); ws.close(); };
      ws.onclose = () => { console.log('close', ws.readyState); ws.send('dropped'); };`, ['close 3', 'exit']],
  ])('%s', async (_, program, expected) => {
    const port = await openServer();
    expect(await run(port, program)).toEqual(expected);
  });

  it.each([
    ['keeps the process alive while it is CLOSING', 'ws.onopen = () => { ws.close(); alive(); };', ['alive', 'exit']],
    ['does not while CLOSING when it was unref’d', `ws.onopen = () => { ws.close(); ws[${UNREF}](); };`, ['exit']],
  ])('%s', async (_, program, expected) => {
    const port = await silentServer();
    expect(await run(port, program)).toEqual(expected);
  });
});

async function openServer(): Promise<number> {
  const server = createServer();
  new WebSocketServer({ server }).on('connection', (ws) => {
    ws.on('error', () => undefined);
  });
  return listenOn(server);
}

/** It accepts, and answers nothing after that. */
async function silentServer(): Promise<number> {
  const server = createServer();
  new WebSocketServer({ server }).on('connection', (ws) => {
    ws.on('error', () => undefined);
    ws.pause();
  });
  return listenOn(server);
}
