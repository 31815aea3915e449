/**
 * The classic face of a connection: an EventEmitter. It translates and holds no protocol.
 */
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { types } from 'node:util';
import { isPromise, typeError } from './checks.js';
import { WatershedError } from './errors.js';
import type { Connection } from './connection/connection.js';
import type { ConnectionEnd, ConnectionListener } from './connection/connection-listener.js';
import { addFaces, connectionOf } from './connection/connection-of.js';
import type { SendCallback } from './connection/frame-writer.js';
import { PauseReason } from './connection/inbound.js';
import type { ReadyState } from './connection/closing-handshake.js';
import { MessageIterator } from './message-iterator.js';
import { checkSendOptions, type SendOptions } from './options.js';
import { CloseCode } from './protocol/close-code.js';
import { EMPTY } from './protocol/frame.js';
import type { WebSocket } from './websocket/interface.js';

/** The events of a {@link WatershedConnection}, with the arguments of their listeners. */
export interface WatershedConnectionEvents {
  /** A text message (RFC 6455 section 5.6). */
  text: [text: string];
  /**
   * A binary message (RFC 6455 section 5.6). The bytes are the listener's. Below 16 KiB they are a part of an ArrayBuffer
   * that other messages share, as Buffers of Node's own pool are: it cannot be transferred to a thread.
   */
  binary: [data: Buffer];
  /** A PING, which the library has answered unless `autoPong` is false (RFC 6455 section 5.5.2). */
  ping: [payload: Buffer];
  /** A PONG, with the round-trip time in milliseconds if it answers a PING of ours (RFC 6455 section 5.5.3). */
  pong: [payload: Buffer, roundTripTime: number | undefined];
  /** `bufferedAmount` is 0 again after `send` returned false. */
  drain: [];
  /**
   * The connection was failed, or its socket broke; at most once, and `'end'` follows. Emitted only when somebody
   * listens: a peer's mistake cannot end the process.
   */
  error: [error: Error];
  /** The peer went away, or was given up, without a CLOSE frame. `'end'` follows. */
  connectionReset: [];
  /**
   * The connection is over: once, always, and last. The peer's close code comes as its name (`'NORMAL'`,
   * `'GOING_AWAY'`, `'PROTOCOL_ERROR'`, `'UNACCEPTABLE'`, `'MALFORMED'`, `'POLICY_VIOLATION'`, `'TOO_BIG'`,
   * `'MISSING_EXTENSION'`, `'UNEXPECTED_ERROR'`), any other as its decimal digits. Both arguments are null when no
   * CLOSE came or it was empty; the reason is `''` when a code came without one.
   */
  end: [code: string | null, reason: string | null];
}

const closeCodeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(CloseCode).map(([name, code]) => [code, name]),
);

/** Makes the classic face of a connection. For the library alone: users call `accept`, `connect` or `from`. */
export let makeClassicFace: (connection: Connection) => WatershedConnection;

/**
 * What a connection reports, as events of its classic face. One object with the state that goes with it: a closure for
 * each report would be most of what an idle connection holds.
 */
class EventReporter implements ConnectionListener {
  readonly #face: WatershedConnection;
  iterator: MessageIterator | undefined;
  /** What went wrong, if anything did. */
  error: Error | undefined;
  hasEnded: boolean;

  constructor(face: WatershedConnection, hasEnded: boolean) {
    this.#face = face;
    this.hasEnded = hasEnded;
  }

  onOpen(): void {
    // There is no such event: a connection is open when it is handed out.
  }

  onText(text: string): void {
    this.iterator?.push(text);
    this.#face.emit('text', text);
  }

  onBinary(data: Buffer): void {
    this.iterator?.push(data);
    this.#face.emit('binary', data);
  }

  onPing(payload: Buffer): void {
    this.#face.emit('ping', payload);
  }

  onPong(payload: Buffer, roundTripTime: number | undefined): void {
    this.#face.emit('pong', payload, roundTripTime);
  }

  onWritten(): void {
    // The callbacks of `send` say it.
  }

  onDrain(): void {
    this.#face.emit('drain');
  }

  onClosing(): void {
    // `'end'` says it when it is over.
  }

  onError(error: Error): void {
    this.error = error;
    if (this.#face.listenerCount('error') > 0) this.#face.emit('error', error);
  }

  onReset(reason: WatershedError): void {
    this.error = reason;
    this.#face.emit('connectionReset');
  }

  onEnd({ close, wasClean }: ConnectionEnd): void {
    this.hasEnded = true;
    // An end that is not clean and has no error so far is our own `destroy`.
    if (!wasClean) this.error ??= new WatershedError('WATERSHED_DESTROYED', 'The connection was destroyed');
    this.iterator?.finish(this.error);
    const code = close?.code;
    if (code === undefined) this.#face.emit('end', null, null);
    else this.#face.emit('end', closeCodeNames.get(code) ?? String(code), close?.reason ?? '');
  }
}

/**
 * One WebSocket connection, either end. `Watershed.accept` and `Watershed.connect` make it.
 *
 * Listeners are called synchronously, in the order of what happened, and never before the tick in which the connection
 * was made is over. What a listener throws becomes an uncaught exception; the connection goes on.
 */
export class WatershedConnection extends EventEmitter<WatershedConnectionEvents> {
  readonly #connection: Connection;
  readonly #reporter: EventReporter;

