/**
 * What has come from the peer and is on its way to the listener: messages, the CLOSE and the end of the transport, in the
 * order in which they came, though inflating takes time and somebody may have paused. PINGs and PONGs pass between them.
 * It knows no socket, and of the connection's state only whether it still reads.
 */
import { constants } from 'node:buffer';
import type { ProtocolError } from '../errors.js';
import type { ResolvedConnectionOptions } from '../options.js';
import type { CloseFrame } from '../protocol/close-code.js';
import { invalidUtf8 } from '../protocol/frame-errors.js';
import { Opcode } from '../protocol/frame.js';
import { type DeflateDirection, Inflater } from '../protocol/permessage-deflate.js';
import { Receiver, type ReceiverHandler } from '../protocol/receiver.js';
import { decodeUtf8 } from '../protocol/text.js';
import { compressionChannel, type ConnectionMessage, publishCompression } from './diagnostics.js';
import { OrderedQueue } from './ordered-queue.js';

/** Who has paused a connection. It is read when nobody has. */
export const PauseReason = { USER: 1, ITERATOR: 2, QUEUE: 4, PINGS: 8, TASKS: 16 } as const;
export type PauseReason = (typeof PauseReason)[keyof typeof PauseReason];

/** What is reported of what has come, in the order of the peer. */
export interface InboundHandler {
  /** Whether messages are still delivered. */
  isReading(): boolean;
  onText(text: string): void;
  /** The buffer belongs to the handler. */
  onBinary(data: Buffer): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  onClose(frame: CloseFrame): void;
  onProtocolError(error: ProtocolError): void;
  /** Somebody has paused: nothing is to be read. */
  onPause(): void;
  /** Nobody has paused any more: {@link Inbound.goOn} is due, in a later tick. */
  onResume(): void;
  /** Reading begins or goes on: {@link Inbound.pushKept} is due, now. */
  onReading(): void;
  /** Calls back in the async context of the connection. */
  run(action: () => void): void;
}

export class Inbound implements ReceiverHandler {
  readonly #connection: ConnectionMessage & InboundHandler;
  readonly #receiver: Receiver;
  readonly #maxPayload: number;
  #inflater: Inflater | undefined;
  /** Most connections need none before they close. */
  #queue: OrderedQueue | undefined;
  /** Delivers the message that was being inflated; it waits here while somebody has paused. */
  #deliverHeld: (() => void) | undefined;
  #pausedBy = 0;
  /** The ends of the transport that came while paused: a stream may end although it is paused. */
  #heldEnds: (() => void)[] | undefined;

  constructor(
    connection: ConnectionMessage & InboundHandler & { readonly isServer: boolean },
    { maxPayload, maxFragments }: ResolvedConnectionOptions,
  ) {
    this.#connection = connection;
    this.#maxPayload = maxPayload;
    this.#receiver = new Receiver(this, { isServer: connection.isServer, maxPayload, maxFragments });
  }

