/**
 * Work that has to be done in order though some of it takes time: inflating, deflating, reading a Blob. A connection
 * has one such queue for each direction.
 *
 * While nothing takes time the queue is idle, and whoever uses it does the work directly, at no cost.
 */

/** Begins when everything before it is done; calls `done` when it is done itself, at once or later. */
export type Work = (done: () => void) => void;

interface Entry {
  readonly work: Work;
  readonly cancel: ((error: Error) => void) | undefined;
  next: Entry | undefined;
}

export class OrderedQueue {
  readonly #onIdle: (() => void) | undefined;
  /** It is under way, and those behind it wait. A list: taking the first off a long array moves all the others. */
  #first: Entry | undefined;
  #last: Entry | undefined;
  #isAdvancing = false;

  /** `onIdle` is called when everything is done. */
  constructor(onIdle?: () => void) {
    this.#onIdle = onIdle;
  }

  /** Whether nothing is under way and nothing waits: then work may be done without the queue. */
  get isIdle(): boolean {
    return this.#first === undefined;
  }

  /** Adds work at the end. `cancel` is called instead if the queue is cancelled before the work is done. */
  push(work: Work, cancel?: (error: Error) => void): void {
    const entry: Entry = { work, cancel, next: undefined };
    const last = this.#last;
    this.#last = entry;
    if (last !== undefined) {
      last.next = entry;
      return;
    }
    this.#first = entry;
    this.#advance();
  }

  /**
   * Drops everything. Work that is under way may still say that it is done, which then means nothing. The reason is
   * asked for when somebody is to be told it: an error costs its stack.
   */
  cancel(reason: () => Error): void {
    let entry = this.#first;
    this.#first = undefined;
    this.#last = undefined;
    for (; entry !== undefined; entry = entry.next) entry.cancel?.(reason());
  }

  /** Begins the first entry, and goes on as long as entries are done at once: a loop, so that no stack grows. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    let entry: Entry | undefined;
    while ((entry = this.#first) !== undefined) {
      entry.work(this.#doneWith(entry));
      if (this.#first === entry) break;
    }
    this.#isAdvancing = false;
    if (entry === undefined) this.#onIdle?.();
  }

  #doneWith(entry: Entry): () => void {
    return () => {
      // Said twice, or after the queue was cancelled.
      if (this.#first !== entry) return;
      this.#first = entry.next;
      if (entry.next === undefined) this.#last = undefined;
      this.#advance();
    };
  }
}
