/** What a scenario is: two ends, a faulty network between them, and the moment of the fault. */
import type { End, Role } from './end.js';
import { type Fault, fatalFaults, type Flow } from './fault-proxy.js';
import type { Settings } from './opening.js';

export const phases = [
  /** Part of the client's handshake has been passed on. With TLS it is TLS's own. */
  'the request',
  /** Part of the server's handshake has been passed on. With TLS it is TLS's own. */
  'the response',
  /** The connection is open, and nothing is under way. */
  'idleness',
  /** Part of a large frame has been passed on. */
  'a frame',
  /** Some of a message's fragments have been passed on. */
  'a fragmented message',
  /** One CLOSE frame has been passed on, and the answer is next. */
  'the closing handshake',
] as const;

export type Phase = (typeof phases)[number];

export interface Scenario extends Settings {
  readonly fault: Fault;
  readonly phase: Phase;
  /** The end whose bytes the fault meets; in the closing handshake, the end that begins it. */
  readonly side: Role;
  readonly seed: number;
}

/** Both ends as they were left. Where a handshake failed, there may be none. */
export interface Outcome {
  readonly server: End | undefined;
  readonly client: End | undefined;
  readonly up: Flow;
  readonly down: Flow;
}

/** Small messages that each end sends before the fault. */
export const GREETINGS = 3;

export function isFatal({ fault }: Scenario): boolean {
  return fatalFaults.some((fatal) => fatal === fault);
}

/** Whether nothing but a timer can notice that the peer is gone. */
export function isSilent({ fault }: Scenario): boolean {
  return fault === 'half-open' || fault === 'reader that never reads';
}

export function isInHandshake({ phase }: Scenario): boolean {
  return phase === 'the request' || phase === 'the response';
}
