/**
 * What a conformance case is, and the two kinds in which nearly all of them come: what is sent is echoed, or it makes
 * the testee fail the connection. The ids are those of the Autobahn test suite.
 */

import type { DeflateCase } from './deflate.js';
import { close, type Frame } from './frames.js';
import type { RawPeer } from './raw-peer.js';

/** A section of cases, in the order of their ids. */
export interface Section {
  readonly number: number;
  readonly title: string;
  /** How many cases the section has: a lost or doubled case shows. */
  readonly count: number;
  readonly cases: readonly ConformanceCase[];
}

export interface ConformanceCase {
  readonly id: string;
  readonly title: string;
  /** What the raw peer sends, cut into which writes, and what it awaits in between. */
  readonly send: Send;
  /** Everything that must come back before the CLOSE, in order, and nothing else. */
  readonly answers: readonly Frame[];
  /** Who starts the closing handshake, and the code that the testee's CLOSE must have. */
  readonly closing: Closing;
  /** What the raw peer says of permessage-deflate in the opening handshake; without it, nothing. */
  readonly deflate?: DeflateCase;
}

export type Send = (peer: RawPeer) => Promise<void> | void;

export type Closing =
  /** The raw peer sends `frame` once the answers are there, unless `send` has sent a CLOSE already. */
  | { readonly starter: 'peer'; readonly frame: Frame; readonly codes: readonly (number | undefined)[] }
  | { readonly starter: 'testee'; readonly codes: readonly [number] };

/** All frames in one write. */
export function atOnce(...frames: Frame[]): Send {
  return (peer) => {
    peer.send(frames);
  };
}

/** Each frame in a write of its own. */
export function oneByOne(...frames: Frame[]): Send {
  return (peer) => peer.sendOneByOne(frames);
}

/** Writes of `size` octets, however long the frames are. */
export function inChops(size: number, ...frames: Frame[]): Send {
  return (peer) => peer.sendInChops(frames, size);
}

/** The testee answers, and nothing is wrong: we close with 1000, and it replies with 1000. */
export function answersCase(id: string, title: string, send: Send, answers: readonly Frame[]): ConformanceCase {
  return { id, title, send, answers, closing: { starter: 'peer', frame: close(1000), codes: [1000] } };
}

/** As {@link answersCase}, but we close with an empty CLOSE, which may be answered by an empty one. */
export function answersThenEmptyCloseCase(
  id: string,
  title: string,
  send: Send,
  answers: readonly Frame[],
): ConformanceCase {
  return { id, title, send, answers, closing: { starter: 'peer', frame: close(), codes: [1000, undefined] } };
}

/** The testee fails the connection with `code`, having sent no more than the answers. */
export function failsCase(
  id: string,
  title: string,
  code: number,
  send: Send,
  answers: readonly Frame[] = [],
): ConformanceCase {
  return { id, title, send, answers, closing: { starter: 'testee', codes: [code] } };
}

/** Our own CLOSE frame, right or wrong: the testee replies with one of the codes, `undefined` being an empty CLOSE. */
export function repliesToCloseCase(
  id: string,
  title: string,
  frame: Frame,
  ...codes: (number | undefined)[]
): ConformanceCase {
  return { id, title, send: atOnce(frame), answers: [], closing: { starter: 'peer', frame, codes } };
}
