// The rows of docs/errors.md about an open connection: what a peer or we do to it, by the row's label, and what each
// face shows of it.
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, deflateRawSync } from 'node:zlib';
import { ProtocolError, WatershedConnection, WebSocket } from '../../src/index.js';
import { next, type Peer, record } from '../classic/ends.js';
import * as frames from '../conformance/frames.js';
import { temporaryDirectory } from '../interop/daemon.js';
import type { EndOptions, Ends } from './errors-guide-ends.js';

export interface Ending extends EndOptions {
  /** At which ends it can happen: both, if it is not given. */
  readonly ends?: readonly ('server' | 'client')[];
  /** Whether the peer ends TCP when `act` is done: true if it is not given. */
  readonly peerEndsTcp?: boolean;
  /** Makes it happen, and gives the frames that it has read meanwhile. */
  act(ends: Ends): unknown;
}

const classicOf = ({ subject }: Ends): WatershedConnection =>
  subject instanceof WatershedConnection ? subject : WatershedConnection.from(subject);

/** The standard face, open. */
async function standardOf({ subject }: Ends): Promise<WebSocket> {
  const webSocket = subject instanceof WatershedConnection ? WebSocket.from(subject) : subject;
  if (webSocket.readyState === WebSocket.CONNECTING) await once(webSocket, 'open');
  return webSocket;
}

/** The peer sends that. */
const sends = (...sent: frames.Frame[]): Ending => ({ act: ({ peer }) => { peer.send(...sent); } });

/** The peer sends bytes that no frame of ours would have: the header, and the masking key where there has to be one. */
const sendsBytes = (first: number, second: number, ...rest: number[]): Ending => ({
  act: ({ end, peer }) => {
    const mask = end === 'server' ? [0x80, [0, 0, 0, 0]] as const : [0, []] as const;
    peer.socket.write(Buffer.from([first, second | mask[0], ...rest, ...mask[1]]));
  },
});

/** What the peer answers to our CLOSE; its own code, if it is not given. */
async function answers(peer: Peer, answer?: frames.Frame): Promise<frames.Frame[]> {
  const received = await peer.frame();
  peer.send(answer ?? frames.frame(frames.opcodes.close, received.payload));
  return [frames.frame(received.opcode, received.payload)];
}

const compressed = (data: string | Buffer): Buffer =>
  deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
const RSV1 = { rsv: 4 };

/** Looks like application data (RFC 8446 section 5.1). */
const tlsRecord = (data: string): Buffer => Buffer.from([0x17, 3, 3, 0, data.length, ...Buffer.from(data)]);

const { close, continuation, ping, text } = frames;

/** By section, then by label. */
export const endings: Readonly<Record<string, ReadonlyMap<string, Ending>>> = {
  'The peer breaks the protocol': new Map<string, Ending>([
    ['A reserved bit is set', sends(text('x', { rsv: 2 }))],
    ['A reserved opcode', sends(frames.frame(0x3, 'x'))],
    ["A client's frame is not masked (server)", { ends: ['server'], act: writesText({ masked: false }) }],
    ["A server's frame is masked (client)", { ends: ['client'], act: writesText({ masked: true }) }],
    ['A control frame is fragmented', sends(ping('x', { fin: false }))],
    ['A control frame has more than 125 bytes', sends(ping('x'.repeat(126)))],
    ['A continuation of nothing', sends(continuation('x'))],
    ['A message begins inside another', sends(text('x', { fin: false }), text('y'))],
    ['A length in more bytes than it needs', sendsBytes(0x81, 126, 0, 0)],
    ['A 64-bit length whose first bit is set', sendsBytes(0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0)],
    ['A CLOSE with one byte', sends(frames.frame(frames.opcodes.close, 'x'))],
    ['A CLOSE with a code that must not be sent', sends(close(1005))],
    ['A CLOSE whose reason is not UTF-8', sends(close(1000, Buffer.from([0xff])))],
    ['A text that is not UTF-8', sends(text(Buffer.from([0xff])))],
    [
      'A compressed message that cannot be inflated',
      { ...sends(text(Buffer.from([0xff, 0xff]), RSV1)), options: { perMessageDeflate: true } },
    ],
    [
      'More frames in a message than `maxFragments`',
      {
        ...sends(text('a', { fin: false }), continuation('b', { fin: false }), continuation('c')),
        options: { maxFragments: 2 },
      },
    ],
    ['More bytes in a message than `maxPayload`', { ...sends(text('abcd')), options: { maxPayload: 3 } }],
    [
      'A compressed message inflates to more than `maxPayload`',
      { ...sends(text(compressed(Buffer.alloc(2000)), RSV1)), options: { perMessageDeflate: true, maxPayload: 1000 } },
    ],
  ]),

  'The connection is lost': new Map<string, Ending>([
    ['The peer ends TCP without a CLOSE', { act: () => undefined }],
    ['The peer resets TCP', { act: ({ peer }) => { peer.socket.resetAndDestroy(); } }],
    [
      'The peer ends TCP after our CLOSE, without its own',
      { act: async (ends) => { classicOf(ends).end(); return [await ends.peer.frame()]; } },
    ],
    [
      'The peer does not answer our CLOSE within `closeTimeout`',
      { peerEndsTcp: false, options: { closeTimeout: 20 }, act: (ends) => { classicOf(ends).end(); } },
    ],
    [
      'The peer is silent for longer than `heartbeat` allows',
      { peerEndsTcp: false, options: { heartbeat: { interval: 10, timeout: 10 } }, act: () => undefined },
    ],
    [
      'More waits for the peer than `maxBufferedAmount`',
      {
        peerEndsTcp: false,
        options: { maxBufferedAmount: 1000 },
        act: (ends) => { classicOf(ends).send(Buffer.alloc(2000)); },
      },
    ],
    [
      'What comes over TLS was tampered with',
      { ends: ['server'], tls: true, peerEndsTcp: false, act: ({ inject }) => { inject?.(tlsRecord('not encrypted')); } },
    ],
  ]),

  'We end it': new Map<string, Ending>([
    ['`destroy()`', { act: (ends) => { classicOf(ends).destroy(); } }],
    [
      '`closeAll()`, and the peer answers',
      { ends: ['server'], act: ({ watershed, peer }) => { void watershed.closeAll(); return answers(peer); } },
    ],
    [
      '`closeAll()`, and its `timeout` is over',
      {
        ends: ['server'],
        peerEndsTcp: false,
        act: async ({ watershed, peer }) => {
          void watershed.closeAll({ timeout: 20 });
          return [await peer.frame()];
        },
      },
    ],
    ['A Blob cannot be read', { act: sendUnreadableBlob }],
    ['`close()`', { act: async (ends) => { (await standardOf(ends)).close(); return answers(ends.peer); } }],
    ['`end()`', { act: (ends) => { classicOf(ends).end(); return answers(ends.peer); } }],
    [
      "`close(4001, 'bye')`, `end(4001, 'bye')`",
      {
        act: (ends) => {
          if (ends.subject instanceof WatershedConnection) ends.subject.end(4001, 'bye');
          else ends.subject.close(4001, 'bye');
          return answers(ends.peer);
        },
      },
    ],
    [
      'The same, and the peer answers with another code',
      { act: (ends) => { classicOf(ends).end(4001, 'bye'); return answers(ends.peer, close(4002, 'no')); } },
    ],
  ]),

  'The peer closes': new Map<string, Ending>([
    ['A CLOSE with a code and a reason', sends(close(1001, 'restart'))],
    ['A CLOSE with a code of an application', sends(close(4001, 'bye'))],
    ['A CLOSE with a code alone', sends(close(1000))],
    ['A CLOSE without a code', sends(close())],
    [
      'A CLOSE, and then a reset of TCP',
      {
        act: async ({ peer }) => {
          peer.send(close(1000));
          const answer = await peer.frame();
          peer.socket.resetAndDestroy();
          return [answer];
        },
      },
    ],
    [
      'A CLOSE, and then TCP is not ended',
      { peerEndsTcp: false, options: { closeTimeout: 20 }, act: ({ peer }) => { peer.send(close(1000)); } },
    ],
  ]),
};

