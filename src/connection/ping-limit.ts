/**
 * How many PINGs are read at a time. A peer that floods us with them is read with breaks, so that it does not take the
 * processor's time from all others: a turn of the event loop long while it takes its PONGs, and longer while it does not,
 * or when none follows any more because our CLOSE has gone out. Not to read from it at all until it reads would leave two
 * such ends waiting for each other.
 */

/** So many are read between two breaks. */
const MAX_PINGS = 128;
/** The milliseconds of a break when PINGs get no PONG. */
const LONG_BREAK = 100;

export class PingLimit {
  readonly #pause: () => void;
  readonly #resume: () => void;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pause: () => void, resume: () => void) {
    this.#pause = pause;
    this.#resume = resume;
  }

  /** One more came, and got a PONG or gets none. */
  add(isAnswered: boolean): void {
    if (++this.#count < MAX_PINGS) return;
    this.#count = 0;
    this.#pause();
    if (isAnswered) setImmediate(this.#resume);
    // The socket keeps the process alive, not the timer beside it.
    else this.#timer = setTimeout(this.#resume, LONG_BREAK).unref();
  }

  /** PONGs are taken again, or nothing is read any more. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#count = 0;
    this.#resume();
  }
}
