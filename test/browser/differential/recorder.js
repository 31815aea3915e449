/**
 * Records what a scenario sees of a WebSocket class, as lines of text that are the same in every run: no times, no
 * messages of errors, no ports. Plain JavaScript for browsers and Node, without imports.
 */

// A socket is `any`: the scenarios call it wrongly on purpose.
/** @typedef {any} Socket */
/** @typedef {(recorder: Recorder) => Promise<void> | void} Scenario */
/**
 * @typedef {object} Environment
 * @property {new (...args: any[]) => any} WebSocket the class under test
 * @property {string} base the server's address, `ws://host:port/`
 * @property {string} refused an address where nobody listens
 * @property {(listener: (error: unknown) => void) => () => void} onUncaught listens for exceptions that nobody caught,
 *   which then do no harm, and gives a function that ends this
 * @property {number} patience milliseconds after which a scenario is given up
 */

/** Milliseconds after a scenario in which an event too many would come. */
const AFTERMATH = 5;

/**
 * Runs scenarios, one after the other, and gives the trace of each by its name.
 *
 * @param {Readonly<Record<string, Scenario>>} scenarios
 * @param {Environment} environment
 */
export async function record(scenarios, environment) {
  /** @type {Record<string, string[]>} */
  const traces = {};
  let recorder = new Recorder(environment);
  const stopListening = environment.onUncaught((error) => {
    recorder.note('uncaught', error);
  });
  for (const [name, scenario] of Object.entries(scenarios)) {
    recorder = new Recorder(environment);
    traces[name] = await recorder.run(scenario);
  }
  stopListening();
  return traces;
}

/** What a scenario gets. */
export class Recorder {
  /** @param {Environment} environment */
  constructor(environment) {
    this.environment = environment;
    this.WebSocket = environment.WebSocket;
    this.base = environment.base;
    /** @type {string[]} */
    this.lines = [];
    /** @type {Socket[]} */
    this.sockets = [];
  }

  /** @param {Scenario} scenario */
  async run(scenario) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, this.environment.patience, 'gave up waiting');
    });
    try {
      const end = await Promise.race([scenario(this), timeout]);
      if (end !== undefined) this.lines.push(String(end));
    } catch (error) {
      this.note('the scenario ended with', error);
    }
    clearTimeout(timer);
    await this.sleep(AFTERMATH);
    const trace = this.lines;
    this.lines = [];
    await Promise.race([this.#closeAll(), this.sleep(this.environment.patience)]);
    return trace;
  }

  /**
   * The URL of a server that follows the steps (server.ts has their names).
   *
   * @param {...string} steps
   */
  url(...steps) {
    return `${this.base}?${steps.map((step) => `do=${encodeURIComponent(step)}`).join('&')}`;
  }

  /**
   * The same, with an HTTP answer of its own: the status line and the header fields, without the empty line.
   *
   * @param {readonly string[]} answer
   * @param {...string} steps
   */
  urlAnswered(answer, ...steps) {
    return `${this.url(...steps)}&answer=${encodeURIComponent(`${answer.join('\r\n')}\r\n\r\n`)}`;
  }

  /**
   * Makes a WebSocket whose events are all recorded, in the order in which its listeners are called.
   *
   * @param {string} url
   * @param {...unknown} rest
   * @returns {Socket}
   */
  connect(url, ...rest) {
    const webSocket = new this.WebSocket(url, ...rest);
    this.sockets.push(webSocket);
    for (const type of ['open', 'message', 'error', 'close']) {
      webSocket.addEventListener(type, (/** @type {any} */ event) => {
        this.lines.push(`${this.#describe(event)} [${this.state(webSocket)}]`);
      });
    }
    return webSocket;
  }

  /**
   * A WebSocket to a server that follows the steps.
   *
   * @param {...string} steps
   * @returns {Socket}
   */
  start(...steps) {
    return this.connect(this.url(...steps));
  }

  /**
   * The same, once it is open.
   *
   * @param {...string} steps
   * @returns {Promise<Socket>}
   */
  async open(...steps) {
    const webSocket = this.start(...steps);
    await this.next(webSocket, 'open');
    return webSocket;
  }

  /**
   * Does something, and records what it gives or throws.
   *
   * @param {string} label
   * @param {() => unknown} action
   */
  attempt(label, action) {
    try {
      this.note(label, action());
    } catch (error) {
      this.lines.push(`${label}: throws ${this.show(error)}`);
    }
  }

  /**
   * @param {string} label
   * @param {unknown} value
   */
  note(label, value) {
    this.lines.push(`${label}: ${this.show(value)}`);
  }

  /**
   * The socket's next event of a type.
   *
   * @param {Socket} webSocket
   * @param {string} type
   * @returns {Promise<any>}
   */
  next(webSocket, type) {
    return new Promise((resolve) => webSocket.addEventListener(type, resolve, { once: true }));
  }

  /** @param {Socket} webSocket */
  async closed(webSocket) {
    if (webSocket.readyState !== 3) await this.next(webSocket, 'close');
  }

  /** @param {number} milliseconds */
  sleep(milliseconds) {
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
    });
  }

  /**
   * The attributes that change while a socket lives. bufferedAmount has scenarios of its own: when it falls is not
   * defined to the task.
   *
   * @param {Socket} webSocket
   */
  state({ readyState, protocol, extensions }) {
    return `${readyState} ${this.show(protocol)} ${this.show(extensions)}`;
  }

  /**
   * @param {unknown} value
   * @returns {string}
   */
  show(value) {
    if (typeof value === 'string') return this.#showString(value);
    if (typeof value === 'symbol' || typeof value === 'function') return typeof value;
    if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
    if (Array.isArray(value)) return `[${value.map((element) => this.show(element)).join(', ')}]`;
    if (value instanceof ArrayBuffer) return `ArrayBuffer ${showBytes(new Uint8Array(value))}`;
    if (value instanceof Blob) return `Blob of ${value.size} bytes, type ${this.show(value.type)}`;
    if (value instanceof DOMException) return `DOMException ${value.name} ${value.code}`;
    if (value instanceof Error) return value.name;
    if (this.sockets.includes(value)) return 'the socket';
    return nameOfClass(value);
  }

  /** @param {string} string */
  #showString(string) {
    const { base, refused } = this.environment;
    const neutral = string.replaceAll(refused.slice(5, -1), '{refused}').replaceAll(base.slice(5, -1), '{server}');
    if (neutral.length <= 500) return JSON.stringify(neutral);
    return `${JSON.stringify(neutral.slice(0, 20))}… ${neutral.length}`;
  }

  /** @param {any} event */
  #describe(event) {
    const head = `${event.type} ${nameOfClass(event)}`;
    if (event.type === 'message') return `${head} ${this.show(event.data)}`;
    if (event.type === 'close') return `${head} ${event.code} ${this.show(event.reason)} wasClean ${event.wasClean}`;
    return head;
  }

  async #closeAll() {
    for (const webSocket of this.sockets) {
      if (webSocket.readyState === 3) continue;
      webSocket.close();
      await this.closed(webSocket);
    }
  }
}

/** @param {Uint8Array} bytes */
function showBytes(bytes) {
  if (bytes.length > 32) {
    const isUniform = bytes.every((byte) => byte === bytes[0]);
    return `of ${bytes.length} bytes, ${isUniform ? `all ${bytes[0]}` : 'mixed'}`;
  }
  return `[${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}]`;
}

/** @param {any} value */
function nameOfClass(value) {
  return value.constructor?.name ?? 'Object without a class';
}
