/** Section 5: fragmented messages, right and wrong (RFC 6455 section 5.4). */

import {
  answersThenEmptyCloseCase,
  atOnce,
  failsCase,
  inChops,
  oneByOne,
  type ConformanceCase,
  type Send,
  type Section,
} from '../case.js';
import { continuation, ping, pong, text, type Frame } from '../frames.js';

const unfinished = { fin: false };
const twoFragments = [text('fragment1', unfinished), continuation('fragment2')];
const joined = text('fragment1fragment2');
const pingBetween = [text('fragment1', unfinished), ping('ping payload'), continuation('fragment2')];

const manners: [title: string, send: (...frames: Frame[]) => Send][] = [
  ['', atOnce],
  [', one by one', oneByOne],
  [', in chops of 1', (...frames) => inChops(1, ...frames)],
];

/** The same frames in three manners of writing, under three neighbouring ids. */
function threeManners(
  firstId: number,
  toCase: (id: string, manner: string, send: Send) => ConformanceCase,
  ...frames: Frame[]
): ConformanceCase[] {
  return manners.map(([manner, send], i) => toCase(`5.${String(firstId + i)}`, manner, send(...frames)));
}

/** A message of five fragments with a PING in each half. */
const firstHalf = [text('fragment1', unfinished), continuation('fragment2', unfinished), ping('pongme 1!')];
const secondHalf = [
  continuation('fragment3', unfinished),
  continuation('fragment4', unfinished),
  ping('pongme 2!'),
  continuation('fragment5'),
];
const pongsAndMessage = [
  pong('pongme 1!'),
  pong('pongme 2!'),
  text('fragment1fragment2fragment3fragment4fragment5'),
];

/** The second half goes out when the first PING is answered: the testee has nothing left to read in the middle. */
function inHalves(send: (...frames: Frame[]) => Send): Send {
  return async (peer) => {
    await send(...firstHalf)(peer);
    await peer.answered(1);
    await send(...secondHalf)(peer);
  };
}

/** Twice: a continuation of nothing, then a message of two fragments. */
function continuationOfNothingFirst(bits: { fin: boolean }): Frame[] {
  const frames = [continuation('fragment1', bits), text('fragment2', unfinished), continuation('fragment3')];
  return [...frames, ...frames];
}

export const fragmentation: Section = {
  number: 5,
  title: 'Fragmentation',
  count: 20,
  cases: [
    failsCase('5.1', 'fragmented PING', 1002, atOnce(ping('fragment1', unfinished), continuation('fragment2'))),
    failsCase('5.2', 'fragmented PONG', 1002, atOnce(pong('fragment1', unfinished), continuation('fragment2'))),
    ...threeManners(
      3,
      (id, manner, send) => answersThenEmptyCloseCase(id, `text in two fragments${manner}`, send, [joined]),
      ...twoFragments,
    ),
    ...threeManners(
      6,
      (id, manner, send) =>
        answersThenEmptyCloseCase(id, `PING between two fragments${manner}`, send, [pong('ping payload'), joined]),
      ...pingBetween,
    ),
    ...threeManners(
      9,
      (id, manner, send) => failsCase(id, `last fragment of nothing, then text${manner}`, 1002, send),
      continuation('non-continuation payload'),
      text('Hello, world!'),
    ),
    ...threeManners(
      12,
      (id, manner, send) => failsCase(id, `fragment of nothing, then text${manner}`, 1002, send),
      continuation('non-continuation payload', unfinished),
      text('Hello, world!'),
    ),
    failsCase(
      '5.15',
      'text in two fragments, fragment of nothing, text',
      1002,
      atOnce(...twoFragments, continuation('fragment3', unfinished), text('fragment4')),
      [joined],
    ),
    failsCase('5.16', 'fragment of nothing before a message', 1002, atOnce(...continuationOfNothingFirst(unfinished))),
    failsCase(
      '5.17',
      'last fragment of nothing before a message',
      1002,
      atOnce(...continuationOfNothingFirst({ fin: true })),
    ),
    failsCase('5.18', 'text in a fragmented text', 1002, atOnce(text('fragment1', unfinished), text('fragment2'))),
    answersThenEmptyCloseCase('5.19', 'text in five fragments with two PINGs', inHalves(atOnce), pongsAndMessage),
    answersThenEmptyCloseCase('5.20', 'the same, one by one', inHalves(oneByOne), pongsAndMessage),
  ],
};
