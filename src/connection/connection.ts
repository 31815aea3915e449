/**
 * The engine: one connection, from CONNECTING to CLOSED, over any Duplex. It owns the ready state, the closing
 * handshake, limits, heartbeat, backpressure and errors, and reports to one listener. It knows no API of a face and no
 * opening handshake.
 *
 * Nothing is thrown out of a socket's event: what the peer does wrong fails the connection, and what a listener throws
 * becomes an uncaught exception of its own, after which the next message is delivered.
 */
import { AsyncResource } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import { type ProtocolError, WatershedError } from '../errors.js';
import type { ResolvedConnectionOptions } from '../options.js';
import { encodeClosePayload, type CloseFrame } from '../protocol/close-code.js';
import { MAX_CONTROL_PAYLOAD, Opcode } from '../protocol/frame.js';
import { Receiver, type ReceiverHandler } from '../protocol/receiver.js';
import { Sender } from '../protocol/sender.js';
import { nextPhase, readyStates, type Phase, type ReadyState, type Transition } from './closing-handshake.js';
import type { ConnectionGroup } from './connection-group.js';
import {
  endChannel,
  errorChannel,
  publishEnd,
  publishError,
  publishFrame,
  publishStart,
  receiveChannel,
  sendChannel,
  startChannel,
} from './diagnostics.js';
import { FrameWriter, type SendCallback } from './frame-writer.js';
import { Heartbeat } from './heartbeat.js';
import { bufferLimitExceeded, closeTimedOut, connectionLost, heartbeatTimedOut, isLostPeer } from './loss.js';
import { OrderedQueue } from './ordered-queue.js';
import { OutstandingPings } from './outstanding-pings.js';
import { Transport, type TransportHandler } from './transport.js';

/** What a connection reports, in this order: messages and pings while it is open, what went wrong, and once `onEnd`. */
export interface ConnectionListener {
  onText(text: string): void;
  /** The buffer belongs to the listener. */
  onBinary(data: Buffer): void;
  onPing(payload: Buffer): void;
  /** The round-trip time in milliseconds, if the PONG answers a PING of ours. */
  onPong(payload: Buffer, roundTripTime: number | undefined): void;
  /** `bufferedAmount` is 0 again after `send` returned false. */
  onDrain(): void;
  /** The connection was failed, or its transport is broken. */
  onError(error: Error): void;
  /** The peer went away, or was given up, without a CLOSE. */
  onReset(reason: WatershedError): void;
  onEnd(end: ConnectionEnd): void;
}

/** How a connection ended. */
export interface ConnectionEnd {
  /** The peer's CLOSE frame, if one came. */
  readonly close: CloseFrame | undefined;
  /** Whether the closing handshake was completed (RFC 6455 section 7.1.4). */
  readonly wasClean: boolean;
}

/** Who has paused a connection. It is read when nobody has. */
export const PauseReason = { USER: 1, ITERATOR: 2, QUEUE: 4 } as const;
export type PauseReason = (typeof PauseReason)[keyof typeof PauseReason];

/** How long a client waits for the server to end TCP after the closing handshake (RFC 6455 section 7.1.1). */
const CLIENT_ENDING_TIMEOUT = 2_000;

const HEARTBEAT = Buffer.from('heartbeat');

let lastId = 0;

export class Connection implements ReceiverHandler, TransportHandler {
  /** Unique in the process. */
  readonly id = ++lastId;
  readonly isServer: boolean;
  readonly options: ResolvedConnectionOptions;
  /** Messages and the CLOSE on their way to the listener: an entry may take time to be ready. */
  readonly inbound = new OrderedQueue(() => { this.resume(PauseReason.QUEUE); });
  /** Messages and the CLOSE on their way to the transport: an entry may take time to be ready. */
  readonly outbound = new OrderedQueue();
  /** `address:port` of the peer and of this end; empty when the transport has none. */
  remote = '';
  local = '';

  /** Handlers run in the async context in which the connection was made. */
  readonly #context = new AsyncResource('WatershedConnection');
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #listener: ConnectionListener;
  readonly #group: ConnectionGroup | undefined;
  #phase: Phase = 'CONNECTING';
  #transport: Transport | undefined;
  #writer: FrameWriter | undefined;

