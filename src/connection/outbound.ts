/**
 * What is on its way to the transport: messages and the CLOSE in the order in which they were sent, though some take
 * time to be ready, and PINGs and PONGs between them. It counts what is buffered and says when it has gone out; it does
 * not know whether the connection is open.
 */
import type { Blob } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { ResolvedConnectionOptions } from '../options.js';
import { Opcode } from '../protocol/frame.js';
import { Sender } from '../protocol/sender.js';
import { type ConnectionMessage, publishFrame, sendChannel } from './diagnostics.js';
import { FrameWriter, type SendCallback } from './frame-writer.js';
import { OrderedQueue } from './ordered-queue.js';
import { callOut } from './uncaught.js';

/** What is reported of messages on their way. */
export interface OutboundHandler {
  /** A write of so many payload bytes has called back; these callbacks are due. */
  onSent(bytes: number, callbacks: readonly SendCallback[]): void;
  /** `bufferedAmount` is 0 again after it had reached `highWaterMark`. */
  onDrained(): void;
  /** `bufferedAmount` is above `maxBufferedAmount`. */
  onBufferLimit(bufferedAmount: number): void;
  /** A Blob could not be read. */
  onUnreadableBlob(cause: unknown): void;
}

export class Outbound {
  /** Messages and the CLOSE; while it is idle they go straight to the writer. */
  readonly queue = new OrderedQueue();

  readonly #connection: ConnectionMessage;
  readonly #options: ResolvedConnectionOptions;
  readonly #handler: OutboundHandler;
  readonly #sender: Sender;
  #writer: FrameWriter | undefined;
  /** Payload bytes of the messages that wait in the queue. */
  #queuedAmount = 0;
  #needsDrain = false;
  /** The newest PING that could not be answered yet. */
  #owedPong: Buffer | undefined;

  constructor(
    connection: ConnectionMessage & OutboundHandler & { readonly isServer: boolean },
    options: ResolvedConnectionOptions,
  ) {
    this.#connection = connection;
    this.#handler = connection;
    this.#options = options;
    this.#sender = new Sender({ isServer: connection.isServer });
  }

  /** The transport is there. */
  open(socket: Duplex): void {
    this.#writer = new FrameWriter(socket, this.#sender, this.#onWritten);
  }

  /** Payload bytes of messages whose write has not called back: UTF-8 length, no headers, no control frames. */
  get bufferedAmount(): number {
    return this.#queuedAmount + (this.#writer?.bufferedAmount ?? 0);
  }

  // Messages: each says whether `bufferedAmount` is still below `highWaterMark`.

  text(text: string, callback: SendCallback | undefined): boolean {
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this.#connection, Opcode.TEXT, text);
    if (this.queue.isIdle) this.#writer?.text(text, callback);
    else this.#wait(Buffer.byteLength(text), () => { this.#writer?.text(text, callback); }, callback);
    return this.#hasRoom();
  }

  binary(data: Uint8Array, callback: SendCallback | undefined): boolean {
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this.#connection, Opcode.BINARY, data);
    if (this.queue.isIdle) this.#writer?.binary(data, callback);
    else {
      // The caller may change the bytes before it is their turn.
      const copy = Buffer.from(data);
      this.#wait(copy.length, () => { this.#writer?.binary(copy, callback); }, callback);
    }
    return this.#hasRoom();
  }

  /** A whole message that is encoded already, for a connection whose frames are not masked. */
  encoded(opcode: Opcode, frame: Buffer, payloadLength: number): boolean {
    if (sendChannel.hasSubscribers) {
      const payload = frame.subarray(frame.length - payloadLength);
      publishFrame(sendChannel, this.#connection, opcode, opcode === Opcode.TEXT ? payload.toString() : payload);
    }
    if (this.queue.isIdle) this.#writer?.encoded(frame, payloadLength);
    else this.#wait(payloadLength, () => { this.#writer?.encoded(frame, payloadLength); }, undefined);
    return this.#hasRoom();
  }

  /** The contents of a Blob, which are read when it is its turn. */
  blob(blob: Blob): boolean {
    const { size } = blob;
    let isCancelled = false;
    this.#queuedAmount += size;
    this.queue.push(
      (done) => {
        blob.arrayBuffer().then(
          (buffer) => {
            if (isCancelled) return;
            const data = new Uint8Array(buffer);
            this.#queuedAmount -= size;
            if (sendChannel.hasSubscribers) publishFrame(sendChannel, this.#connection, Opcode.BINARY, data);
            this.#writer?.binary(data, undefined);
            done();
          },
          (cause: unknown) => {
            if (!isCancelled) this.#handler.onUnreadableBlob(cause);
          },
        );
      },
      () => { isCancelled = true; },
    );
    return this.#hasRoom();
  }

  // Control frames

  /** A PING or a PONG passes between the messages. */
  control(opcode: Opcode, payload: Buffer): void {
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this.#connection, opcode, payload);
    this.#writer?.control(opcode, payload);
  }

  /**
   * Answers a PING: while the transport takes writes every PING has its PONG, in order. While it does not, one is owed,
   * for the newest (RFC 6455 section 5.5.3), so that a peer that never reads cannot fill the memory with them.
   */
  answerPing(payload: Buffer): void {
    if (this.#writer?.isBlocked === true) this.#owedPong = Buffer.from(payload);
    else this.control(Opcode.PONG, payload);
  }

  /** The PING whose PONG is owed, now that the transport takes writes again. */
  takeOwedPong(): Buffer | undefined {
    const owedPong = this.#owedPong;
    this.#owedPong = undefined;
    return owedPong;
  }

  /** Calls `send` behind the messages that wait, for the CLOSE. */
  behindMessages(send: () => void): void {
    if (this.queue.isIdle) send();
    else this.queue.push((done) => { send(); done(); });
  }

  // The writes

  /** Holds back what is sent until `release`: more will come in the same turn. */
  hold(): void {
    this.#writer?.hold();
  }

  release(): void {
    this.#writer?.release();
  }

  flush(): void {
    this.#writer?.flush();
  }

  /** Drops the messages that wait; their callbacks get the error. */
  cancel(error: Error): void {
    this.queue.cancel(error);
  }

  /** Drops everything; the callbacks get the error, in the order of the messages. */
  abandon(error: Error): void {
    for (const callback of this.#writer?.abandon() ?? []) callOut(() => { callback(error); });
    this.queue.cancel(error);
  }

  #wait(bytes: number, write: () => void, callback: SendCallback | undefined): void {
    this.#queuedAmount += bytes;
    this.queue.push(
      (done) => {
        this.#queuedAmount -= bytes;
        write();
        done();
      },
      (error) => {
        if (callback !== undefined) callOut(() => { callback(error); });
      },
    );
  }

  #hasRoom(): boolean {
    const { bufferedAmount } = this;
    if (bufferedAmount > this.#options.maxBufferedAmount) this.#handler.onBufferLimit(bufferedAmount);
    if (bufferedAmount < this.#options.highWaterMark) return true;
    this.#needsDrain = true;
    return false;
  }

  readonly #onWritten = (bytes: number, callbacks: readonly SendCallback[]): void => {
    this.#handler.onSent(bytes, callbacks);
    if (this.#needsDrain && this.bufferedAmount === 0) {
      this.#needsDrain = false;
      this.#handler.onDrained();
    }
  };
}