  /** Messages, the CLOSE and the end; while it is idle they go straight to the handler. */
  get queue(): OrderedQueue {
    return (this.#queue ??= new OrderedQueue(() => { this.resume(PauseReason.QUEUE); }));
  }

  /** From now on a binary message has an ArrayBuffer of exactly its length, where that saves the listener a copy. */
  useArrayBuffers(): void {
    this.#receiver.useArrayBuffers();
  }

  /** From now on messages may be compressed (RFC 7692 section 6.2). */
  inflate(direction: DeflateDirection): void {
    this.#inflater = new Inflater(direction, Math.min(this.#maxPayload, constants.MAX_STRING_LENGTH));
    this.#receiver.takeCompressed();
  }

  // Bytes

  /** Takes what was read. */
  push(chunk: Buffer, isOwn: boolean): void {
    this.#receiver.push(chunk, isOwn);
  }

  /** Keeps what was read before there was a connection, until it goes on. */
  keep(head: Buffer): void {
    this.#receiver.stop();
    this.#receiver.push(head);
  }

  /** Takes what was kept. */
  pushKept(): void {
    this.#receiver.resume();
  }

  /** Looks at nothing more of what has come. */
  stop(): void {
    this.#receiver.stop();
  }

  /** Lets everything go. */
  abandon(reason: () => Error): void {
    this.#receiver.stop();
    this.#inflater = undefined;
    this.#deliverHeld = undefined;
    this.#queue?.cancel(reason);
  }

  // Pausing

  pause(reason: PauseReason): void {
    if (!this.#isPaused()) {
      this.#receiver.stop();
      this.#connection.onPause();
    }
    this.#pausedBy |= reason;
  }

  resume(reason: PauseReason): void {
    if ((this.#pausedBy & reason) === 0) return;
    this.#pausedBy &= ~reason;
    // What was received already comes in a later tick, like everything else.
    if (!this.#isHeld()) this.#connection.onResume();
  }

  /**
   * Begins to deliver, or goes on.
   * @returns whether more is to be read
   */
  goOn(): boolean {
    if (this.#deliverHeld !== undefined) {
      // When it is delivered the queue goes on, and comes here again.
      this.#deliverInflated();
      return false;
    }
    if (this.#isPaused() || !this.#connection.isReading()) return false;
    this.#connection.onReading();
    if (this.#isPaused()) return false;
    const heldEnds = this.#heldEnds ?? [];
    this.#heldEnds = undefined;
    for (const end of heldEnds) this.#connection.run(() => { this.#inOrder(end); });
    return true;
  }

  #isPaused(): boolean {
    return this.#pausedBy !== 0;
  }

  /** Whether a user has paused: everything else goes on by itself. */
  #isHeld(): boolean {
    return (this.#pausedBy & (PauseReason.USER | PauseReason.ITERATOR)) !== 0;
  }

  // Order

  onText(text: string): void {
    if (this.#isIdle()) this.#connection.onText(text);
    else this.#wait(() => { this.#connection.onText(text); });
  }

  onBinary(data: Buffer): void {
    if (this.#isIdle()) this.#connection.onBinary(data);
    else this.#wait(() => { this.#connection.onBinary(data); });
  }

  onCompressed(opcode: number, payload: Buffer): void {
    this.queue.push((done) => {
      (this.#inflater as Inflater).inflate(payload, (error, data) => {
        // The connection has ended meanwhile.
        if (this.#inflater === undefined) return;
        this.#deliverHeld = () => {
          // It may have been failed meanwhile.
          if (this.#connection.isReading()) this.#takeInflated(opcode, payload, error, data);
          done();
        };
        this.#deliverInflated();
      });
    });
    // It takes time: nothing further is read until it has been delivered.
    if (!this.#isIdle()) this.pause(PauseReason.QUEUE);
  }

  onPing(payload: Buffer): void {
    this.#connection.onPing(payload);
  }

  onPong(payload: Buffer): void {
    this.#connection.onPong(payload);
  }

  onClose(frame: CloseFrame): void {
    this.#inOrder(() => { this.#connection.onClose(frame); });
  }

  onProtocolError(error: ProtocolError): void {
    this.#inOrder(() => { this.#connection.onProtocolError(error); });
  }

  /**
   * The transport has ended: `end` is called after everything that was received before, of which the receiver may still
   * keep some while somebody has paused. If it cannot wait for `resume`, it does not.
   */
  end(end: () => void, mayWait: boolean): void {
    if (mayWait && this.#isPaused() && this.#connection.isReading()) (this.#heldEnds ??= []).push(end);
    // It must not wait for `resume` behind a message that does.
    else if (this.#isHeld()) this.#connection.run(end);
    else this.#connection.run(() => { this.#inOrder(end); });
  }

  #isIdle(): boolean {
    return this.#queue === undefined || this.#queue.isIdle;
  }

  /** A message that waits: nothing further is read until it has been delivered. */
  #wait(deliver: () => void): void {
    this.pause(PauseReason.QUEUE);
    this.#inOrder(deliver);
  }

  /** After everything that was received before. */
  #inOrder(deliver: () => void): void {
    this.queue.push((done) => {
      deliver();
      done();
    });
  }

  // Inflating

  #deliverInflated(): void {
    const deliver = this.#deliverHeld;
    if (deliver === undefined || this.#isHeld()) return;
    this.#deliverHeld = undefined;
    this.#connection.run(deliver);
  }

  #takeInflated(opcode: number, payload: Buffer, error: ProtocolError | undefined, data: Buffer): void {
    const connection = this.#connection;
    if (error !== undefined) {
      connection.onProtocolError(error);
      return;
    }
    if (compressionChannel.hasSubscribers) publishCompression(connection, 'receive', data.length, payload.length);
    if (opcode === Opcode.BINARY) {
      // zlib gives a part of a larger buffer, which a small message would keep alive.
      connection.onBinary(data.length < data.buffer.byteLength ? Buffer.from(data) : data);
      return;
    }
    const text = decodeUtf8(data, 0, data.length);
    if (text === undefined) connection.onProtocolError(invalidUtf8());
    else connection.onText(text);
  }
}
