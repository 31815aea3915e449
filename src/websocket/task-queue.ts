/**
 * The tasks of one WebSocket (HTML Standard section 8.1.7): each runs by itself, in order, and between two of them all
 * microtasks have run. It knows no event and no connection.
 */

export class TaskQueue {
  readonly #onBegin: () => void;
  readonly #onEnd: () => void;
  #tasks: (() => void)[] = [];
  #isRunning = false;

  /** `onBegin` is called when tasks begin to wait, `onEnd` when the last one has run. */
  constructor(onBegin: () => void, onEnd: () => void) {
    this.#onBegin = onBegin;
    this.#onEnd = onEnd;
  }

  /** Whether no task waits: then whoever runs in a turn of its own may do its work without the queue. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** Adds a task. It never runs inside the call. */
  push(task: () => void): void {
    this.#tasks.push(task);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#onBegin();
    queueMicrotask(this.#afterMicrotasks);
  }

  // A microtask that asks for a tick: the tick comes when the microtasks are done, and those that they queued too. It
  // takes 240 ns. A tick that asks for the next tick, or a microtask for the next microtask, would come too early.
  readonly #afterMicrotasks = (): void => {
    process.nextTick(this.#runNext);
  };

  readonly #runNext = (): void => {
    const task = this.#tasks.shift();
    if (task === undefined) {
      this.#isRunning = false;
      this.#onEnd();
      return;
    }
    task();
    queueMicrotask(this.#afterMicrotasks);
  };
}
