/**
 * The soak: many connections between two processes of this machine, small traffic, connections that are closed and
 * reset at random and opened again, and at the end a look at what is left. It uses the built package. Exit status 1
 * says that something is left, or went wrong.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { caller } from '../../bench/calls.js';
import { leftovers } from './leftovers.js';

const HELP = `npm run soak -- [options]

  --connections N   so many connections at a time (10,000 if not given)
  --minutes N       for so long (10 if not given; parts of one too)
  --messages N      so many messages a second, over all connections, and as many echoes (a fifth of the connections, at
                    least 1,000, if not given)
  --endings N       so many connections a second that are closed, reset or destroyed, and opened again (a two-hundredth
                    of the connections, at least 50, if not given)
`;

/** Files that a process has open beside its connections. */
const OTHER_FILES = 100;
/** Milliseconds of a first cycle, which compiles the code and fills what is kept for good. */
const WARM_UP = 5_000;
/** Connections that are ended in a second of it, at least. */
const WARM_UP_ENDINGS = 200;
/** Milliseconds after which what should have ended is given up. */
const PATIENCE = 180_000;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    minutes: { type: 'string', default: '10' },
    messages: { type: 'string' },
    endings: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else process.exitCode = await soak();

async function soak() {
  const connections = positive('connections', values.connections);
  const duration = positive('minutes', values.minutes) * 60_000;
  const messages = positive('messages', values.messages ?? Math.max(1_000, connections / 5));
  const endings = positive('endings', values.endings ?? Math.max(50, connections / 200));

  const needed = connections + OTHER_FILES;
  const limit = openFilesLimit();
  if (limit < needed) {
    console.error(
      `A process may have ${limit} files open here, and ${connections} connections need ${needed} in each of two ` +
        `processes: run "ulimit -n ${needed}" first, or ask for fewer with --connections`,
    );
    return 1;
  }

  const server = start('server.js');
  const clients = start('clients.js');
  const settings = { connections, messages, endings, milliseconds: duration };

  console.log(`warming up: ${count(connections)} connections`);
  await runCycle(server, clients, {
    ...settings,
    endings: Math.max(endings, WARM_UP_ENDINGS),
    milliseconds: Math.min(WARM_UP, duration),
  });
  const before = { server: await server.call('stock'), clients: await clients.call('stock') };
  const { figures, wrong } = await runCycle(server, clients, settings);
  const after = { server: await server.call('stock'), clients: await clients.call('stock') };
  server.stop();
  clients.stop();

  report(figures, before, after);
  wrong.push(...['server', 'clients'].flatMap((name) => leftovers(name, before[name], after[name])));
  for (const line of wrong) console.log(`WRONG: ${line}`);
  console.log(wrong.length === 0 ? 'nothing was left' : 'something was left, or went wrong');
  return wrong.length === 0 ? 0 : 1;
}

/** From no connection to no connection. */
async function runCycle(server, clients, { connections, messages, endings, milliseconds }) {
  const port = await server.call('listen');
  await clients.call('open', port, connections);
  const stopProgress = showProgress(server, clients);
  await clients.call('run', messages, endings, milliseconds);
  stopProgress();
  await patiently('the echoes and the reconnections', clients.call('close'));
  const { destroyed } = await patiently('the end of the connections at the server', server.call('closeAll'));
  const { faults, ...figures } = await patiently('the end of the connections at the clients', clients.call('ended'));
  const { connections: left, errors } = await patiently('the end of the server', server.call('stop'));
  const wrong = [...faults, ...new Set(errors)];
  if (destroyed > 0) wrong.push(`the server had to destroy ${destroyed} connections at the end`);
  if (left > 0) wrong.push(`the server still had ${left} connections at the end`);
  return { figures, wrong };
}

/** Waits for what has to come, and fails if it does not. */
async function patiently(what, promise) {
  let timer;
  const isOver = new Promise((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`Something is left: ${what} did not come`)); }, PATIENCE);
  });
  return Promise.race([promise, isOver]).finally(() => { clearTimeout(timer); });
}

/** A line on a terminal, and otherwise one in half a minute. */
function showProgress(server, clients) {
  const start = performance.now();
  const show = async () => {
    const [figures, { heap, resident }] = await Promise.all([clients.call('progress'), server.call('memory')]);
    const seconds = Math.round((performance.now() - start) / 1_000);
    const line =
      `${seconds} s: ${count(figures.open)} open, ${count(figures.made)} made, ${count(figures.messages)} messages; ` +
      `server ${mebibytes(heap)} of ${mebibytes(resident)}, clients ${mebibytes(figures.heap)} of ` +
      mebibytes(figures.resident);
    if (process.stdout.isTTY) process.stdout.write(`\r${line}\x1b[K`);
    else console.log(line);
  };
  const clock = setInterval(show, process.stdout.isTTY ? 1_000 : 30_000);
  return () => {
    clearInterval(clock);
    if (process.stdout.isTTY) process.stdout.write('\n');
  };
}

function report(figures, before, after) {
  console.log(`connections made       ${count(figures.made)}`);
  console.log(`messages echoed        ${count(figures.messages)}`);
  for (const [way, number] of Object.entries(figures.endings)) console.log(`${way.padEnd(22)} ${count(number)}`);
  for (const name of ['server', 'clients']) {
    const from = before[name];
    const to = after[name];
    const growth = (((to.heap - from.heap) / from.heap) * 100).toFixed(1);
    console.log(`${name}`);
    console.log(`  heap                 ${mebibytes(from.heap)} before, ${mebibytes(to.heap)} after (${growth} %)`);
    console.log(`  resident             ${mebibytes(from.resident)} before, ${mebibytes(to.resident)} after`);
    console.log(`  resources            ${describe(from.resources)} before, ${describe(to.resources)} after`);
    console.log(`  timers, listeners    ${from.timers}, ${from.listeners} before, ${to.timers}, ${to.listeners} after`);
  }
}

function start(file) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [], { execArgv: ['--expose-gc'] });
  child.on('exit', (code, signal) => {
    // Without it the other would be waited for for ever.
    if (code !== 0) throw new Error(`A process of the soak ended: ${code ?? signal}`);
  });
  return { call: caller(child), stop: () => { child.disconnect(); } };
}

/** Files that a process may have open. The children inherit the limit. */
function openFilesLimit() {
  // What the report finds out about the network takes seconds where names do not resolve.
  process.report.excludeNetwork = true;
  const limit = process.report.getReport().userLimits?.open_files.soft;
  return limit === undefined || limit === 'unlimited' ? Infinity : Number(limit);
}

function positive(name, value) {
  const number = Number(value);
  if (!(number > 0)) throw new RangeError(`--${name} must be a number above 0, but is ${value}`);
  return number;
}

function count(number) {
  return number.toLocaleString('en');
}

function mebibytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function describe(resources) {
  return Object.entries(resources).map(([name, number]) => `${number} ${name}`).join(', ') || 'none';
}
