/**
 * The engine: one connection, from CONNECTING to CLOSED, over any Duplex. It owns the ready state, the closing
 * handshake, limits, heartbeat, backpressure and errors, and reports to one listener. It knows no API of a face and no
 * opening handshake.
 *
 * Nothing is thrown out of a socket's event: what the peer does wrong fails the connection, and what a listener throws
 * becomes an uncaught exception of its own, after which the next message is delivered.
 */
import { AsyncResource } from 'node:async_hooks';
import type { Blob } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { type ProtocolError, WatershedError } from '../errors.js';
import type { ResolvedConnectionOptions } from '../options.js';
import { CloseCode, encodeClosePayload, type CloseFrame } from '../protocol/close-code.js';
import { MAX_CONTROL_PAYLOAD, Opcode } from '../protocol/frame.js';
import type { DeflateParameters } from '../protocol/permessage-deflate.js';
import { nextPhase, readyStates, type Phase, type ReadyState, type Transition } from './closing-handshake.js';
import type { ConnectionGroup } from './connection-group.js';
import { type ConnectionListener, NOBODY } from './connection-listener.js';
import {
  endChannel,
  errorChannel,
  publishEnd,
  publishError,
  publishFrame,
  publishStart,
  receiveChannel,
  startChannel,
} from './diagnostics.js';
import type { SendCallback } from './frame-writer.js';
import { Heartbeat } from './heartbeat.js';
import { Inbound, type InboundHandler, PauseReason } from './inbound.js';
import { ListenerSplitter } from './listener-splitter.js';
import { bufferLimitExceeded, closeTimedOut, connectionLost, heartbeatTimedOut, isLostPeer } from './loss.js';
import { type EncodedMessage, Outbound, type OutboundHandler } from './outbound.js';
import { OutstandingPings } from './outstanding-pings.js';
import { PingLimit } from './ping-limit.js';
import { Transport, type TransportHandler } from './transport.js';
import { callOut, throwLater } from './uncaught.js';

/** What the opening handshake has settled. */
export interface Negotiated {
  /** The subprotocol, if there is one. */
  readonly subprotocol: string | undefined;
  /** The server's Sec-WebSocket-Extensions; empty if there are none. */
  readonly extensions: string;
  /** What was agreed on for compression, if it was (RFC 7692). */
  readonly deflate?: DeflateParameters | undefined;
  /** The response head that a server has still to write. */
  readonly responseHead?: string;
  /** What the socket is read by, if not as a stream: `take` is given its chunks, and keeps none of their memory. */
  readonly readTo?: ((take: (chunk: Buffer) => void) => void) | undefined;
}

/** An opening handshake that is under way: what has a CONNECTING connection to be told. */
export interface OpeningHandshake {
  /** Gives it up; it does not report anything after that. */
  abort(): void;
  ref(): void;
  unref(): void;
}

/** How long a client waits for the server to end TCP after the closing handshake (RFC 6455 section 7.1.1). */
const CLIENT_ENDING_TIMEOUT = 2_000;

const HEARTBEAT = Buffer.from('heartbeat');

let lastId = 0;

/** Calls `#goOn`: one function for all connections, for the end of a tick. */
let goOn: (connection: Connection) => void;

export class Connection implements InboundHandler, TransportHandler, OutboundHandler {
  /** Unique in the process. */
  readonly id = ++lastId;
  readonly isServer: boolean;
  readonly options: ResolvedConnectionOptions;
  /** What is on its way to the listener. */
  readonly inbound: Inbound;
  /** What is on its way to the transport. */
  readonly outbound: Outbound;
  /** `address:port` of the peer; empty when the transport has none. A socket that was reset no longer knows it. */
  remote = '';
  /** Empty until the opening handshake is complete. */
  subprotocol: string | undefined;
  extensions = '';
  /** The URL that was asked for, where it is known: with the standard face's handshakes. */
  url = '';
  /** The faces of this connection: each is made once. */
  classicFace: object | undefined;
  standardFace: object | undefined;

  /** Handlers run in the async context in which the connection was made. */
  readonly #context = new AsyncResource('WatershedConnection');
  readonly #heartbeat: Heartbeat | undefined;
  #listener: ConnectionListener = NOBODY;
  readonly #group: ConnectionGroup | undefined;
  #phase: Phase = 'CONNECTING';
  #opening: OpeningHandshake | undefined;
  #transport: Transport | undefined;
  #local = '';

