/**
 * What is on its way to the transport: messages and the CLOSE in the order in which they were sent, though some take
 * time to be ready, and PINGs and PONGs between them. It counts what is buffered and says when it has gone out; it does
 * not know whether the connection is open.
 */
import type { Blob } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { WatershedError } from '../errors.js';
import type { PerMessageDeflateOptions, ResolvedConnectionOptions } from '../options.js';
import { Opcode } from '../protocol/frame.js';
import { type DeflateDirection, Deflater, type DeflateSettings, SYNC_DEFLATE } from '../protocol/permessage-deflate.js';
import { clientSender, type FrameBits, type Sender, serverSender } from '../protocol/sender.js';
import {
  compressionChannel,
  type ConnectionMessage,
  publishCompression,
  publishFrame,
  sendChannel,
} from './diagnostics.js';
import { FrameWriter, type FrameWriterHandler, type SendCallback } from './frame-writer.js';
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
  /** A message could not be made ready: it must not be left out in silence. */
  onUnsendable(error: WatershedError): void;
}

/** How messages are compressed. */
export interface Compression extends DeflateSettings {
  readonly windowBits: number;
  /** Bytes. */
  readonly threshold: number;
}

/** A message, and the frame that it makes. */
export interface EncodedMessage {
  readonly opcode: Opcode;
  /** The message, before compression. */
  readonly data: Uint8Array;
  readonly frame: Buffer;
  readonly isCompressed: boolean;
}

/** A message whose turn it is. One of these is called, once, at once or later. */
interface Turn {
  /** It is ready, and this is what writes it. */
  write(write: () => void): void;
  /** It cannot be made ready. */
  fail(error: WatershedError): void;
}

/** Bytes below which compressing a message gains little and costs much. */
const DEFAULT_THRESHOLD = 1024;

/** zlib's own choice, 6, takes up to 27 % more time for 64 KiB of JSON, and saves 0 to 2 % of the bytes. */
const DEFAULT_LEVEL = 5;
const DEFAULT_MEM_LEVEL = 8;

const COMPRESSED: FrameBits = { fin: true, rsv1: true };
const PLAIN: FrameBits = { fin: true, rsv1: false };

