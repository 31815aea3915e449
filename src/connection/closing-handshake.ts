/**
 * The life of a connection as one table: its phases, and what moves it from one to the next (RFC 6455 sections 4.1,
 * 5.5.1, 7.1). The table knows no socket and no frame; the connection acts on it.
 *
 * Two rules keep it honest. A phase is the only state there is: whether our CLOSE went out, whether the peer's came,
 * whether there is still something to deliver is read off the phase. And a phase changes here alone.
 */

export type Phase =
  /** The opening handshake is under way. */
  | 'CONNECTING'
  /** Messages go both ways. */
  | 'OPEN'
  /** A CLOSE of ours waits behind the messages before it. The peer may still send messages. */
  | 'CLOSE_QUEUED'
  /** We sent a CLOSE. The peer may still send messages until its own. */
  | 'CLOSE_SENT'
  /** The peer's CLOSE came; ours waits behind the messages before it. */
  | 'CLOSE_RECEIVED'
  /** Nothing is sent or delivered any more: what is left is the end of the transport. */
  | 'ENDING'
  /** The transport is gone. */
  | 'CLOSED';

export type Transition =
  /** The opening handshake is complete. */
  | 'open'
  /** A CLOSE of our own, which is no answer. */
  | 'queueClose'
  /** Our CLOSE is written: nothing follows it. */
  | 'writeClose'
  /** The peer's CLOSE, the first one. */
  | 'receiveClose'
  /** The connection is failed (section 7.1.7), or the peer went away. */
  | 'giveUp'
  /** The transport has ended, or was destroyed. */
  | 'close';

const transitions: Readonly<Record<Phase, Readonly<Partial<Record<Transition, Phase>>>>> = {
  CONNECTING: { open: 'OPEN', giveUp: 'ENDING', close: 'CLOSED' },
  OPEN: { queueClose: 'CLOSE_QUEUED', receiveClose: 'CLOSE_RECEIVED', giveUp: 'ENDING', close: 'CLOSED' },
  CLOSE_QUEUED: { writeClose: 'CLOSE_SENT', receiveClose: 'CLOSE_RECEIVED', giveUp: 'ENDING', close: 'CLOSED' },
  CLOSE_SENT: { receiveClose: 'ENDING', giveUp: 'ENDING', close: 'CLOSED' },
  CLOSE_RECEIVED: { writeClose: 'ENDING', giveUp: 'ENDING', close: 'CLOSED' },
  ENDING: { close: 'CLOSED' },
  CLOSED: {},
};

/** The phase that a transition leads to; undefined when there is no such way, and nothing is to be done. */
export function nextPhase(phase: Phase, transition: Transition): Phase | undefined {
  return transitions[phase][transition];
}

/** The ready state of the WHATWG interface, and of the classic one: 0 CONNECTING, 1 OPEN, 2 CLOSING, 3 CLOSED. */
export type ReadyState = 0 | 1 | 2 | 3;

export const readyStates: Readonly<Record<Phase, ReadyState>> = {
  CONNECTING: 0,
  OPEN: 1,
  CLOSE_QUEUED: 2,
  CLOSE_SENT: 2,
  CLOSE_RECEIVED: 2,
  ENDING: 2,
  CLOSED: 3,
};
