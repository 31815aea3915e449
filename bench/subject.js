/** The process under test: one implementation, and what it does in the scenario that is open. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Session } from 'node:inspector/promises';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { answerCalls } from './calls.js';
import { BINARY, frameLength, makeFrame, TEXT } from './frames.js';
import { makePayloads } from './payloads.js';
import { peers } from './peers.js';

/** A connection that has more than this to write is left alone for a while. */
const BACKLOG = 65_536;

const { peer } = await import(`./peers/${peers[process.argv[2]].module}.js`);
/** @type {import('./scenarios.js').Scenario} */
let scenario;
/** @type {import('./peers/connection.js').Connection[]} */
let connections = [];
/** @type {import('node:http').Server | undefined} */
let server;
let port = 0;

const inspector = new Session();

/** Messages, or bytes of a bare socket, that have come and that are to come. */
let received = 0;
let awaited = 0;
let onReceived = () => {};
/** Takes every message while what comes is checked. */
let inspect;
/** Turns of the event loop in which something was sent. */
let turns = 0;
let messages = [];
let sendMessage;

/** Messages that a listener keeps. */
const kept = [];
const KEEP_ONE_OF = 1_000;
let keeps = false;
let passed = 0;

answerCalls({
  /** Listens for the load's connections. Resolves with the port. */
  async serve(toDo) {
    begin(toDo);
    server = peer.serve(scenario, onConnection);
    server.listen(0, '127.0.0.1', 8_192);
    await once(server, 'listening');
    return server.address().port;
  },

  /** Opens the connections of the scenario to the load. */
  async connect(toDo, toPort) {
    begin(toDo);
    port = toPort;
    if (scenario.flow === 'open') return;
    for (let count = 0; count < scenario.connections; count++) onConnection(await peer.connect(port, scenario));
  },

  /** Does its part of the work, so many times for each connection, and resolves when that is done. */
  async work(units) {
    if (scenario.flow === 'receive' || scenario.flow === 'kept') await receive(units);
    if (scenario.flow === 'send') await sendBursts(units * connections.length);
    if (scenario.flow === 'broadcast') await broadcast(units);
    if (scenario.flow === 'open') {
      await Promise.all(Array.from({ length: scenario.connections }, () => openAndClose(units)));
    }
  },

  /** From here on, what comes is not only counted. */
  inspect() {
    const hashes = new Map();
    inspect = (connection, message) => {
      if (!hashes.has(connection)) hashes.set(connection, createHash('sha1'));
      const isText = typeof message === 'string';
      const isWanted = peer.isRaw || isText === (scenario.kind !== 'binary');
      if (!isWanted) throw new Error(`A message came as ${typeof message}`);
      hashes.get(connection).update(isText ? message : new Uint8Array(message));
    };
    inspect.digests = () => connections.map((connection) => hashes.get(connection)?.digest('hex'));
  },

  /** What has come since, as a hash for each connection. */
  digests() {
    const digests = inspect.digests();
    inspect = undefined;
    return digests;
  },

  /** The processor time of this process so far, in microseconds, its page faults, and the clock in milliseconds. */
  mark() {
    const { userCPUTime: user, systemCPUTime: system, minorPageFault: faults } = process.resourceUsage();
    return { user, system, faults, time: performance.now() };
  },

  /** The memory that this process has now, and that it has had at most, in bytes. */
  usage() {
    return { resident: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1_024 };
  },

  /** The memory of this process when nothing can be collected any more, in bytes. It needs --expose-gc. */
  async memory() {
    // What has become free is given back to the system by and by.
    for (let round = 0; round < 5; round++) {
      globalThis.gc();
      await wait(100);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { resident: rss, heap: heapUsed, held: heapUsed + external, kept: kept.length };
  },

  async startProfile() {
    inspector.connect();
    await inspector.post('Profiler.enable');
    await inspector.post('Profiler.start');
  },

  async stopProfile() {
    const { profile } = await inspector.post('Profiler.stop');
    inspector.disconnect();
    return profile;
  },

  /** From here on, one message of so many is kept. */
  keep() { keeps = true; },

  /** The load has closed its ends. */
  async close() {
    server?.close();
    server?.closeAllConnections();
    server = undefined;
    connections = [];
    messages = [];
    broadcastText = undefined;
  },

  /** What it runs on. */
  info: () => ({ version: process.version }),
});

/** @param {import('./scenarios.js').Scenario} toDo */
function begin(toDo) {
  scenario = toDo;
  received = 0;
  awaited = 0;
  turns = 0;
  inspect = undefined;
  if (scenario.flow === 'send' || scenario.flow === 'broadcast') prepareMessages();
}

/** @param {import('./peers/connection.js').Connection} connection */
function onConnection(connection) {
  connections.push(connection);
  if (scenario.flow === 'idle') {
    // Nobody but the implementation holds it.
    connections.pop();
    connection.receive(() => {}, () => {});
  } else if (scenario.flow === 'kept') {
    const onMessage = (message) => {
      received += peer.isRaw ? message.length : 1;
      if (keeps && ++passed % KEEP_ONE_OF === 0) kept.push(message);
      if (received === awaited) onReceived();
    };
    connection.receive(onMessage, onMessage);
  } else if (scenario.flow === 'echo' || scenario.flow === 'used') {
    connection.receive(
      (text) => { connection.sendText(text); },
      (data) => { connection.sendBinary(data); },
    );
  } else if (scenario.flow === 'receive') {
    const onMessage = (message) => {
      received += peer.isRaw ? message.length : 1;
      if (inspect !== undefined) inspect(connection, message);
      if (received === awaited) onReceived();
    };
    connection.receive(onMessage, onMessage);
  } else if (scenario.flow === 'accept') {
    connections.pop();
    // The first thing that comes is the CLOSE, of which a bare socket knows nothing.
    connection.receive(() => {}, () => { connection.close(); });
  } else {
    connection.receive(() => {}, () => {});
  }
}

function receive(units) {
  const count = units * connections.length * scenario.block;
  awaited += peer.isRaw ? count * frameLength(scenario.size, scenario.role === 'server') : count;
  return new Promise((resolve) => {
    onReceived = resolve;
    if (received === awaited) resolve();
  });
}

/** Each turn's messages; for a bare socket, the frames of them all as one piece. */
function prepareMessages() {
  const { kind, size, block, variants } = scenario;
  const payloads = makePayloads(kind, size, variants * block);
  const isBinary = kind === 'binary';
  const masked = scenario.role === 'client';
  messages = Array.from({ length: variants }, (_, variant) => {
    const own = payloads.slice(variant * block, (variant + 1) * block);
    if (peer.isRaw) {
      return [Buffer.concat(own.map((payload) => makeFrame({ opcode: isBinary ? BINARY : TEXT, payload, masked })))];
    }
    return own.map((payload) => (isBinary ? payload : payload.toString()));
  });
  sendMessage = isBinary || peer.isRaw
    ? (connection, message) => { connection.sendBinary(message); }
    : (connection, message) => { connection.sendText(message); };
}

async function sendBursts(count) {
  for (let done = 0; done < count; done++) {
    const connection = connections[turns % connections.length];
    for (const message of messages[turns % messages.length]) sendMessage(connection, message);
    turns++;
    if (connection.backlog() > BACKLOG) await drained();
    else await nextTurn();
  }
}

let broadcastText;

async function broadcast(count) {
  broadcastText ??= peer.broadcaster?.(connections) ?? ((message) => {
    for (const connection of connections) sendMessage(connection, message);
  });
  for (let done = 0; done < count; done++) {
    broadcastText(messages[turns % messages.length][0]);
    turns++;
    if (connections[turns % connections.length].backlog() > BACKLOG) await drained();
    else await nextTurn();
  }
}

async function drained() {
  do await wait(1);
  while (connections.some((connection) => connection.backlog() > 0));
}

async function openAndClose(times) {
  for (let done = 0; done < times; done++) {
    const connection = await peer.connect(port, scenario);
    await new Promise((resolve) => {
      connection.onClose(resolve);
      connection.close();
    });
  }
}
