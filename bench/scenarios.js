/**
 * The scenarios: what is done in each, who takes part, and what it is meant to reach.
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} what
 * @property {'server' | 'client'} role  of the process under test
 * @property {'classic' | 'standard'} face  of Watershed and ws: the EventEmitter, or the WebSocket class
 * @property {'echo' | 'receive' | 'send' | 'broadcast' | 'accept' | 'open' | 'idle' | 'used' | 'kept'} flow  the last
 *   three are measures of memory
 * @property {'text' | 'non-ascii' | 'json' | 'binary'} kind  of payload
 * @property {number} size  bytes of a message
 * @property {number} fragments  frames of a message that the load sends
 * @property {number} connections
 * @property {number} block  messages that go out in one write of the load, or in one burst of the process under test:
 *   what is in flight on a connection
 * @property {number} variants  different blocks
 * @property {boolean | 'no context takeover'} deflate
 * @property {boolean} undecoded  ws echoes text without making a string of it
 * @property {string[]} peers  who takes part beside Watershed
 * @property {Record<string, number>} targets  how many times less a message has to cost than with this peer: the
 *   processor's time, or the memory that is resident
 * @property {Record<string, Record<string, number>>} alsoTargets  the same for other measures
 * @property {number} warmUp  how many times as long as others it is warmed up
 * @property {Record<string, number>} limits  the most that a measure may be, in bytes
 */

const SERVERS = ['ws', 'ws+addons', 'websocket', 'faye-websocket', 'raw'];
const CLIENTS = ['ws', 'ws+addons', 'websocket', 'faye-websocket', 'undici', 'node', 'raw'];
/** Those with a WebSocket class. */
const CLASSES = ['ws', 'undici', 'node'];
const LIBRARIES = SERVERS.filter((name) => name !== 'raw');
const KIB = 1_024;
const MIB = 1_024 * KIB;

/** A target against everyone but ws and the bare sockets. */
const everyPeer = (factor) => Object.fromEntries(
  [...new Set([...SERVERS, ...CLIENTS])]
    .filter((name) => name !== 'ws' && name !== 'raw')
    .map((name) => [name, factor]),
);

/**
 * A server that echoes 32 B of text, one in flight on one connection; or what `rest` says instead.
 * @param {string} name
 * @param {string} what
 * @param {Partial<Scenario>} rest
 * @returns {Scenario}
 */
export function scenario(name, what, rest) {
  const role = rest.role ?? 'server';
  return {
    name,
    what,
    role,
    face: 'classic',
    flow: 'echo',
    kind: 'text',
    size: 32,
    fragments: 1,
    connections: 1,
    block: 1,
    variants: 8,
    deflate: false,
    undecoded: false,
    peers: role === 'server' ? SERVERS : rest.face === 'standard' ? CLASSES : CLIENTS,
    targets: {},
    alsoTargets: {},
    limits: {},
    warmUp: 1,
    ...rest,
  };
}

const flood = { connections: 64, block: 100 };
const page = { size: 4 * KIB, connections: 16, block: 16 };
const bulk = { kind: 'binary', size: MIB, variants: 4 };
const client = { role: 'client', connections: 16, block: 100 };
const standard = { ...client, face: 'standard' };
/** A message runs thousands of times before anything is timed, a handshake would only some hundreds. */
const handshake = { connections: 64, warmUp: 8 };