export class Outbound implements FrameWriterHandler {
  readonly #connection: ConnectionMessage & OutboundHandler;
  readonly #options: ResolvedConnectionOptions;
  readonly #sender: Sender;
  #writer: FrameWriter | undefined;
  /** Most connections need none. */
  #queue: OrderedQueue | undefined;
  #compression: Compression | undefined;
  #deflater: Deflater | undefined;
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
    this.#options = options;
    this.#sender = connection.isServer ? serverSender : clientSender;
  }

  /** Messages and the CLOSE; while it is idle they go straight to the writer. */
  get queue(): OrderedQueue {
    return (this.#queue ??= new OrderedQueue());
  }

  /** The transport is there. */
  open(socket: Duplex): void {
    this.#writer = new FrameWriter(socket, this.#sender, this);
  }

  /** Payload bytes of messages whose write has not called back: UTF-8 length, no headers, no control frames. */
  get bufferedAmount(): number {
    return this.#queuedAmount + (this.#writer?.bufferedAmount ?? 0);
  }

  /** From now on messages are compressed, if they are long enough (RFC 7692 section 6.1). */
  compress(direction: DeflateDirection, options: PerMessageDeflateOptions): void {
    const { threshold = DEFAULT_THRESHOLD, level = DEFAULT_LEVEL, memLevel = DEFAULT_MEM_LEVEL } = options;
    this.#compression = { windowBits: direction.windowBits, threshold, level, memLevel };
    this.#deflater = new Deflater(direction, { level, memLevel });
  }

  // Messages: each says whether `bufferedAmount` is still below `highWaterMark`.

  text(text: string, isCompressible: boolean, callback: SendCallback | undefined): boolean {
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this.#connection, Opcode.TEXT, text);
    if (isCompressible && this.compressionOf(text.length * 3) !== undefined) {
      // The bytes are what the threshold counts, and what is compressed.
      const data = Buffer.from(text);
      if (this.compressionOf(data.length) !== undefined) return this.#deflate(Opcode.TEXT, data, callback);
    }
    if (this.#isIdle()) this.#writer?.text(text, callback);
    else this.#wait(Buffer.byteLength(text), () => { this.#writer?.text(text, callback); }, callback);
    return this.#hasRoom();
  }

  binary(data: Uint8Array, isCompressible: boolean, callback: SendCallback | undefined): boolean {
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this.#connection, Opcode.BINARY, data);
    if (isCompressible && this.compressionOf(data.length) !== undefined) {
      return this.#deflate(Opcode.BINARY, data, callback);
    }
    if (this.#isIdle()) this.#writer?.binary(data, callback);
    else {
      // The caller may change the bytes before it is their turn.
      const copy = Buffer.from(data);
      this.#wait(copy.length, () => { this.#writer?.binary(copy, callback); }, callback);
    }
    return this.#hasRoom();
  }

  /** How a message of that length is compressed; undefined when it is sent as it is. */
  compressionOf(length: number): Compression | undefined {
    return this.#compression !== undefined && this.#compression.threshold <= length ? this.#compression : undefined;
  }

  /**
   * A whole message that is encoded already, for a connection whose frames are not masked. If it is compressed, it
   * refers to no message before it.
   */
  encoded({ opcode, data, frame, isCompressed }: EncodedMessage): boolean {
    if (sendChannel.hasSubscribers) {
      const message = opcode === Opcode.TEXT ? Buffer.from(data).toString() : data;
      publishFrame(sendChannel, this.#connection, opcode, message);
    }
    const write = (): void => {
      if (isCompressed) this.#deflater?.remember(data);
      this.#writer?.encoded(frame, data.length);
    };
    if (this.#isIdle()) write();
    else this.#wait(data.length, write, undefined);
    return this.#hasRoom();
  }

  /** The contents of a Blob, which are read when it is its turn. */
  blob(blob: Blob): boolean {
    this.#waitPending(blob.size, undefined, (turn) => {
      blob.arrayBuffer().then(
        (buffer) => {
          const data = new Uint8Array(buffer);
          if (sendChannel.hasSubscribers) publishFrame(sendChannel, this.#connection, Opcode.BINARY, data);
          const isCompressed = this.compressionOf(data.length) !== undefined;
          if (isCompressed) this.#deflateInTurn(Opcode.BINARY, data, undefined, turn);
          else turn.write(() => this.#writer?.binary(data, undefined));
        },
        (cause: unknown) => {
          // A Blob of a file that has changed since. To leave it out would be to lose a message in silence.
          turn.fail(new WatershedError('WATERSHED_UNREADABLE_BLOB', 'A Blob could not be read', { cause }));
        },
      );
    });
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
   * @returns false when an earlier one goes without its PONG for that
   */
  answerPing(payload: Buffer): boolean {
    if (this.#writer?.isBlocked !== true) {
      this.control(Opcode.PONG, payload);
      return true;
    }
    const isFirst = this.#owedPong === undefined;
    this.#owedPong = Buffer.from(payload);
    return isFirst;
  }

  /** The PING whose PONG is owed, now that the transport takes writes again. */
  takeOwedPong(): Buffer | undefined {
    const owedPong = this.#owedPong;
    this.#owedPong = undefined;
    return owedPong;
  }

  /** Calls `send` behind the messages that wait, for the CLOSE. */
  behindMessages(send: () => void): void {
    if (this.#isIdle()) send();
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
    this.#queue?.cancel(() => error);
  }

  /** Drops everything; the callbacks get the error, in the order of the messages. */
  abandon(reason: () => Error): void {
    for (const callback of this.#writer?.abandon() ?? []) callOut(() => { callback(reason()); });
    this.#queue?.cancel(reason);
    // The history is let go, though somebody may keep the connection.
    this.#compression = undefined;
    this.#deflater = undefined;
  }

  /** A message that is to be compressed: small ones at once, when nothing waits. */
  #deflate(opcode: Opcode, data: Uint8Array, callback: SendCallback | undefined): boolean {
    if (this.#isIdle() && data.length <= SYNC_DEFLATE) {
      this.#writeDeflated(opcode, data, (this.#deflater as Deflater).deflateSync(data), callback);
      return this.#hasRoom();
    }
    // A thread reads the bytes while the caller may change them.
    const copy = opcode === Opcode.TEXT ? data : Buffer.from(data);
    this.#waitPending(copy.length, callback, (turn) => { this.#deflateInTurn(opcode, copy, callback, turn); });
    return this.#hasRoom();
  }

  /** Compresses a message whose turn it is. */
  #deflateInTurn(opcode: Opcode, data: Uint8Array, callback: SendCallback | undefined, turn: Turn): void {
    const deflater = this.#deflater as Deflater;
    if (data.length <= SYNC_DEFLATE) {
      turn.write(() => { this.#writeDeflated(opcode, data, deflater.deflateSync(data), callback); });
      return;
    }
    deflater.deflate(data, (cause, payload) => {
      if (cause === undefined) turn.write(() => { this.#writeDeflated(opcode, data, payload, callback); });
      else turn.fail(new WatershedError('WATERSHED_UNSENDABLE', 'A message could not be compressed', { cause }));
    });
  }

  /** Writes a compressed message; as it was, if nothing was gained. */
  #writeDeflated(opcode: Opcode, data: Uint8Array, deflated: Buffer, callback: SendCallback | undefined): void {
    const isShorter = deflated.length < data.length;
    if (isShorter) this.#deflater?.remember(data);
    if (compressionChannel.hasSubscribers) publishCompression(this.#connection, 'send', data.length, deflated.length);
    this.#writer?.payload(opcode, isShorter ? deflated : data, isShorter ? COMPRESSED : PLAIN, data.length, callback);
  }

  /** A message that is ready, and waits for those before it. */
  #wait(bytes: number, write: () => void, callback: SendCallback | undefined): void {
    this.#waitPending(bytes, callback, (turn) => { turn.write(write); });
  }

  /** A message that waits, and takes time when it is its turn: `prepare` is called then. */
  #waitPending(bytes: number, callback: SendCallback | undefined, prepare: (turn: Turn) => void): void {
    let isCancelled = false;
    this.#queuedAmount += bytes;
    this.queue.push(
      (done) => {
        prepare({
          write: (write) => {
            if (isCancelled) return;
            this.#queuedAmount -= bytes;
            write();
            done();
          },
          fail: (error) => {
            if (!isCancelled) this.#connection.onUnsendable(error);
          },
        });
      },
      (error) => {
        isCancelled = true;
        if (callback !== undefined) callOut(() => { callback(error); });
      },
    );
  }

  /** Whether no message waits. */
  #isIdle(): boolean {
    return this.#queue === undefined || this.#queue.isIdle;
  }

  #hasRoom(): boolean {
    const { highWaterMark, maxBufferedAmount } = this.#options;
    // Far below both limits nothing need be known exactly.
    const most = this.#queuedAmount + (this.#writer?.maxBufferedAmount ?? 0);
    if (most < highWaterMark && most <= maxBufferedAmount) return true;
    const { bufferedAmount } = this;
    if (bufferedAmount > maxBufferedAmount) this.#connection.onBufferLimit(bufferedAmount);
    if (bufferedAmount < highWaterMark) return true;
    this.#needsDrain = true;
    return false;
  }

  onWritten(bytes: number, callbacks: readonly SendCallback[]): void {
    this.#connection.onSent(bytes, callbacks);
    if (this.#needsDrain && this.bufferedAmount === 0) {
      this.#needsDrain = false;
      this.#connection.onDrained();
    }
  }
}
