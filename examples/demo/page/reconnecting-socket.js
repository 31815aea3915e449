// @ts-check
/**
 * The browser's WebSocket, opened again when it was lost. Knows nothing of the page or of what the messages mean.
 */

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;

/**
 * What is reported whenever the connection changes. An attempt that failed was never open, and its code says nothing.
 * `retryAt` is the time (of `Date.now`) of the next attempt; it is missing when there will be none, because the page
 * itself closed the connection.
 * @typedef {{ name: 'connecting' | 'open' | 'closing' }
 *   | { name: 'closed', wasOpen: boolean, code: number, reason: string, retryAt?: number }} State
 */

export class ReconnectingSocket {
  #url;
  #onState;
  #onMessage;
  /** @type {WebSocket | undefined} */
  #socket;
  #closedByUs = false;
  #failures = 0;
  #retryTimer = 0;

  /**
   * @param {string} url
   * @param {(state: State) => void} onState
   * @param {(data: string | Blob) => void} onMessage
   */
  constructor(url, onState, onMessage) {
    this.#url = url;
    this.#onState = onState;
    this.#onMessage = onMessage;
    // The network is back: there is no need to wait.
    addEventListener('online', () => {
      if (this.#retryTimer !== 0) this.connect();
    });
  }

  /** Connects now, unless there is a connection already. */
  connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    if (this.#socket !== undefined) return;

    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#closedByUs = false;
    let wasOpen = false;
    socket.addEventListener('open', () => {
      wasOpen = true;
      this.#failures = 0;
      this.#onState({ name: 'open' });
    });
    socket.addEventListener('message', (event) => this.#onMessage(event.data));
    socket.addEventListener('close', ({ code, reason }) => {
      this.#socket = undefined;
      const closed = { name: /** @type {const} */ ('closed'), wasOpen, code, reason };
      this.#onState(this.#closedByUs ? closed : { ...closed, retryAt: this.#retry() });
    });
    this.#onState({ name: 'connecting' });
  }

  /**
   * Closes the connection, and leaves it closed until `connect` is called.
   * @param {number} code
   * @param {string} reason
   */
  close(code, reason) {
    if (!this.isOpen) return;
    this.#socket?.close(code, reason);
    this.#closedByUs = true;
    this.#onState({ name: 'closing' });
  }

  /** @param {string | ArrayBuffer} data */
  send(data) {
    this.#socket?.send(data);
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  #retry() {
    // Twice as long each time, and never two pages at the same moment when a server comes back.
    const delay = Math.min(FIRST_DELAY * 2 ** this.#failures, LONGEST_DELAY) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.connect(), delay);
    return Date.now() + delay;
  }
}
