/**
 * The load: bare sockets at the other end of all the implementations under test. It writes frames that were made
 * beforehand and counts the bytes that come, and before anything is timed it reads them and compares.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createInflateRaw } from 'node:zlib';
import { makeBlocks, TAIL, through } from './blocks.js';
import { answerCalls } from './calls.js';
import { Channel } from './channel.js';
import { CLOSE, frameLength, makeFrame, readFrames } from './frames.js';
import { acceptByHand, openByHand } from './handshake.js';
import { makePayloads } from './payloads.js';

/**
 * What is open towards one implementation.
 * @typedef {object} Session
 * @property {import('./scenarios.js').Scenario} scenario
 * @property {boolean} isRaw
 * @property {number} port
 * @property {Channel[]} channels
 * @property {string} extensions
 * @property {import('node:net').Server} [server]
 */

/** @type {Map<string, Session>} */
const sessions = new Map();

const closeFrame = makeFrame({ opcode: CLOSE, payload: Buffer.from([0x03, 0xe8]), masked: true });
const closeAnswer = makeFrame({ opcode: CLOSE, payload: Buffer.from([0x03, 0xe8]), masked: false });

const offers = {
  true: 'permessage-deflate',
  'no context takeover': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
};

answerCalls({
  /** Opens the scenario's connections to a server. */
  async connect(id, { scenario, isRaw, port, connections }) {
    /** @type {Session} */
    const session = { scenario, isRaw, port, channels: [], extensions: '' };
    sessions.set(id, session);
    if (scenario.flow === 'accept') return;
    // Of many, 50 at a time; of few, one after the other, so that both ends have them in the same order.
    const count = connections ?? scenario.connections;
    const atOnce = count > 100 ? 50 : 1;
    for (let opened = 0; opened < count; opened += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, () => openChannel(session)));
    }
    if (scenario.deflate && !session.extensions) throw new Error(`${id} did not accept permessage-deflate`);
    await setBlocks(session);
  },

  /** Listens for clients. Resolves with the port. */
  async listen(id, { scenario, isRaw }) {
    const server = createServer({ noDelay: true }, (socket) => { onClient(session, socket); });
    /** @type {Session} */
    const session = { scenario, isRaw, port: 0, channels: [], extensions: '', server };
    sessions.set(id, session);
    server.listen(0, '127.0.0.1', 8_192);
    await once(server, 'listening');
    return server.address().port;
  },

  /** The clients have connected. */
  ready: (id) => setBlocks(sessions.get(id)),

  /** Does its part of the work, so many times for each connection. Resolves with the bytes that came. */
  work: (id, units) => work(sessions.get(id), units),

  /** The milliseconds that a block and its echo take on one connection, so many times, with so many between them. */
  async roundTrips(id, { count, gap }) {
    const [channel] = sessions.get(id).channels;
    const times = [];
    for (let done = 0; done < count; done++) {
      await wait(gap);
      const started = performance.now();
      await channel.echo(1);
      times.push(performance.now() - started);
    }
    return times;
  },

  /** From here on, what comes is not only counted. */
  keep(id) {
    for (const channel of sessions.get(id).channels) channel.kept = [];
  },

  /** Sends each of the blocks once, or takes as many, and compares. Resolves with the digests of what it sent. */
  check: (id) => check(id, sessions.get(id)),

  async close(id) {
    const { channels, server } = sessions.get(id);
    sessions.delete(id);
    for (const channel of channels) channel.destroy();
    server?.close();
  },
});

/** @param {Session} session */
async function openChannel(session) {
  const { scenario, port, channels } = session;
  const channel = new Channel(Boolean(scenario.deflate));
  channels.push(channel);
  const { socket, extensions } = await openByHand(port, {
    extensions: offers[scenario.deflate],
    onBytes: (chunk) => { channel.onBytes(chunk); },
  });
  channel.attach(socket);
  session.extensions = extensions;
}

/** @param {Session} session */
async function setBlocks({ scenario, isRaw, channels, extensions }) {
  if (!['echo', 'receive', 'used', 'kept'].includes(scenario.flow)) return;
  let { first, loop } = await blocksOf(scenario, extensions);
  // A bare socket sends back what it got, masked or not.
  if (isRaw) first = loop = first.map((block) => ({ ...block, echoed: block.bytes.length }));
  for (const channel of channels) channel.setBlocks({ first, loop });
}