function writesText({ masked }: { masked: boolean }) {
  return ({ peer }: Ends): void => {
    peer.socket.write(frames.encodeFrame(text('x'), masked));
  };
}

async function sendUnreadableBlob(ends: Ends): Promise<void> {
  const path = join(temporaryDirectory(), 'file');
  await writeFile(path, 'first');
  const blob = await openAsBlob(path);
  await writeFile(path, 'the second, which is longer');
  (await standardOf(ends)).send(blob);
}

/** What a face shows until its last event: the trace as the page writes it, and what came with it. */
export async function observe(
  ending: Ending,
  ends: Ends,
): Promise<{ trace: string; sent: string; codes: string[]; closeCode: number | undefined }> {
  const { subject, peer } = ends;
  const seen = subject instanceof WatershedConnection ? watchClassic(subject) : watchStandard(subject);
  const read = (await ending.act(ends)) as { opcode: number; payload: Buffer }[] | undefined;
  if (ending.peerEndsTcp !== false) peer.socket.end();
  const { trace, errors } = await seen;
  const received = [...(read ?? []), ...(await peer.rest())];
  const closeFrame = received.find(({ opcode }) => opcode === frames.opcodes.close);
  const codes = errors.map((error) => String((error as NodeJS.ErrnoException).code));
  const closeCode = errors.find((error) => error instanceof ProtocolError)?.closeCode;
  return { trace, sent: sentIn(closeFrame?.payload), codes, closeCode };
}

function sentIn(payload: Buffer | undefined): string {
  if (payload === undefined) return 'nothing';
  return payload.length === 0 ? 'nothing in it' : String(payload.readUInt16BE());
}

interface Seen {
  readonly trace: string;
  /** From the events, and from `for await`. */
  readonly errors: readonly Error[];
}

async function watchClassic(connection: WatershedConnection): Promise<Seen> {
  const events = record(connection);
  const errors: Error[] = [];
  const ended = next(connection, 'end');
  try {
    const messages = connection[Symbol.asyncIterator]();
    while ((await messages.next()).done !== true);
  } catch (error) {
    errors.push(error as Error);
  }
  await ended;
  const trace = events.flatMap(([name, ...args]) => {
    if (name === 'error') errors.push(args[0] as Error);
    if (name === 'end') return [`\`'end'\` (${args.map(quoted).join(', ')})`];
    return name === 'error' || name === 'connectionReset' ? [`\`'${name}'\``] : [];
  });
  return { trace: trace.join(', '), errors };
}

function watchStandard(webSocket: WebSocket): Promise<Seen> {
  const trace: string[] = [];
  const errors: Error[] = [];
  return new Promise((resolve) => {
    webSocket.addEventListener('error', ({ error }) => {
      trace.push('`error`');
      errors.push(error);
    });
    webSocket.addEventListener('close', ({ code, reason, wasClean }) => {
      const parts = [String(code), ...(reason === '' ? [] : [quoted(reason)]), wasClean ? 'clean' : 'not clean'];
      trace.push(`\`close\` (${parts.join(', ')})`);
      resolve({ trace: trace.join(', '), errors });
    });
  });
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
