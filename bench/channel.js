/** One bare socket of the load: it writes blocks, and counts what comes. */
import { FrameCounter } from './frames.js';

export class Channel {
  /** Bytes that have come. */
  bytes = 0;
  /** While what comes is checked: all of it. */
  kept;

  #socket;
  #blocks;
  #countsFrames;
  #frames = new FrameCounter();
  /** What has still to come: bytes, or frames where nobody knows their length. Below 0: it came before it was due. */
  #due = 0;
  #onNothingDue = () => {};
  #onClosed = () => {};
  #next = 0;

  /** @param {boolean} countsFrames */
  constructor(countsFrames) {
    this.#countsFrames = countsFrames;
  }

  /** @param {import('node:net').Socket} socket */
  attach(socket) {
    this.#socket = socket;
    socket.on('error', () => { socket.destroy(); });
    socket.on('end', () => { socket.end(); });
    // Whoever waits for more would wait without end.
    socket.on('close', () => { this.#onClosed(new Error('A connection was closed while something was due')); });
  }

  /** @param {Awaited<ReturnType<typeof import('./blocks.js').makeBlocks>>} blocks */
  setBlocks(blocks) {
    this.#blocks = blocks;
  }

  /** @param {Buffer} chunk  good until this returns */
  onBytes(chunk) {
    this.bytes += chunk.length;
    this.kept?.push(Buffer.from(chunk));
    this.#due -= this.#countsFrames ? this.#frames.push(chunk) : chunk.length;
    if (this.#due === 0) this.#onNothingDue();
  }

  /**
   * Writes so many blocks, each when the one before it has come back.
   * @param {number} count
   */
  echo(count) {
    return new Promise((resolve, reject) => {
      this.#onClosed = reject;
      let left = count;
      this.#onNothingDue = () => {
        if (left-- === 0) {
          resolve();
          return;
        }
        const block = this.nextBlock();
        this.#due = this.#countsFrames ? block.payloads.length : block.echoed;
        this.#socket.write(block.bytes);
      };
      this.#onNothingDue();
    });
  }

  /**
   * Writes so many blocks, as fast as the peer reads.
   * @param {number} count
   */
  async flood(count) {
    for (let left = count; left > 0; left--) {
      if (this.#socket.write(this.nextBlock().bytes)) continue;
      await new Promise((resolve, reject) => {
        this.#onClosed = reject;
        this.#socket.once('drain', resolve);
      });
    }
  }

  /**
   * Waits until so many bytes more have come.
   * @param {number} bytes
   */
  take(bytes) {
    this.#due += bytes;
    return new Promise((resolve, reject) => {
      this.#onClosed = reject;
      this.#onNothingDue = resolve;
      if (this.#due === 0) resolve();
    });
  }

  nextBlock() {
    const { first, loop } = this.#blocks;
    const index = this.#next++;
    return index < first.length ? first[index] : loop[index % loop.length];
  }

  /** What was written so far, if that is not more than each block once. */
  blocksSoFar() {
    return this.#blocks.first.slice(0, this.#next);
  }

  destroy() {
    this.#socket.destroy();
  }
}
