/**
 * The tasks of one WebSocket (HTML Standard section 8.1.7): each runs by itself, in order, and between two of them all
 * microtasks have run. It knows no event and no connection.
 */

/** Where tasks run. */
export interface TaskScope {
  /** Tasks begin to wait. */
  hold(): void;
  /** Runs a task. */
  run(task: () => void): void;
  /** The last one has run. */
  release(): void;
}

export class TaskQueue {
  readonly #scope: TaskScope;
  readonly #tasks: (() => void)[] = [];
  /** The next task. Taking the first off a long array would move all the others. */
  #next = 0;
  #isRunning = false;

  constructor(scope: TaskScope) {
    this.#scope = scope;
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
    this.#scope.hold();
    queueMicrotask(this.#afterMicrotasks);
  }

  // A microtask that asks for a tick: the tick comes when the microtasks are done, and those that they queued too. It
  // takes 240 ns. A tick that asks for the next tick, or a microtask for the next microtask, would come too early.
  readonly #afterMicrotasks = (): void => {
    process.nextTick(this.#runNext);
  };

  readonly #runNext = (): void => {
    const task = this.#tasks[this.#next];
    if (task === undefined) {
      this.#tasks.length = 0;
      this.#next = 0;
      this.#isRunning = false;
      this.#scope.release();
      return;
    }
    this.#next++;
    this.#scope.run(task);
    queueMicrotask(this.#afterMicrotasks);
  };
}
