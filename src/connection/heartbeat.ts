/**
 * The heartbeat: pings a silent peer and gives up one that stays silent (RFC 6455 section 5.5.2). It knows time alone;
 * the connection sends the PING and tells it that something has arrived.
 */
import type { HeartbeatOptions } from '../options.js';

export class Heartbeat {
  readonly #interval: number;
  readonly #timeout: number;
  readonly #sendPing: () => void;
  readonly #giveUp: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastArrival = 0;
  #isAnswerDue = false;

  constructor(options: HeartbeatOptions, sendPing: () => void, giveUp: () => void) {
    this.#interval = options.interval;
    this.#timeout = options.timeout;
    this.#sendPing = sendPing;
    this.#giveUp = giveUp;
  }

  /** Begins to count; again after `stop`. */
  start(): void {
    this.#lastArrival = performance.now();
    this.#isAnswerDue = false;
    this.#wait(this.#interval);
  }

  /** Stops counting: a peer that is not being read cannot be heard. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAnswerDue = false;
  }

  /** Something came from the peer. Called for every chunk, and so it leaves the timer alone while it can. */
  arrived(): void {
    this.#lastArrival = performance.now();
    if (!this.#isAnswerDue) return;
    this.#isAnswerDue = false;
    this.#wait(this.#interval);
  }

  #wait(delay: number): void {
    clearTimeout(this.#timer);
    // The socket keeps the process alive, not the clock beside it.
    this.#timer = setTimeout(this.#onTimer, delay).unref();
  }

  readonly #onTimer = (): void => {
    if (this.#isAnswerDue) {
      // When something has kept the process busy, the answer may be there and not read yet: reading comes before this.
      setImmediate(() => {
        if (this.#isAnswerDue) this.#giveUp();
      });
      return;
    }
    const silence = performance.now() - this.#lastArrival;
    if (silence < this.#interval) {
      // Timers count whole milliseconds: never less than one, never early.
      this.#wait(Math.ceil(this.#interval - silence));
      return;
    }
    this.#isAnswerDue = true;
    this.#wait(this.#timeout);
    this.#sendPing();
  };
}