/** All the implementations get the same bytes. */
const lastBlocks = { key: '', blocks: undefined };

/**
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {string} extensions
 */
function blocksOf(scenario, extensions) {
  const key = `${JSON.stringify(scenario)} ${extensions}`;
  if (lastBlocks.key !== key) Object.assign(lastBlocks, { key, blocks: makeBlocks(scenario, extensions) });
  return lastBlocks.blocks;
}

/**
 * @param {Session} session
 * @param {import('node:net').Socket} socket
 */
function onClient({ scenario, channels }, socket) {
  const channel = new Channel(false);
  channel.attach(socket);
  acceptByHand(socket, (head) => {
    if (scenario.flow === 'open') {
      // The first thing that comes is the CLOSE.
      socket.once('data', () => { socket.end(closeAnswer); });
      return;
    }
    channels.push(channel);
    if (head.length > 0) channel.onBytes(head);
    socket.on('data', (chunk) => { channel.onBytes(chunk); });
  });
}

/**
 * @param {Session} session
 * @param {number} units
 */
async function work(session, units) {
  const { scenario, channels } = session;
  const before = sum(channels.map((channel) => channel.bytes));
  if (scenario.flow === 'echo' || scenario.flow === 'used') {
    await Promise.all(channels.map((channel) => channel.echo(units)));
  }
  if (scenario.flow === 'receive' || scenario.flow === 'kept') {
    await Promise.all(channels.map((channel) => channel.flood(units)));
  }
  if (scenario.flow === 'send' || scenario.flow === 'broadcast') {
    const bytes = units * scenario.block * frameLength(scenario.size, scenario.role === 'client');
    await Promise.all(channels.map((channel) => channel.take(bytes)));
  }
  if (scenario.flow === 'accept') {
    await Promise.all(Array.from({ length: scenario.connections }, () => openAndClose(session.port, units)));
  }
  return sum(channels.map((channel) => channel.bytes)) - before;
}

/**
 * @param {number} port
 * @param {number} times
 */
async function openAndClose(port, times) {
  for (let done = 0; done < times; done++) {
    const { socket } = await openByHand(port, { onBytes: () => {} });
    socket.write(closeFrame);
    await once(socket, 'close');
  }
}

/**
 * @param {string} id
 * @param {Session} session
 */
async function check(id, session) {
  const { scenario, channels, isRaw } = session;
  if (scenario.flow === 'accept' || scenario.flow === 'open') return [];
  await work(session, scenario.variants);
  const digests = [];
  const sent = makePayloads(scenario.kind, scenario.size, scenario.variants * scenario.block);
  for (const [index, channel] of channels.entries()) {
    const bytes = Buffer.concat(channel.kept);
    channel.kept = undefined;
    // Which block came first.
    const first = scenario.flow === 'send' ? index : 0;
    const step = scenario.flow === 'send' ? channels.length : 1;
    const order = Array.from({ length: scenario.variants }, (_, turn) => (first + turn * step) % scenario.variants);
    const expected = order.flatMap((at) => sent.slice(at * scenario.block, (at + 1) * scenario.block));
    if (scenario.flow === 'receive') {
      const hash = createHash('sha1');
      if (isRaw) for (const { bytes: written } of channel.blocksSoFar()) hash.update(written);
      else for (const payload of expected) hash.update(payload);
      digests.push(hash.digest('hex'));
    } else if (isRaw && scenario.flow === 'echo') {
      if (!bytes.equals(Buffer.concat(channel.blocksSoFar().map(({ bytes: written }) => written)))) {
        throw new Error(`${id} returned other bytes than were sent`);
      }
    } else {
      await compare(id, scenario, bytes, expected);
    }
  }
  return digests;
}

/**
 * @param {string} id
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {Buffer} bytes
 * @param {Buffer[]} expected
 */
async function compare(id, scenario, bytes, expected) {
  const frames = readFrames(bytes);
  if (frames.length !== expected.length) throw new Error(`${id} sent ${frames.length} frames, not ${expected.length}`);
  const inflate = createInflateRaw();
  for (const [index, { opcode, fin, rsv1, payload }] of frames.entries()) {
    if (!fin || opcode !== (scenario.kind === 'binary' ? 2 : 1)) throw new Error(`${id} sent another kind of frame`);
    const message = rsv1 ? await through(inflate, Buffer.concat([payload, TAIL])) : payload;
    if (!message.equals(expected[index])) throw new Error(`${id} sent another message than it should have`);
  }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