  /** Why the connection ends, if not by a closing handshake. */
  #failure: WatershedError | undefined;
  #closeFrame: CloseFrame | undefined;
  #wasClean = false;
  #timer: NodeJS.Timeout | undefined;
  #pausedBy = 0;
  /** The ends of the transport that came while paused: a stream may end although it is paused. */
  readonly #heldEnds: (() => void)[] = [];
  #needsDrain = false;
  /** Payload bytes of messages that wait in the outbound queue. */
  #queuedAmount = 0;
  #pings: OutstandingPings | undefined;
  /** The newest PING that could not be answered yet. */
  #owedPong: Buffer | undefined;

  constructor(
    isServer: boolean,
    options: ResolvedConnectionOptions,
    listener: ConnectionListener,
    group?: ConnectionGroup,
  ) {
    this.isServer = isServer;
    this.options = options;
    this.#listener = listener;
    this.#group = group;
    this.#receiver = new Receiver(this, {
      isServer,
      maxPayload: options.maxPayload,
      maxFragments: options.maxFragments,
    });
    this.#sender = new Sender({ isServer });
    if (options.heartbeat !== undefined) {
      this.#heartbeat = new Heartbeat(
        options.heartbeat,
        () => {
          this.ping(HEARTBEAT);
        },
        () => {
          this.#run(() => { this.#giveUp(heartbeatTimedOut(options)); });
        },
      );
    }
  }

  get readyState(): ReadyState {
    return readyStates[this.#phase];
  }

  /** Payload bytes given to `send*` whose write has not called back: UTF-8 length, no headers, no control frames. */
  get bufferedAmount(): number {
    return this.#queuedAmount + (this.#writer?.bufferedAmount ?? 0);
  }

  get socket(): Duplex | undefined {
    return this.#transport?.socket;
  }

  /**
   * The opening handshake is complete: the connection is OPEN and reads from the socket, `head` first. No event comes
   * before the caller's tick is over. `responseHead` is what a server still has to write.
   */
  open(socket: Duplex, head: Buffer, responseHead?: string): void {
    this.#transport = new Transport(socket, head, this);
    this.remote = this.#transport.remote;
    this.local = this.#transport.local;
    if (responseHead !== undefined) socket.write(responseHead, 'latin1');
    this.#writer = new FrameWriter(socket, this.#sender, this.#onWritten);
    this.#move('open');
    process.nextTick(this.#goOn);
    this.#group?.add(this);
    if (startChannel.hasSubscribers) publishStart(this, this.isServer ? 'accept' : 'connect');
  }

  // Sending

  /** Sends a text message. Returns whether `bufferedAmount` is still below `highWaterMark`. */
  sendText(text: string, callback?: SendCallback): boolean {
    if (this.#phase !== 'OPEN') return this.#refuse(callback);
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this, Opcode.TEXT, text);
    if (this.outbound.isIdle) this.#writer?.text(text, callback);
    else this.#queueMessage(Buffer.byteLength(text), () => { this.#writer?.text(text, callback); }, callback);
    return this.#afterSend();
  }

  /** Sends a binary message. Returns whether `bufferedAmount` is still below `highWaterMark`. */
  sendBinary(data: Uint8Array, callback?: SendCallback): boolean {
    if (this.#phase !== 'OPEN') return this.#refuse(callback);
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this, Opcode.BINARY, data);
    if (this.outbound.isIdle) this.#writer?.binary(data, callback);
    else {
      // The caller may change the bytes before it is their turn.
      const copy = Buffer.from(data);
      this.#queueMessage(copy.length, () => { this.#writer?.binary(copy, callback); }, callback);
    }
    return this.#afterSend();
  }

  /** Sends a whole message that is encoded already, for a connection whose frames are not masked. */
  sendEncoded(opcode: Opcode, frame: Buffer, payloadLength: number): void {
    if (sendChannel.hasSubscribers) {
      const payload = frame.subarray(frame.length - payloadLength);
      publishFrame(sendChannel, this, opcode, opcode === Opcode.TEXT ? payload.toString() : payload);
    }
    if (this.outbound.isIdle) this.#writer?.encoded(frame, payloadLength);
    else this.#queueMessage(payloadLength, () => { this.#writer?.encoded(frame, payloadLength); }, undefined);
    this.#afterSend();
  }

  /** @throws RangeError for a payload of more than 125 bytes. */
  ping(payload: Buffer): void {
    checkControlPayload('nonce', payload);
    if (!this.#maySendControl()) return;
    (this.#pings ??= new OutstandingPings()).sent(payload);
    this.#sendControl(Opcode.PING, payload);
  }

  /** @throws RangeError for a payload of more than 125 bytes. */
  pong(payload: Buffer): void {
    checkControlPayload('nonce', payload);
    if (this.#maySendControl()) this.#sendControl(Opcode.PONG, payload);
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2), behind what was sent before.
   * @throws TypeError, RangeError when the code or the reason must not be sent, in any state.
   */
  close(code: number | undefined, reason: string): void {
    const payload = encodeClosePayload(code, reason);
    if (this.#phase !== 'OPEN') return;
    this.#move('queueClose');
    this.#heartbeat?.stop();
    this.#sendClose(payload);
  }

  /** Destroys the transport without a closing handshake. `onEnd` is called before it returns. */
  destroy(): void {
    this.#failure ??= new WatershedError('WATERSHED_DESTROYED', 'The connection was destroyed');
    this.#finish();
  }

  // Receiving

  pause(reason: PauseReason): void {
    if (!this.#isPaused()) {
      this.#receiver.stop();
      // While the transport ends, what comes is discarded, so that the end is seen.
      if (this.#phase !== 'ENDING') this.#transport?.socket.pause();
      this.#heartbeat?.stop();
    }
    this.#pausedBy |= reason;
  }

  resume(reason: PauseReason): void {
    if (!this.#isPaused()) return;
    this.#pausedBy &= ~reason;
    // What was received already comes in a later tick, like everything else.
    if (!this.#isPaused()) process.nextTick(this.#goOn);
  }

  #isPaused(): boolean {
    return this.#pausedBy !== 0;
  }

  /** Begins to read, or goes on. */
  readonly #goOn = (): void => {
    if (this.#isPaused() || !this.#isReading()) return;
    if (this.#phase === 'OPEN') this.#heartbeat?.start();
    this.#context.runInAsyncScope(this.#read, this, undefined);
    if (this.#isPaused()) return;
    for (const end of this.#heldEnds.splice(0)) this.#run(() => { this.#inOrder(end); });
    this.#transport?.socket.resume();
  };

  onData(chunk: Buffer): void {
    if (!this.#isReading()) return;
    this.#heartbeat?.arrived();
    this.#context.runInAsyncScope(this.#read, this, chunk);
  }

  /**
   * Reads a chunk, or what was kept of the last one. What the handlers send leaves with one write when it is parsed.
   */
  #read(chunk: Buffer | undefined): void {
    this.#writer?.hold();
    if (chunk === undefined) this.#receiver.resume();
    else this.#receiver.push(chunk);
    this.#writer?.release();
  }

  #isReading(): boolean {
    return this.#phase === 'OPEN' || this.#phase === 'CLOSE_QUEUED' || this.#phase === 'CLOSE_SENT';
  }

  onText(text: string): void {
    if (this.inbound.isIdle) this.#deliverText(text);
    else this.#queueMessageIn(() => { this.#deliverText(text); });
  }

  onBinary(data: Buffer): void {
    if (this.inbound.isIdle) this.#deliverBinary(data);
    else this.#queueMessageIn(() => { this.#deliverBinary(data); });
  }

  #deliverText(text: string): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.TEXT, text);
    try {
      this.#listener.onText(text);
    } catch (error) {
      throwLater(error);
    }
  }

  #deliverBinary(data: Buffer): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.BINARY, data);
    try {
      this.#listener.onBinary(data);
    } catch (error) {
      throwLater(error);
    }
  }

  onPing(payload: Buffer): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.PING, payload);
    if (this.options.autoPong && this.#maySendControl()) {
      // While the socket takes writes every PING has its PONG; while it does not, one is owed, for the newest.
      if (this.#writer?.isBlocked === true) this.#owedPong = Buffer.from(payload);
      else this.#sendControl(Opcode.PONG, payload);
    }
    this.#report(() => { this.#listener.onPing(payload); });
  }

  onPong(payload: Buffer): void {
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.PONG, payload);
    const roundTripTime = this.#pings?.answered(payload);
    this.#report(() => { this.#listener.onPong(payload, roundTripTime); });
  }

  onClose(frame: CloseFrame): void {
    this.#inOrder(() => { this.#receiveClose(frame); });
  }

  onProtocolError(error: ProtocolError): void {
    this.#inOrder(() => { this.#fail(error); });
  }

  /** A message that waits: nothing further is read until it has been delivered. */
  #queueMessageIn(deliver: () => void): void {
    this.pause(PauseReason.QUEUE);
    this.#inOrder(deliver);
  }

  /** After everything that was received before. */
  #inOrder(deliver: () => void): void {
    this.inbound.push((done) => {
      deliver();
      done();
    });
  }

  // The closing handshake

  #move(transition: Transition): boolean {
    const phase = nextPhase(this.#phase, transition);
    if (phase === undefined) return false;
    this.#phase = phase;
    return true;
  }

  #receiveClose(frame: CloseFrame): void {
    if (!this.#move('receiveClose')) return;
    // After its CLOSE the peer answers no PING.
    this.#heartbeat?.stop();
    this.#closeFrame = frame;
    const payload = encodeClosePayload(frame.code, frame.reason);
    if (receiveChannel.hasSubscribers) publishFrame(receiveChannel, this, Opcode.CLOSE, payload);
    if (this.#phase === 'ENDING') this.#completeClose();
    // The answer says what came (section 5.5.1), and nothing if nothing came. Behind a CLOSE of ours that waits it is none.
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
    if (this.outbound.isIdle) send();
    else this.outbound.push((done) => { send(); done(); });
  }

  #writeClose(payload: Buffer): void {
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this, Opcode.CLOSE, payload);
    this.#writer?.control(Opcode.CLOSE, payload);
  }

  /** Both CLOSE frames are seen: the server ends TCP, the client waits for that (section 7.1.1). */
  #completeClose(): void {
    this.#wasClean = true;
    this.#endTransport();
  }

  /** Fails the connection (section 7.1.7). */
  #fail(error: ProtocolError): void {
    const closeWasSent = this.#phase === 'CLOSE_SENT';
    if (!this.#move('giveUp')) return;
    this.#failure = error;
    if (!closeWasSent) this.#writeClose(encodeClosePayload(error.closeCode, ''));
    this.#endTransport();
    this.#reportError(error);
    this.outbound.cancel(error);
  }

  /** The peer went away, or counts as gone. */
  #lose(reason: WatershedError): boolean {
    if (!this.#move('giveUp')) return false;
    this.#failure = reason;
    if (errorChannel.hasSubscribers) publishError(this, reason);
    if (this.#closeFrame === undefined) this.#report(() => { this.#listener.onReset(reason); });
    this.outbound.cancel(reason);
    return true;
  }

  /** The peer does not answer: there is no use in ending the transport in an orderly way. */
  #giveUp(reason: WatershedError): void {
    if (this.#lose(reason)) this.#finish();
  }

  // The transport

  /** The server ends it, the client waits until the server does. What still comes in is discarded. */
  #endTransport(): void {
    // A listener may have destroyed it meanwhile.
    if (this.#phase !== 'ENDING') return;
    this.#heartbeat?.stop();
    this.#writer?.flush();
    if (this.isServer || this.socket?.readableEnded === true) this.#transport?.end();
    // Read on, paused or not, so that the end is seen.
    this.#transport?.socket.resume();
    const { closeTimeout } = this.options;
    const timeout = this.isServer ? closeTimeout : Math.min(closeTimeout, CLIENT_ENDING_TIMEOUT);
    this.#startTimer(timeout, () => { this.#finish(); });
  }

  onPeerEnd(): void {
    this.#endInOrder(() => {
      // Behind the peer's CLOSE its end is in order; our own CLOSE is still to come.
      if (this.#phase === 'CLOSE_RECEIVED') return;
      if (this.#lose(connectionLost())) this.#endTransport();
      else this.#transport?.end();
    }, true);
  }

  onTransportClose(error: NodeJS.ErrnoException | undefined): void {
    // One that broke cannot wait for `resume`: who has paused may be waiting for it to drain.
    const mayWait = error === undefined && this.socket?.readableEnded === true;
    this.#endInOrder(() => {
      if (error === undefined || isLostPeer(error)) this.#lose(connectionLost(error));
      else if (this.#move('giveUp')) this.#reportError(error);
      this.#finish();
    }, mayWait);
  }

  /** After everything that was received before, of which the receiver may still keep some while it is paused. */
  #endInOrder(end: () => void, mayWait: boolean): void {
    if (mayWait && this.#isPaused() && this.#isReading()) this.#heldEnds.push(end);
    else this.#run(() => { this.#inOrder(end); });
  }

  onWritable(): void {
    const owedPong = this.#owedPong;
    this.#owedPong = undefined;
    if (owedPong !== undefined && this.#maySendControl()) this.#sendControl(Opcode.PONG, owedPong);
  }

  /** The connection is gone: everything is let go, and every callback that is still due gets an error. */
  #finish(): void {
    if (!this.#move('close')) return;
    clearTimeout(this.#timer);
    this.#heartbeat?.stop();
    this.#receiver.stop();
    this.#transport?.destroy();
    const error = this.#failure ?? new WatershedError('WATERSHED_CONNECTION_LOST', 'The connection ended before this was sent');
    this.#run(() => {
      this.inbound.cancel(error);
      for (const callback of this.#writer?.abandon() ?? []) this.#report(() => { callback(error); });
      this.outbound.cancel(error);
      this.#group?.ended(this, this.#wasClean);
      if (endChannel.hasSubscribers) {
        const { code, reason } = this.#closeFrame ?? { code: undefined, reason: '' };
        publishEnd(this, { code, reason, wasClean: this.#wasClean });
      }
      this.#report(() => { this.#listener.onEnd({ close: this.#closeFrame, wasClean: this.#wasClean }); });
    });
  }

  #startTimer(delay: number, action: () => void): void {
    clearTimeout(this.#timer);
    // The socket keeps the process alive, not the timer beside it.
    this.#timer = setTimeout(() => { this.#run(action); }, delay).unref();
  }

  // Sending, inside

  /** Whether our CLOSE has not gone out yet (section 5.5.1: nothing is sent after it). */
  #maySendControl(): boolean {
    return this.#phase === 'OPEN' || this.#phase === 'CLOSE_QUEUED' || this.#phase === 'CLOSE_RECEIVED';
  }

  #sendControl(opcode: Opcode, payload: Buffer): void {
    if (sendChannel.hasSubscribers) publishFrame(sendChannel, this, opcode, payload);
    this.#writer?.control(opcode, payload);
  }

  #refuse(callback: SendCallback | undefined): boolean {
    if (callback !== undefined) {
      const state = this.readyState === 0 ? 'CONNECTING' : this.readyState === 2 ? 'CLOSING' : 'CLOSED';
      const error = new WatershedError('WATERSHED_NOT_OPEN', `Not sent: the connection is ${state}`);
      process.nextTick(() => { this.#context.runInAsyncScope(callback, undefined, error); });
    }
    return false;
  }

  #queueMessage(bytes: number, write: () => void, callback: SendCallback | undefined): void {
    this.#queuedAmount += bytes;
    this.outbound.push(
      (done) => {
        this.#queuedAmount -= bytes;
        write();
        done();
      },
      (error) => {
        if (callback !== undefined) this.#report(() => { callback(error); });
      },
    );
  }

  #afterSend(): boolean {
    const { bufferedAmount, options } = this;
    if (bufferedAmount > options.maxBufferedAmount) {
      // Not inside the call: no event comes before `send` has returned.
      process.nextTick(() => {
        this.#run(() => { this.#giveUp(bufferLimitExceeded(options, bufferedAmount)); });
      });
    }
    if (bufferedAmount < options.highWaterMark) return true;
    this.#needsDrain = true;
    return false;
  }

  readonly #onWritten = (callbacks: readonly SendCallback[]): void => {
    if (callbacks.length > 0) {
      this.#run(() => {
        for (const callback of callbacks) this.#report(() => { callback(); });
      });
    }
    if (this.#needsDrain && this.bufferedAmount === 0) {
      this.#needsDrain = false;
      if (this.#phase === 'OPEN') this.#run(() => { this.#report(() => { this.#listener.onDrain(); }); });
    }
  };

  // Reporting

  /** In the async context in which the connection was made. */
  #run(action: () => void): void {
    this.#context.runInAsyncScope(action);
  }

  #report(call: () => void): void {
    try {
      call();
    } catch (error) {
      throwLater(error);
    }
  }

  #reportError(error: Error): void {
    if (errorChannel.hasSubscribers) publishError(this, error);
    this.#report(() => { this.#listener.onError(error); });
  }
}

/** What a listener throws is never swallowed, and never stops the connection: it is thrown where nobody catches it. */
function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

function checkControlPayload(name: string, payload: Buffer): void {
  if (payload.length > MAX_CONTROL_PAYLOAD) {
    throw new RangeError(
      `${name} must be at most ${String(MAX_CONTROL_PAYLOAD)} bytes (RFC 6455 section 5.5), ` +
        `but has ${String(payload.length)}`,
    );
  }
}