  /** Why the connection ends, if not by a closing handshake. */
  #failure: Error | undefined;
  #closeFrame: CloseFrame | undefined;
  #wasClean = false;
  #timer: NodeJS.Timeout | undefined;
  /** Whether nobody has taken this turn of the event loop yet. */
  #isTurnFree = false;
  #isRef = true;
  #pings: OutstandingPings | undefined;
  #pingLimit: PingLimit | undefined;

  static {
    goOn = (connection) => { connection.#goOn(); };
  }

  constructor(isServer: boolean, options: ResolvedConnectionOptions, group?: ConnectionGroup) {
    this.isServer = isServer;
    this.options = options;
    this.#group = group;
    this.inbound = new Inbound(this, options);
    this.outbound = new Outbound(this, options);
    if (options.heartbeat !== undefined) {
      this.#heartbeat = new Heartbeat(
        options.heartbeat,
        () => {
          this.ping(HEARTBEAT);
        },
        () => {
          this.run(() => { this.#giveUp(heartbeatTimedOut(options)); });
        },
      );
    }
  }

  get readyState(): ReadyState {
    return readyStates[this.#phase];
  }

  /** Whether the opening handshake is under way. On the way of every message, where a look into the table takes 12 ns. */
  get isConnecting(): boolean {
    return this.#phase === 'CONNECTING';
  }

  /** Payload bytes given to `send*` whose write has not called back: UTF-8 length, no headers, no control frames. */
  get bufferedAmount(): number {
    return this.outbound.bufferedAmount;
  }

  get socket(): Duplex | undefined {
    return this.#transport?.socket;
  }

  /**
   * `address:port` of this end; empty when the transport has none, or none any more when this is first asked. Few ask,
   * and it would be 4 µs and 120 bytes for each connection.
   */
  get local(): string {
    return (this.#local ||= this.#transport?.local ?? '');
  }

  /** Adds a face's listener. Every listener is told everything from here on. */
  attach(listener: ConnectionListener): void {
    this.#listener = this.#listener === NOBODY ? listener : new ListenerSplitter(this.#listener, listener);
  }

  /** The opening handshake has begun: until it is complete, it is what closing and destroying give up. */
  beginOpening(opening: OpeningHandshake): void {
    this.#opening = opening;
  }

  /** The opening handshake has failed. */
  failOpening(error: Error): void {
    if (this.#phase !== 'CONNECTING' || !this.#move('giveUp')) return;
    this.#failure = error;
    this.run(() => { this.#reportError(error); });
    this.#finish();
  }

  /**
   * The opening handshake is complete: the connection is OPEN and reads from the socket, `head` first. No message comes
   * before the caller's tick is over.
   */
  open(socket: Duplex, head: Buffer, { subprotocol, extensions, deflate, responseHead, readTo }: Negotiated): void {
    this.#opening = undefined;
    this.#transport = new Transport(socket, head, this, readTo);
    if (readTo !== undefined && head.length > 0) {
      // There is no stream to put it back into.
      this.inbound.keep(head);
    }
    this.remote = this.#transport.remote;
    this.subprotocol = subprotocol;
    this.extensions = extensions;
    if (responseHead !== undefined) socket.write(responseHead, 'latin1');
    this.outbound.open(socket);
    if (deflate !== undefined) {
      this.outbound.compress(deflate.outgoing, this.options.perMessageDeflate ?? {});
      this.inbound.inflate(deflate.incoming);
    }
    this.#move('open');
    if (!this.#isRef) this.setRef(false);
    process.nextTick(goOn, this);
    this.#group?.add(this);
    if (startChannel.hasSubscribers) publishStart(this, this.isServer ? 'accept' : 'connect');
    this.run(() => { callOut(() => { this.#listener.onOpen(); }); });
  }

  /** Lets the connection keep the process alive, or not. */
  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    const method = isRef ? 'ref' : 'unref';
    // Only sockets that the event loop knows have these.
    const target = this.#opening ?? (this.socket as Partial<OpeningHandshake> | undefined);
    target?.[method]?.();
  }

  // Sending

  /** Sends a text message. Returns whether `bufferedAmount` is still below `highWaterMark`. */
  sendText(text: string, callback?: SendCallback, isCompressible = true): boolean {
    return this.#phase === 'OPEN' ? this.outbound.text(text, isCompressible, callback) : this.#refuse(callback);
  }

  /** Sends a binary message. Returns whether `bufferedAmount` is still below `highWaterMark`. */
  sendBinary(data: Uint8Array, callback?: SendCallback, isCompressible = true): boolean {
    return this.#phase === 'OPEN' ? this.outbound.binary(data, isCompressible, callback) : this.#refuse(callback);
  }

  /** Sends the contents of a Blob as a binary message: reading it takes time, and what is sent after it waits. */
  sendBlob(blob: Blob): boolean {
    return this.#phase === 'OPEN' ? this.outbound.blob(blob) : this.#refuse(undefined);
  }

  /** Sends a whole message that is encoded already, for a connection whose frames are not masked. */
  sendEncoded(message: EncodedMessage): boolean {
    return this.#phase === 'OPEN' ? this.outbound.encoded(message) : this.#refuse(undefined);
  }

  /** @throws RangeError for a payload of more than 125 bytes. */
  ping(payload: Buffer): void {
    checkControlPayload('nonce', payload);
    if (!this.#maySendControl()) return;
    (this.#pings ??= new OutstandingPings()).sent(payload);
    this.outbound.control(Opcode.PING, payload);
  }

  /** @throws RangeError for a payload of more than 125 bytes. */
  pong(payload: Buffer): void {
    checkControlPayload('nonce', payload);
    if (this.#maySendControl()) this.outbound.control(Opcode.PONG, payload);
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2), behind what was sent before.
   * @throws TypeError, RangeError when the code or the reason must not be sent, in any state.
   */
  close(code: number | undefined, reason: string): void {
    const payload = encodeClosePayload(code, reason);
    if (this.#phase === 'CONNECTING') {
      this.failOpening(new WatershedError('WATERSHED_CLOSED_EARLY', 'The connection was closed before it was open'));
      return;
    }
    if (this.#phase !== 'OPEN') return;
    this.#move('queueClose');
    this.#heartbeat?.stop();
    callOut(() => { this.#listener.onClosing(); });
    this.#sendClose(payload);
  }

  /** Destroys the transport without a closing handshake. `onEnd` is called before it returns. */
  destroy(): void {
    this.#failure ??= new WatershedError('WATERSHED_DESTROYED', 'The connection was destroyed');
    // What waits for the end of the tick goes as far as the transport takes it now: batching is not to lose it.
    this.outbound.flush();
    this.#finish();
  }

  // Receiving

  /** Begins to read, or goes on. */
  #goOn(): void {
    if (this.inbound.goOn()) this.#transport?.socket.resume();
  }

  onPause(): void {
    // While the transport ends, what comes is discarded, so that the end is seen.
    if (this.#phase !== 'ENDING') this.#transport?.socket.pause();
    this.#heartbeat?.stop();
  }

  onResume(): void {
    process.nextTick(goOn, this);
  }

  onReading(): void {
    if (this.#phase === 'OPEN') this.#heartbeat?.start();
    this.#context.runInAsyncScope(this.#read, this, undefined);
  }

  onData(chunk: Buffer): void {
    if (!this.isReading()) return;
    this.#heartbeat?.arrived();
    this.#isTurnFree = true;
    this.#context.runInAsyncScope(this.#read, this, chunk);
    this.#isTurnFree = false;
  }

  /**
   * Takes this turn of the event loop for an event. Whoever is told something while the turn is free is alone in it:
   * all microtasks have run.
   * @returns false if the turn is not free.
   */
  takeTurn(): boolean {
    const isFree = this.#isTurnFree && this.#transport?.isReadInTurn === true;
    this.#isTurnFree = false;
    return isFree;
  }

  /**
   * Reads a chunk, or what was kept of the last one. What the handlers send leaves with one write when it is parsed.
   */
  #read(chunk: Buffer | undefined): void {
    this.outbound.hold();
    if (chunk === undefined) this.inbound.pushKept();
    else this.inbound.push(chunk, (this.#transport as Transport).ownsData);
    this.outbound.release();
  }

  /** Holds back what is sent until `release`: the caller will send more in the same turn. */
  hold(): void {
    this.outbound.hold();
  }

  release(): void {
    this.outbound.release();
  }

  /** Delivers nothing further before `resume`: the caller has enough. */
  pause(): void {
    this.inbound.pause(PauseReason.TASKS);
  }

  resume(): void {
    this.inbound.resume(PauseReason.TASKS);
  }

  isReading(): boolean {
    return this.#phase === 'OPEN' || this.#phase === 'CLOSE_QUEUED' || this.#phase === 'CLOSE_SENT';
  }

  onText(text: string): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.TEXT, text);
    try {
      this.#listener.onText(text);
    } catch (error) {
      throwLater(error);
    }
  }

  onBinary(data: Buffer): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.BINARY, data);
    try {
      this.#listener.onBinary(data);
    } catch (error) {
      throwLater(error);
    }
  }

  onPing(payload: Buffer): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.PING, payload);
    const { autoPong } = this.options;
    const isAnswered = autoPong && this.#maySendControl() && this.outbound.answerPing(payload);
    callOut(() => { this.#listener.onPing(payload); });
    if (!autoPong || !this.isReading()) return;
    this.#pingLimit ??= new PingLimit(
      () => { this.inbound.pause(PauseReason.PINGS); },
      () => { this.inbound.resume(PauseReason.PINGS); },
    );
    this.#pingLimit.add(isAnswered);
  }

  onPong(payload: Buffer): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.PONG, payload);
    const roundTripTime = this.#pings?.answered(payload);
    callOut(() => { this.#listener.onPong(payload, roundTripTime); });
  }

  onProtocolError(error: ProtocolError): void {
    this.#fail(error, error.closeCode);
  }

  // The closing handshake

  #move(transition: Transition): boolean {
    const phase = nextPhase(this.#phase, transition);
    if (phase === undefined) return false;
    this.#phase = phase;
    return true;
  }

  onClose(frame: CloseFrame): void {
    if (!this.#move('receiveClose')) return;
    // After its CLOSE the peer answers no PING.
    this.#heartbeat?.stop();
    this.#closeFrame = frame;
    const payload = encodeClosePayload(frame.code, frame.reason);
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.CLOSE, payload);
    callOut(() => { this.#listener.onClosing(); });
    if (this.#phase === 'ENDING') this.#completeClose();
    // The answer says what came (section 5.5.1), and nothing if nothing came. Behind a CLOSE of ours that waits it is
    // none.
    else this.#sendClose(payload);
  }

  /** The CLOSE, behind the messages that wait. */
  #sendClose(payload: Buffer): void {
    const send = (): void => {
      // Another went out, or the connection was failed, while it waited.
      if (!this.#move('writeClose')) return;
      this.#writeClose(payload);
      if (this.#phase === 'ENDING') this.#completeClose();
      else this.#startTimer(this.options.closeTimeout, () => { this.#giveUp(closeTimedOut(this.options)); });
    };
    this.outbound.behindMessages(send);
  }

  #writeClose(payload: Buffer): void {
    this.outbound.control(Opcode.CLOSE, payload);
  }

  /** Both CLOSE frames are seen: the server ends TCP, the client waits for that (section 7.1.1). */
  #completeClose(): void {
    this.#wasClean = true;
    this.#endTransport();
  }

  /** Fails the connection (section 7.1.7). */
  #fail(error: WatershedError, closeCode: number): void {
    const closeWasSent = this.#phase === 'CLOSE_SENT';
    if (!this.#move('giveUp')) return;
    this.#failure = error;
    // What came in the same chunk, behind a message that could not be inflated, is not looked at.
    this.inbound.stop();
    callOut(() => { this.#listener.onClosing(); });
    if (!closeWasSent) this.#writeClose(encodeClosePayload(closeCode, ''));
    this.#endTransport();
    this.#reportError(error);
    this.outbound.cancel(error);
  }

  /** The peer went away, or counts as gone. */
  #lose(makeReason: () => WatershedError): boolean {
    if (!this.#move('giveUp')) return false;
    const reason = makeReason();
    this.#failure = reason;
    if (errorChannel.hasSubscribers) publishError(this, reason);
    if (this.#closeFrame === undefined) callOut(() => { this.#listener.onReset(reason); });
    this.outbound.cancel(reason);
    return true;
  }

  /** The peer does not answer: there is no use in ending the transport in an orderly way. */
  #giveUp(reason: WatershedError): void {
    if (this.#lose(() => reason)) this.#finish();
  }

  // The transport

  /** The server ends it, the client waits until the server does. What still comes in is discarded. */
  #endTransport(): void {
    // A listener may have destroyed it meanwhile.
    if (this.#phase !== 'ENDING') return;
    this.#heartbeat?.stop();
    this.outbound.flush();
    if (this.isServer || this.socket?.readableEnded === true) this.#transport?.end();
    // Read on, paused or not, so that the end is seen.
    this.#transport?.socket.resume();
    const { closeTimeout } = this.options;
    const timeout = this.isServer ? closeTimeout : Math.min(closeTimeout, CLIENT_ENDING_TIMEOUT);
    this.#startTimer(timeout, () => { this.#finish(); });
  }

  onPeerEnd(): void {
    this.inbound.end(() => {
      // Behind the peer's CLOSE its end is in order; our own CLOSE is still to come.
      if (this.#phase === 'CLOSE_RECEIVED') return;
      if (this.#lose(() => connectionLost())) this.#endTransport();
      else this.#transport?.end();
    }, true);
  }

  onTransportClose(error: NodeJS.ErrnoException | undefined): void {
    // One that broke cannot wait for `resume`: who has paused may be waiting for it to drain.
    const mayWait = error === undefined && this.socket?.readableEnded === true;
    this.inbound.end(() => {
      if (error === undefined || isLostPeer(error)) this.#lose(() => connectionLost(error));
      else if (this.#move('giveUp')) this.#reportError(error);
      this.#finish();
    }, mayWait);
  }

  onWritable(): void {
    this.#pingLimit?.clear();
    const owedPong = this.outbound.takeOwedPong();
    if (owedPong !== undefined && this.#maySendControl()) this.outbound.control(Opcode.PONG, owedPong);
  }

  /** The connection is gone: everything is let go, and every callback that is still due gets an error. */
  #finish(): void {
    if (!this.#move('close')) return;
    clearTimeout(this.#timer);
    this.#pingLimit?.clear();
    this.#heartbeat?.stop();
    this.#opening?.abort();
    this.#opening = undefined;
    this.#transport?.destroy();
    const reason = (): Error =>
      (this.#failure ??= new WatershedError('WATERSHED_CONNECTION_LOST', 'The connection ended before this was sent'));
    this.run(() => {
      this.inbound.abandon(reason);
      this.outbound.abandon(reason);
      this.#group?.ended(this, this.#wasClean);
      if (endChannel.hasSubscribers) {
        const { code, reason } = this.#closeFrame ?? { code: undefined, reason: '' };
        publishEnd(this, { code, reason, wasClean: this.#wasClean });
      }
      callOut(() => { this.#listener.onEnd({ close: this.#closeFrame, wasClean: this.#wasClean }); });
    });
  }

  #startTimer(delay: number, action: () => void): void {
    clearTimeout(this.#timer);
    // The socket keeps the process alive, not the timer beside it.
    this.#timer = setTimeout(() => { this.run(action); }, delay).unref();
  }

  // Sending, inside

  /** Whether our CLOSE has not gone out yet (section 5.5.1: nothing is sent after it). */
  #maySendControl(): boolean {
    return this.#phase === 'OPEN' || this.#phase === 'CLOSE_QUEUED' || this.#phase === 'CLOSE_RECEIVED';
  }

  #refuse(callback: SendCallback | undefined): boolean {
    if (callback !== undefined) {
      const state = this.readyState === 0 ? 'CONNECTING' : this.readyState === 2 ? 'CLOSING' : 'CLOSED';
      const error = new WatershedError('WATERSHED_NOT_OPEN', `Not sent: the connection is ${state}`);
      process.nextTick(() => { this.#context.runInAsyncScope(callback, undefined, error); });
    }
    return false;
  }

  onBufferLimit(bufferedAmount: number): void {
    // Not inside the call: no event comes before `send` has returned.
    process.nextTick(() => {
      this.run(() => { this.#giveUp(bufferLimitExceeded(this.options, bufferedAmount)); });
    });
  }

  onSent(bytes: number, callbacks: readonly SendCallback[]): void {
    this.#listener.onWritten(bytes);
    if (callbacks.length === 0) return;
    this.run(() => {
      for (const callback of callbacks) callOut(() => { callback(); });
    });
  }

  onDrained(): void {
    if (this.#phase === 'OPEN') this.run(() => { callOut(() => { this.#listener.onDrain(); }); });
  }

  onUnsendable(error: WatershedError): void {
    this.run(() => { this.#fail(error, CloseCode.UNEXPECTED_ERROR); });
  }

  // Reporting

  /** In the async context in which the connection was made. */
  run(action: () => void): void {
    this.#context.runInAsyncScope(action);
  }

  #reportError(error: Error): void {
    if (errorChannel.hasSubscribers) publishError(this, error);
    callOut(() => { this.#listener.onError(error); });
  }
}

function checkControlPayload(name: string, payload: Buffer): void {
  if (payload.length > MAX_CONTROL_PAYLOAD) {
    throw new RangeError(
      `${name} must be at most ${String(MAX_CONTROL_PAYLOAD)} bytes (RFC 6455 section 5.5), ` +
        `but has ${String(payload.length)}`,
    );
  }
}
