/**
 * The tasks of one WebSocket (HTML Standard section 8.1.7): each runs by itself, in order, and between two of them all
 * microtasks have run. It knows no event and no connection.
 */

/** Where tasks run. */
export interface TaskScope {
  /** Tasks begin to wait. */
  hold(): void;
  /** Runs what begins the first of them. */
  run(begin: () => void): void;
  /** So many wait that no more are to come before {@link resume}. */
  pause(): void;
  resume(): void;
  /** The last one has run. */
  release(): void;
}

/**
 * When so many tasks wait, each gets a `setImmediate`: Node.js runs all that were asked for in one turn, and all
 * microtasks between two of them, in 130 ns each. A microtask and a tick take 330, and up to 900 in a process in which
 * V8 has come to take ticks for long-lived, as it does where much is read from streams. But these run before any
 * other connection is read.
 */
const MANY = 32;

/** So many are enough for a turn of the event loop: what waits is copied by each collection of garbage. */
const LIMIT = 256;

/** The shortest way to a microtask: `queueMicrotask` makes a resource for each, which takes twice as long. */
const RESOLVED = Promise.resolve();

/** @typeParam Task - what is queued: data, so that a message needs no closure. */
export class TaskQueue<Task> {
  readonly #scope: TaskScope;
  readonly #perform: (task: Task) => void;
  readonly #tasks: Task[] = [];
  /** The next task. Taking the first off a long array would move all the others. */
  #next = 0;
  #isRunning = false;

  /** `perform` runs a task. What it throws would end the queue: it reports errors otherwise. */
  constructor(scope: TaskScope, perform: (task: Task) => void) {
    this.#scope = scope;
    this.#perform = perform;
  }

  /** Whether no task waits: then whoever runs in a turn of its own may do its work without the queue. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** Adds a task. It never runs inside the call. */
  push(task: Task): void {
    this.#tasks.push(task);
    if (this.#isRunning) {
      if (this.#tasks.length === LIMIT) this.#scope.pause();
      return;
    }
    this.#isRunning = true;
    this.#scope.hold();
    // Each tick and each microtask of the queue is asked for in the one before, and so all are in this scope.
    this.#scope.run(this.#awaitMicrotasks);
  }

  // A microtask that asks for a tick: the tick comes when the microtasks are done, and those that they queued too. A
  // tick that asks for the next tick, or a microtask for the next microtask, would come too early.
  readonly #awaitMicrotasks = (): void => {
    void RESOLVED.then(this.#afterMicrotasks);
  };

  readonly #afterMicrotasks = (): void => {
    const waiting = this.#tasks.length - this.#next;
    if (waiting < MANY) {
      process.nextTick(this.#runNext);
      return;
    }
    for (let count = 1; count < waiting; count++) setImmediate(this.#runOne);
    setImmediate(this.#runNext);
  };

  readonly #runNext = (): void => {
    if (this.#next === this.#tasks.length) {
      if (this.#next >= LIMIT) this.#scope.resume();
      this.#tasks.length = 0;
      this.#next = 0;
      this.#isRunning = false;
      this.#scope.release();
      return;
    }
    this.#runOne();
    this.#awaitMicrotasks();
  };

  readonly #runOne = (): void => {
    const task = this.#tasks[this.#next] as Task;
    // What was delivered must not be kept by what waits behind it.
    this.#tasks[this.#next++] = undefined as Task;
    this.#perform(task);
  };
}