/** @type {Scenario[]} */
export const scenarios = [
  scenario('echo-32-text', 'echo 32 B of text, 64 connections with 100 in flight', {
    ...flood, targets: { ws: 10, raw: 0.6 },
  }),
  scenario('echo-125-binary', 'echo 125 B, 64 connections with 100 in flight', {
    ...flood, kind: 'binary', size: 125, targets: { ws: 10, raw: 0.6 },
  }),
  scenario('echo-single-1', 'echo 32 B of text, one in flight on one connection', { targets: { ws: 1.2, raw: 0.95 } }),
  scenario('echo-single-64', 'echo 32 B of text, one in flight on each of 64 connections', {
    connections: 64, targets: { ws: 1.2, raw: 0.95 },
  }),
  scenario('echo-4k-binary', 'echo 4 KiB, 16 connections with 16 in flight', {
    ...page, kind: 'binary', targets: { ws: 4, 'ws+addons': 2.2 },
  }),
  scenario('echo-4k-ascii', 'echo 4 KiB of ASCII text, 16 connections with 16 in flight; ws does not decode it', {
    ...page, undecoded: true, targets: { ws: 3, 'ws+addons': 1.8 },
  }),
  scenario('echo-4k-non-ascii', 'echo 4 KiB of other text, 16 connections with 16 in flight; ws does not decode it', {
    ...page, kind: 'non-ascii', undecoded: true, targets: { ws: 1.5, 'ws+addons': 1.05 },
  }),
  scenario('echo-1m', 'echo 1 MiB, one in flight on one connection', {
    ...bulk, targets: { ws: 2.6, 'ws+addons': 1.05 },
  }),
  scenario('echo-16m', 'echo 16 MiB, one in flight on one connection', {
    ...bulk, size: 16 * MIB, variants: 2, targets: { ws: 2.6, 'ws+addons': 1.05 },
  }),
  scenario('echo-1m-fragments', 'echo 1 MiB that comes in 64 frames, one in flight on one connection', {
    ...bulk, fragments: 64, targets: { ws: 2.6, 'ws+addons': 1.05 },
  }),

  scenario('receive-32-text', 'receive 32 B of text on 16 connections, as fast as they come', {
    flow: 'receive', connections: 16, block: 1_600, targets: { ws: 6, 'ws+addons': 6 },
  }),
  scenario('receive-125-binary', 'receive 125 B on 16 connections, as fast as they come', {
    flow: 'receive', kind: 'binary', size: 125, connections: 16, block: 500, targets: { ws: 4.5, 'ws+addons': 3.5 },
  }),
  scenario('receive-4k-binary', 'receive 4 KiB on 16 connections, as fast as they come', {
    flow: 'receive', kind: 'binary', size: 4 * KIB, connections: 16, block: 16, targets: { ws: 4, 'ws+addons': 1.1 },
  }),
  scenario('receive-1m', 'receive 1 MiB on one connection, as fast as they come', {
    ...bulk, flow: 'receive', targets: { ws: 3.5, 'ws+addons': 1.1 },
  }),

  scenario('send-burst', 'send 64 × 32 B of text in a turn of the event loop, to one of 16 connections after another', {
    flow: 'send', connections: 16, block: 64, targets: { ws: 10, ...everyPeer(5) },
  }),
  scenario('send-one', 'send 32 B of text in a turn of the event loop, to one of 16 connections after another', {
    flow: 'send', connections: 16, variants: 64, targets: { ws: 1.2, ...everyPeer(1.1) },
  }),
  scenario('send-4k', 'send 16 × 4 KiB in a turn of the event loop, to one of 16 connections after another', {
    flow: 'send', kind: 'binary', size: 4 * KIB, connections: 16, block: 16, targets: { ws: 2.1, ...everyPeer(2) },
  }),
  scenario('broadcast', 'send one text of 32 B to 1,000 connections in a turn of the event loop', {
    flow: 'broadcast', connections: 1_000, targets: { ws: 1.3, raw: 1 },
  }),

  scenario('client-echo', 'the classic client echoes 32 B of text, 16 connections with 100 in flight', {
    ...client, targets: { ws: 11, undici: 11 },
  }),
  scenario('client-receive', 'the classic client receives 32 B of text on 16 connections', {
    ...client, flow: 'receive', block: 1_600, targets: { ws: 4.5, undici: 8 },
  }),
  scenario('client-send', 'the classic client sends 64 × 32 B of text in a turn, to one of 16 connections in turn', {
    ...client, flow: 'send', block: 64, targets: { ws: 12, undici: 11 },
  }),

  scenario('standard-echo', 'the WebSocket class echoes 32 B of text, 16 connections with 100 in flight', {
    ...standard, targets: { ws: 4, undici: 4, node: 4 },
  }),
  scenario('standard-receive-text', 'the WebSocket class receives 32 B of text on 16 connections', {
    ...standard, flow: 'receive', block: 1_600, targets: { ws: 1.4, undici: 2.2, node: 2.2 },
  }),
  scenario('standard-receive-binary', 'the WebSocket class receives ArrayBuffers of 125 B on 16 connections', {
    ...standard, flow: 'receive', kind: 'binary', size: 125, block: 500, targets: { ws: 1.4, undici: 1.6, node: 1.6 },
  }),
  scenario('standard-single', 'the WebSocket class echoes 32 B of text, one in flight on one connection', {
    ...standard, connections: 1, block: 1, targets: { ws: 1.2, undici: 1.2, node: 1.2 },
  }),
  scenario('standard-4k-ascii', 'the WebSocket class echoes 4 KiB of ASCII text, 16 connections, 16 in flight', {
    ...standard, ...page, targets: { ws: 1.5, undici: 1.5 },
  }),
  scenario('standard-4k-non-ascii', 'the WebSocket class echoes 4 KiB of other text, 16 connections, 16 in flight', {
    ...standard, ...page, kind: 'non-ascii', targets: { ws: 2.5, undici: 3 },
  }),

  scenario('deflate-1k', 'echo 1 KiB of JSON, compressed with context takeover, 16 connections with 4 in flight', {
    kind: 'json', size: KIB, connections: 16, block: 4, variants: 16, deflate: true, peers: ['ws'],
    targets: { ws: 1.6 },
    // At most 10 % more bytes.
    alsoTargets: { wire: { ws: 1 / 1.1 } },
  }),
  scenario('deflate-1k-no-takeover', 'echo 1 KiB of JSON, each compressed by itself, 16 connections with 4 in flight', {
    kind: 'json', size: KIB, connections: 16, block: 4, variants: 16, deflate: 'no context takeover', peers: ['ws'],
    targets: { ws: 2.1 }, alsoTargets: { wire: { ws: 1 } },
  }),
  scenario('deflate-64k', 'echo 64 KiB of JSON, compressed with context takeover, 4 connections with 1 in flight', {
    kind: 'json', size: 64 * KIB, connections: 4, deflate: true, peers: ['ws'], targets: { ws: 1 },
    alsoTargets: { wall: { ws: 1 } },
  }),

  scenario('accept', 'accept a connection through node:http and close it, 64 at a time', {
    ...handshake, flow: 'accept', targets: { ws: 1.15, ...everyPeer(1.1) },
  }),
  scenario('open', 'open a connection and close it, 64 at a time', {
    ...handshake, role: 'client', face: 'standard', flow: 'open', targets: { ws: 1.3, undici: 2 },
  }),

  scenario('memory-idle', 'what an idle connection of a server holds, of 5,000', {
    flow: 'idle', connections: 5_000,
    targets: { ws: 1, ...everyPeer(1) }, alsoTargets: { heap: { ws: 1, ...everyPeer(1) } },
    limits: { resident: 6_600, heap: 2_000 },
  }),
  scenario('memory-used', 'what an idle connection holds that has compressed 2 KiB of JSON each way, of 5,000', {
    flow: 'used', kind: 'json', size: 2 * KIB, connections: 5_000, deflate: true, peers: ['ws'], targets: { ws: 10 },
  }),
  scenario('memory-kept-binary', 'what a message of 32 B holds when its listener keeps one of 1,000', {
    flow: 'kept', kind: 'binary', block: 1_600, peers: LIBRARIES, limits: { held: KIB },
  }),
  scenario('memory-kept-text', 'what a text of 32 B holds when its listener keeps one of 1,000', {
    flow: 'kept', block: 1_600, peers: LIBRARIES, limits: { held: KIB },
  }),
];

/** The measures of a scenario, the one that judges first. */
export function measuresOf({ flow, deflate }) {
  if (flow === 'kept') return ['held'];
  if (flow === 'idle' || flow === 'used') return ['resident', 'heap'];
  return deflate ? ['cpu', 'wall', 'wire'] : ['cpu', 'wall'];
}

/** @param {import('./scenarios.js').Scenario} scenario */
export function targetsOf({ targets, alsoTargets, ...scenario }, measure) {
  return measure === measuresOf(scenario)[0] ? targets : (alsoTargets[measure] ?? {});
}