  static {
    makeClassicFace = (connection) => new WatershedConnection(connection);
    addFaces((face) => (#connection in face ? face.#connection : undefined));
  }

  /**
   * The classic face of a WebSocket: the same connection, and always the same object for it. While the WebSocket is
   * CONNECTING, `send` throws and there is no socket; a failed handshake gives `'error'` and `'end'`.
   * @throws TypeError for something that is no WebSocket of this library.
   */
  static from(webSocket: WebSocket): WatershedConnection {
    const connection = connectionOf(webSocket);
    if (connection === undefined) throw typeError('webSocket', 'a WebSocket of this library', webSocket);
    return (connection.classicFace as WatershedConnection | undefined) ?? new WatershedConnection(connection);
  }

  private constructor(connection: Connection) {
    super();
    this.#connection = connection;
    this.#reporter = new EventReporter(this, connection.readyState === 3);
    connection.classicFace = this;
    connection.attach(this.#reporter);
  }

  /** A number that no other connection of the process has. */
  get id(): number {
    return this.#connection.id;
  }

  /** 0 CONNECTING, 1 OPEN, 2 CLOSING, 3 CLOSED, as the WHATWG interface has it. */
  get readyState(): ReadyState {
    return this.#connection.readyState;
  }

  /**
   * The payload bytes that were given to `send` and that the socket has not taken yet: UTF-8 length, without headers
   * and control frames. It never falls inside the call.
   */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  /** The extensions in use, as the server's Sec-WebSocket-Extensions header names them; empty if there are none. */
  get extensions(): string {
    return this.#connection.extensions;
  }

  /** `address:port` of the peer, after the end too; empty when the socket has no address. */
  get remote(): string {
    return this.#connection.remote;
  }

  /**
   * `address:port` of this end; empty when the socket has no address. It is looked up when it is first asked for: after
   * the end it is empty if nobody has asked before.
   */
  get local(): string {
    return this.#connection.local;
  }

  /** The socket below, to look at: reading from it or writing to it breaks the connection. */
  get socket(): Duplex | undefined {
    return this.#connection.socket;
  }

  /** @deprecated Use {@link id}. */
  get _id(): number {
    return this.id;
  }

  /** @deprecated Use {@link remote}. */
  get _remote(): string {
    return this.remote;
  }

  /** The subprotocol that was agreed on (RFC 6455 section 1.9); null if there is none. */
  getProtocol(): string | null {
    return this.#connection.subprotocol ?? null;
  }

  /**
   * Sends a message: a string as a text message, bytes as a binary one.
   *
   * A server's end refers to binary payloads above 16 KiB until the callback: leave the bytes alone until then. A
   * connection that is no longer open sends nothing, returns false, and gives the callback an error.
   *
   * @param callback Called once: without an argument when the socket has handed the whole message to the system, with an
   * Error when it has not, or when that cannot be known any more. It does not say that the message has arrived: only the
   * answer to the CLOSE of an `end` behind it says that.
   * @returns false when `bufferedAmount` has reached `highWaterMark`: wait for `'drain'` before sending more.
   * @throws TypeError for anything but a string or bytes, WatershedError while CONNECTING.
   */
  send(data: string | ArrayBufferView | ArrayBuffer, callback?: SendCallback): boolean;
  /**
   * Sends a message, with options of its own.
   * @param options `compress: false` sends this message as it is, though compression was agreed on.
   */
  send(data: string | ArrayBufferView | ArrayBuffer, options?: SendOptions, callback?: SendCallback): boolean;
  send(
    data: string | ArrayBufferView | ArrayBuffer,
    optionsOrCallback?: SendOptions | SendCallback,
    lastCallback?: SendCallback,
  ): boolean {
    const isCallback = typeof optionsOrCallback === 'function';
    const options = isCallback ? undefined : optionsOrCallback;
    const callback = isCallback ? optionsOrCallback : lastCallback;
    if (options !== undefined) checkSendOptions(options);
    const isCompressible = options?.compress !== false;
    if (callback !== undefined && typeof callback !== 'function') throw typeError('callback', 'a function', callback);
    if (this.#connection.isConnecting) {
      throw new WatershedError('WATERSHED_NOT_OPEN', "The connection is not open yet: wait for the WebSocket's open event");
    }
    if (typeof data === 'string') return this.#connection.sendText(data, callback, isCompressible);
    return this.#connection.sendBinary(toBytes('data', data), callback, isCompressible);
  }

  /**
   * Sends a PING (RFC 6455 section 5.5.2). `'pong'` follows with the round-trip time. Does nothing once the connection
   * is no longer open.
   * @param nonce The payload, at most 125 bytes.
   * @throws TypeError for anything but a string or bytes, RangeError for more than 125 bytes.
   */
  ping(nonce?: string | ArrayBufferView | ArrayBuffer): void {
    this.#connection.ping(toControlPayload(nonce));
  }

  /**
   * Sends a PONG (RFC 6455 section 5.5.3): an answer when `autoPong` is false, or an unsolicited one. Does nothing
   * once the connection is no longer open.
   * @param nonce The payload, at most 125 bytes.
   * @throws TypeError for anything but a string or bytes, RangeError for more than 125 bytes.
   */
  pong(nonce?: string | ArrayBufferView | ArrayBuffer): void {
    this.#connection.pong(toControlPayload(nonce));
  }

  /**
   * Closes the connection with the code 1000 (RFC 6455 section 7.1.2), after what was sent before. Messages that arrive
   * until the peer's CLOSE are still delivered; then `'end'` follows. If the peer does not answer within
   * `closeTimeout`, the connection is destroyed: `'connectionReset'`, then `'end'`. Does nothing if it is closing or
   * closed already.
   * @param reason At most 123 bytes of UTF-8.
   * @throws TypeError, RangeError for a reason that must not be sent.
   */
  end(reason?: string | null): void;
  /**
   * Closes the connection with a code of one's own.
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455 section 7.4).
   * @param reason At most 123 bytes of UTF-8.
   * @throws TypeError, RangeError for a code or a reason that must not be sent.
   */
  end(code: number, reason?: string): void;
  end(codeOrReason?: number | string | null, reason?: string): void {
    if (typeof codeOrReason === 'number') this.#connection.close(codeOrReason, reason ?? '');
    else this.#connection.close(CloseCode.NORMAL, codeOrReason ?? '');
  }

  /**
   * Destroys the socket, without a CLOSE frame. What was sent in this tick still goes as far as the socket takes it at
   * once, but nothing tells how far: callbacks that are due get an error. `'end'` is emitted before it returns. Does
   * nothing after `'end'`.
   */
  destroy(): void {
    this.#connection.destroy();
  }

  /** Stops reading: no event comes until `resume`, and the peer is slowed down. `head` is held back too. */
  pause(): void {
    this.#connection.inbound.pause(PauseReason.USER);
  }

  /** Goes on reading, in a later tick. */
  resume(): void {
    this.#connection.inbound.resume(PauseReason.USER);
  }

  /** Lets the connection keep the process alive, as it does by default. */
  ref(): this {
    this.#connection.setRef(true);
    return this;
  }

  /** Lets the process end though the connection is open. */
  unref(): this {
    this.#connection.setRef(false);
    return this;
  }

  /**
   * The messages from now on, text as strings and binary as Buffers. The loop ends when the connection closes cleanly
   * and throws the error otherwise; leaving it ends the connection. While it is slow, up to `highWaterMark` bytes are
   * buffered, then the socket is paused.
   * @throws WatershedError when it is called a second time.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer, undefined> {
    const reporter = this.#reporter;
    if (reporter.iterator !== undefined) {
      throw new WatershedError('WATERSHED_ALREADY_ITERATED', 'The messages of this connection are iterated already');
    }
    const connection = this.#connection;
    reporter.iterator = new MessageIterator({
      highWaterMark: connection.options.highWaterMark,
      pause: () => {
        connection.inbound.pause(PauseReason.ITERATOR);
      },
      resume: () => {
        connection.inbound.resume(PauseReason.ITERATOR);
      },
      end: () => {
        this.end();
      },
    });
    if (reporter.hasEnded) reporter.iterator.finish(reporter.error);
    return reporter.iterator;
  }

  /** Ends the connection and waits for `'end'`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#reporter.hasEnded) return;
    const ended = new Promise<void>((resolve) => {
      this.once('end', () => {
        resolve();
      });
    });
    this.end();
    await ended;
  }
}

function toControlPayload(nonce: unknown): Buffer {
  if (nonce === undefined) return EMPTY;
  return typeof nonce === 'string' ? Buffer.from(nonce) : Buffer.from(toBytes('nonce', nonce));
}

/** The bytes of a buffer or a view, not copied. */
export function toBytes(name: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  // Of any realm, unlike instanceof: a test runner may have a realm of its own.
  if (types.isArrayBuffer(value)) return new Uint8Array(value);
  const isData = typeof value === 'object' && value !== null && !isPromise(value);
  const advice = isData ? 'JSON.stringify makes a string of it' : undefined;
  throw typeError(name, 'a string, a Buffer, an ArrayBufferView or an ArrayBuffer', value, advice);
}
