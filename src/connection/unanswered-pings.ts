/**
 * The PINGs that get no PONG, because the peer takes none or our CLOSE has gone out. A peer that floods us with them is
 * read slowly: at full speed it would take the processor's time from all others; and not to read from it until it reads
 * would leave two such ends waiting for each other.
 */

/** So many are read at a time, and so many milliseconds lie between two times. */
export const MAX_UNANSWERED = 512;
export const SLOW_READ_INTERVAL = 100;

export class UnansweredPings {
  readonly #pause: () => void;
  readonly #resume: () => void;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pause: () => void, resume: () => void) {
    this.#pause = pause;
    this.#resume = resume;
  }

  /** One more came. */
  add(): void {
    if (++this.#count < MAX_UNANSWERED) return;
    this.#count = 0;
    this.#pause();
    // The socket keeps the process alive, not the timer beside it.
    this.#timer = setTimeout(this.#resume, SLOW_READ_INTERVAL).unref();
  }

  /** PONGs are taken again, or nothing is read any more. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#count = 0;
    this.#resume();
  }
}
