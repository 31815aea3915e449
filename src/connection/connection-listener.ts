/**
 * What a connection reports to its faces.
 */
import type { WatershedError } from '../errors.js';
import type { CloseFrame } from '../protocol/close-code.js';

/** Told in this order: that it is open, messages and pings, what went wrong, and once, at the end, `onEnd`. */
export interface ConnectionListener {
  onOpen(): void;
  onText(text: string): void;
  /** The buffer belongs to the listener. */
  onBinary(data: Buffer): void;
  onPing(payload: Buffer): void;
  /** The round-trip time in milliseconds, if the PONG answers a PING of ours. */
  onPong(payload: Buffer, roundTripTime: number | undefined): void;
  /** A write of so many payload bytes has called back: `bufferedAmount` has fallen by them. */
  onWritten(bytes: number): void;
  /** `bufferedAmount` is 0 again after `send` returned false. */
  onDrain(): void;
  /** The closing handshake has started, from either end: nothing more is sent (RFC 6455 section 7.1.3). */
  onClosing(): void;
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

/** Listens until a face does. */
export const NOBODY: ConnectionListener = {
  onOpen: ignore,
  onText: ignore,
  onBinary: ignore,
  onPing: ignore,
  onPong: ignore,
  onWritten: ignore,
  onDrain: ignore,
  onClosing: ignore,
  onError: ignore,
  onReset: ignore,
  onEnd: ignore,
};

function ignore(): void {
  // Nobody is there to be told.
}
