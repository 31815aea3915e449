/**
 * Opens connections to one address and port one after the other (RFC 6455 section 4.1, the list's second item). It
 * knows no handshake: only who has the turn.
 */

import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** Those who have asked, by address and port, in order. The first one has the turn. */
const queues = new Map<string, Turn[]>();

/** A place in the queue for one address and port. */
export class Turn {
  readonly #key: string;
  readonly #begin: () => void;

  /** `begin` is called in a later tick, when it is this one's turn, unless it has been released by then. */
  constructor(key: string, begin: () => void) {
    this.#key = key;
    this.#begin = begin;
    const queue = queues.get(key);
    if (queue !== undefined) {
      queue.push(this);
    } else {
      queues.set(key, [this]);
      process.nextTick(() => { this.#start(); });
    }
  }

  /** Gives the turn, or the place in the queue, up. Doing it twice does nothing more. */
  release(): void {
    const queue = queues.get(this.#key) ?? [];
    const index = queue.indexOf(this);
    if (index === -1) return;
    queue.splice(index, 1);
    const [next] = queue;
    if (next === undefined) queues.delete(this.#key);
    else if (index === 0) process.nextTick(() => { next.#start(); });
  }

  #start(): void {
    if (queues.get(this.#key)?.includes(this) === true) this.#begin();
  }
}

/**
 * Finds out the address of a host. A name that has none is given as it is: the connection will fail for the same
 * reason, and says so better.
 */
export function resolveAddress(
  host: string,
  { lookup = dnsLookup, family = 0 }: { lookup?: LookupFunction | undefined; family?: number | undefined },
  callback: (address: string) => void,
): void {
  lookup(host, { family }, (error, address) => {
    callback(error === null && typeof address === 'string' ? address : host);
  });
}
