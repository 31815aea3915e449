// @ts-check
/**
 * Isomorphic: the module that a browser and Node share. It asks questions over a WebSocket and gives the answers, which
 * may come in any order: each has the number of its question.
 *
 * `watershed` is the package in Node and the browser's own WebSocket in a page.
 */

import { WebSocket } from 'watershed';

export class Questions {
  /** @type {Map<number, { resolve(answer: unknown): void, reject(error: Error): void }>} */
  #unanswered = new Map();
  #last = 0;
  #webSocket;
  /** Resolves when questions can be asked. @type {Promise<void>} */
  ready;

  /** @param {string} url */
  constructor(url) {
    this.#webSocket = new WebSocket(url);
    this.ready = new Promise((resolve, reject) => {
      this.#webSocket.addEventListener('open', () => resolve());
      // In Node the event says why; a browser keeps it from the page.
      this.#webSocket.addEventListener('error', ({ message }) => reject(new Error(message ?? 'The connection failed')));
    });
    // Who asks is told; who does not ask need not know.
    this.ready.catch(() => undefined);
    this.#webSocket.addEventListener('message', ({ data }) => {
      const { number, answer } = JSON.parse(data);
      this.#unanswered.get(number)?.resolve(answer);
      this.#unanswered.delete(number);
    });
    this.#webSocket.addEventListener('close', ({ code, reason }) => {
      // Nobody waits for ever.
      for (const { reject } of this.#unanswered.values()) reject(new Error(`Closed before the answer: ${code} ${reason}`));
      this.#unanswered.clear();
    });
  }

  /**
   * @param {string} question
   * @returns {Promise<unknown>}
   */
  async ask(question) {
    await this.ready;
    if (this.#webSocket.readyState !== WebSocket.OPEN) throw new Error('The connection is closed');
    const number = ++this.#last;
    this.#webSocket.send(JSON.stringify({ number, question }));
    return new Promise((resolve, reject) => this.#unanswered.set(number, { resolve, reject }));
  }

  close() {
    this.#webSocket.close(1000, 'no more questions');
  }
}
