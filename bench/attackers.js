/**
 * What an attacker does, over bare sockets: each attack takes a server's port and goes on until it is told to stop, on
 * connections of its own.
 */
import { connect } from 'node:net';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { constants, deflateRawSync } from 'node:zlib';
import { BINARY, CONTINUATION, makeFrame, TEXT } from './frames.js';
import { REQUEST } from './handshake.js';
import { MAX_FRAGMENTS } from './peers/connection.js';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const PING = 9;
/** The most that an attacker's own socket holds back, in bytes. */
const BACKLOG = MIB;
/** How long an attacker waits for the answer to its handshake, and for the end of its connection, in milliseconds. */
const PATIENCE = 2_000;

/**
 * @typedef {object} Attack
 * @property {string} name
 * @property {string} what
 * @property {boolean} [deflate]  whether the server takes compression
 * @property {(port: number, isOver: () => boolean) => Promise<() => void>} run  gives what ends it
 */

/** @type {Attack[]} */
export const attacks = [
  {
    name: 'slow-headers',
    what: '1,000 handshakes at once, a header field each every 100 ms and no end',
    run: (port, isOver) => together(1_000, async () => {
      const socket = dial(port);
      socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n');
      while (!isOver() && socket.writable) {
        socket.write('X-Slow: yes\r\n');
        await wait(100);
      }
      return socket;
    }),
  },
  {
    name: 'header-flood',
    what: '20 connections again and again, each with a request of 100,000 header fields',
    run: (port, isOver) => {
      const request = Buffer.from(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(100_000)}\r\n`);
      return together(20, () => again(async () => dial(port), request, isOver));
    },
  },
  {
    name: 'ping-flood',
    what: '10 connections that send PINGs of 125 B as fast as they are taken, and read nothing',
    run: (port, isOver) => {
      const pings = repeat(makeFrame({ opcode: PING, payload: Buffer.alloc(125, 'p'), masked: true }), 500);
      return together(10, async () => flood(await open(port), pings, isOver));
    },
  },
  {
    name: 'tiny-fragments',
    what: '20 connections again and again, each with a message of 131,073 fragments of one byte, one above the limit',
    run: (port, isOver) => {
      const payload = Buffer.from('a');
      const first = makeFrame({ opcode: TEXT, payload, masked: true, fin: false });
      const next = makeFrame({ opcode: CONTINUATION, payload, masked: true, fin: false });
      const message = Buffer.concat([first, repeat(next, MAX_FRAGMENTS)]);
      return together(20, () => again(() => open(port), message, isOver));
    },
  },
  {
    name: 'announced',
    what: '200 connections, each with a frame that announces 60 MiB and has 64 KiB',
    run: (port) => together(200, async () => {
      const socket = await open(port);
      socket.write(Buffer.concat([announce(60 * MIB), Buffer.alloc(64 * KIB)]));
      return socket;
    }),
  },
  {
    name: 'oversized',
    what: '20 connections again and again, each with a frame of 1 GiB, as fast as it is taken',
    run: (port, isOver) => {
      const part = Buffer.alloc(64 * KIB);
      return together(20, async () => {
        for (;;) {
          const socket = await open(port);
          if (isOver()) return socket;
          socket.write(announce(1_024 * MIB));
          await flood(socket, part, isOver);
          socket.destroy();
        }
      });
    },
  },
  {
    name: 'bombs',
    what: '4 connections, each with compressed messages of 1 MiB that would inflate to 1 GiB',
    deflate: true,
    run: (port, isOver) => {
      const block = deflateRawSync(Buffer.alloc(MIB), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
      // Without the four bytes that RFC 7692 section 7.2.1 has left out.
      const payload = repeat(block, 1_024).subarray(0, -4);
      const bomb = makeFrame({ opcode: BINARY, payload, masked: true, rsv1: true });
      return together(4, () => again(() => open(port, 'permessage-deflate'), bomb, isOver));
    },
  },
];

/** So many attackers at once; their sockets stay until all are done. */
async function together(count, attacker) {
  const sockets = await Promise.all(Array.from({ length: count }, attacker));
  return () => { for (const socket of sockets) socket.destroy(); };
}

function dial(port) {
  const socket = connect({ port, host: '127.0.0.1' });
  // The server defends itself.
  socket.on('error', () => {});
  return socket;
}

async function open(port, extensions) {
  const socket = dial(port);
  socket.write(REQUEST(extensions));
  socket.resume();
  await firstOf(socket, ['data', 'close'], PATIENCE);
  socket.pause();
  return socket;
}

/** Sends these bytes on one connection after another; each is ended by the server, or left after a while. */
async function again(makeSocket, bytes, isOver) {
  for (;;) {
    const socket = await makeSocket();
    if (isOver()) return socket;
    socket.write(bytes);
    socket.resume();
    await firstOf(socket, ['close'], PATIENCE);
    socket.destroy();
  }
}

/** Writes the same bytes again and again, as fast as the peer takes them. */
async function flood(socket, bytes, isOver) {
  while (!isOver() && socket.writable) {
    if (socket.writableLength < BACKLOG) socket.write(bytes);
    else await firstOf(socket, ['drain', 'close'], 100);
    await nextTurn();
  }
  return socket;
}

/** The header of a masked frame of this length. */
function announce(length) {
  const header = Buffer.from([0x80 | BINARY, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

/** Resolves with the first of these events, or when so many milliseconds have passed. */
function firstOf(socket, events, time) {
  return new Promise((resolve) => {
    const timer = setTimeout(onEvent, time);
    for (const event of events) socket.on(event, onEvent);
    function onEvent() {
      clearTimeout(timer);
      for (const event of events) socket.off(event, onEvent);
      resolve();
    }
  });
}

function repeat(bytes, count) {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}
