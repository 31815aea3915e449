/**
 * The diagnostics channels: what a tool sees that watches every connection of the process. A channel without a
 * subscriber costs one property read.
 */
import { channel, type Channel } from 'node:diagnostics_channel';

/** What every message says of its connection. */
export interface ConnectionMessage {
  /** A number that is unique in the process. */
  readonly id: number;
  /** `address:port` of the peer; empty when the transport has none. */
  readonly remote: string;
  /** `address:port` of this end; empty when the transport has none, or none any more when it is first asked for. */
  readonly local: string;
}

/** `watershed:start`: a connection is open. */
export interface StartMessage extends ConnectionMessage {
  /** Which end this is. */
  readonly type: 'accept' | 'connect';
}

/** `watershed:send` and `watershed:receive`: a message or a control frame, as it is given to the other side. */
export interface FrameMessage extends ConnectionMessage {
  /** RFC 6455 section 11.8. */
  readonly opcode: number;
  /** A text message is a string; of a CLOSE frame it is the payload, code and reason. */
  readonly data: string | Uint8Array;
}

/** `watershed:error`: why a connection was failed or given up. */
export interface ErrorMessage extends ConnectionMessage {
  /** A `ProtocolError`, the socket's own error, or a `WatershedError` that says why the peer counts as gone. */
  readonly error: Error;
}

/** `watershed:end`: a connection is gone. */
export interface EndMessage extends ConnectionMessage {
  /** From the peer's CLOSE frame; undefined when it had none, or none came. */
  readonly code: number | undefined;
  /** From the peer's CLOSE frame; empty when it had none, or none came. */
  readonly reason: string;
  /** Whether the closing handshake was completed (RFC 6455 section 7.1.4). */
  readonly wasClean: boolean;
}

/** `watershed:compression`: a message was compressed or inflated. */
export interface CompressionMessage extends ConnectionMessage {
  /** Which way the message goes. */
  readonly direction: 'send' | 'receive';
  /** The message's length, in bytes. */
  readonly bytes: number;
  /** Its length when it is compressed, in bytes. What is not shorter then is sent as it was. */
  readonly compressedBytes: number;
}

export const startChannel = channel('watershed:start');
export const endChannel = channel('watershed:end');
export const sendChannel = channel('watershed:send');
export const receiveChannel = channel('watershed:receive');
export const errorChannel = channel('watershed:error');
export const compressionChannel = channel('watershed:compression');

/** Publishes a frame. To be called only when the channel has subscribers: what it builds is not free. */
export function publishFrame(
  channel: Channel,
  { id, remote, local }: ConnectionMessage,
  opcode: number,
  data: string | Uint8Array,
): void {
  channel.publish({ id, remote, local, opcode, data } satisfies FrameMessage);
}

export function publishStart({ id, remote, local }: ConnectionMessage, type: StartMessage['type']): void {
  startChannel.publish({ id, remote, local, type } satisfies StartMessage);
}

export function publishCompression(
  { id, remote, local }: ConnectionMessage,
  direction: CompressionMessage['direction'],
  bytes: number,
  compressedBytes: number,
): void {
  compressionChannel.publish({ id, remote, local, direction, bytes, compressedBytes } satisfies CompressionMessage);
}

export function publishError({ id, remote, local }: ConnectionMessage, error: Error): void {
  errorChannel.publish({ id, remote, local, error } satisfies ErrorMessage);
}

export function publishEnd(
  { id, remote, local }: ConnectionMessage,
  end: Omit<EndMessage, keyof ConnectionMessage>,
): void {
  endChannel.publish({ id, remote, local, ...end } satisfies EndMessage);
}
