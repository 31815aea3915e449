/** A stream that hands on what is written to it in pieces of a given length, and says when the other side is gone. */
import { PairedDuplex } from '../classic/duplex-pair.js';
import { FrameReader, type ReceivedFrame } from '../conformance/frames.js';

export class CuttingDuplex extends PairedDuplex {
  /** The frames that were written. */
  readonly frames: ReceivedFrame[] = [];
  readonly #reader = new FrameReader();
  readonly #pieceLength: number;
  /** The server's 101 is no frame. */
  #isInHead: boolean;
  #isHungUp = false;

  constructor(pieceLength: number, beginsWithHead: boolean) {
    super({});
    this.#pieceLength = pieceLength;
    this.#isInHead = beginsWithHead;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error) => void): void {
    if (this.#isInHead) {
      // The head is written by itself, and the client's end of these tests has no use for it.
      this.#isInHead = false;
      callback();
      return;
    }
    this.frames.push(...this.#reader.read(chunk));
    super._write(chunk, encoding, callback);
  }

  override receive(chunk: Buffer, callback: () => void): void {
    if (this.destroyed || this.#isHungUp) {
      callback();
      return;
    }
    let offset = 0;
    for (; offset + this.#pieceLength < chunk.length; offset += this.#pieceLength) {
      this.push(chunk.subarray(offset, offset + this.#pieceLength));
    }
    super.receive(chunk.subarray(offset), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // What the peer still writes goes nowhere.
    this._read();
    const { peer } = this;
    setImmediate(() => {
      // As TCP does: what is on its way comes first.
      if (peer instanceof CuttingDuplex) peer.hangUp();
    });
    callback(error);
  }

  /** Nothing more comes from the other side. */
  hangUp(): void {
    if (this.#isHungUp || this.destroyed) return;
    this.#isHungUp = true;
    this.push(null);
  }

  /** Both sides lose the connection. */
  reset(): void {
    for (const side of [this, this.peer]) {
      side?.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    }
  }
}
