/** What sections 12 and 13 are made of: messages of one length, compressed, each sent when the last one is back. */

import { answersCase, type ConformanceCase } from './case.js';
import type { DeflateCase } from './deflate.js';
import { fragments, type Frame } from './frames.js';
import type { Payload } from './payloads.js';
import type { RawPeer } from './raw-peer.js';

/** How many messages a case has: all of them take minutes, which `npm test` does not have. */
const messageCount = process.env['MODE'] === 'conformance' ? 1000 : 20;

const kibi = 1024;

/** The sub-cases: the length of the messages, and that of their fragments when they have some. */
const lengths: readonly (readonly [length: number, fragmentLength?: number])[] = [
  [16],
  [64],
  [256],
  [kibi],
  [4 * kibi],
  [8 * kibi],
  [16 * kibi],
  [32 * kibi],
  [64 * kibi],
  [128 * kibi],
  [8 * kibi, 256],
  [16 * kibi, 256],
  [32 * kibi, 256],
  [64 * kibi, 256],
  [128 * kibi, 256],
  [128 * kibi, kibi],
  [128 * kibi, 4 * kibi],
  [128 * kibi, 32 * kibi],
];

/** What the server is offered beside what it is asked for: the client can do both for it. */
const offer = 'permessage-deflate; client_no_context_takeover; client_max_window_bits';

/**
 * The opening handshakes that ask one end for the parameters `end`_no_context_takeover and `end`_max_window_bits: in
 * the offer the server, in the answer the client.
 */
export function askingFor(...parameters: string[]): DeflateCase {
  const of = (end: string): string[] => parameters.map((parameter) => `${end}_${parameter}`);
  return { offer: [offer, ...of('server')].join('; '), required: of('server'), answer: of('client') };
}

/** Offers in the order of preference: a server that can do them all takes the first, and a client is asked for it. */
export function preferring(first: DeflateCase, ...others: DeflateCase[]): DeflateCase {
  return { ...first, offer: [first, ...others].map((each) => each.offer).join(', ') };
}

/** The sub-cases of one payload and one opening handshake. */
export function compressedMessages(id: string, payload: Payload, deflate: DeflateCase): ConformanceCase[] {
  return lengths.map(([length, fragmentLength], i) => {
    const messages = payload.messages(length, messageCount);
    const inFragments = fragmentLength === undefined ? '' : ` in fragments of ${String(fragmentLength)} octets`;
    return {
      ...answersCase(
        `${id}.${String(i + 1)}`,
        `compressed messages of ${String(length)}${inFragments}`,
        (peer) => sendInTurn(peer, messages, fragmentLength),
        messages,
      ),
      deflate,
    };
  });
}

async function sendInTurn(peer: RawPeer, messages: readonly Frame[], fragmentLength = Infinity): Promise<void> {
  for (const [i, message] of messages.entries()) {
    peer.send(fragments(await peer.compress(message), fragmentLength));
    await peer.answered(i + 1);
  }
  // Short messages may come back as they are, when compressing gains nothing; long ones do not all.
  if (peer.compressedAnswers === 0 && messages.some(({ payload }) => payload.length >= kibi)) {
    peer.violations.push('none of its messages was compressed');
  }
}
