/**
 * One message to many connections: the frame is encoded once for each form in which it is sent.
 */
import { Opcode } from '../protocol/frame.js';
import { Deflater, SYNC_DEFLATE } from '../protocol/permessage-deflate.js';
import { serverSender } from '../protocol/sender.js';
import type { Connection } from './connection.js';
import type { Compression, EncodedMessage } from './outbound.js';

/**
 * Sends a message to every connection that is open, but for the slow ones if they are to be skipped.
 * @returns to how many
 */
export function broadcast(connections: Iterable<Connection>, data: string | Uint8Array, skipSlow: boolean): number {
  const forms = new Forms(data);
  let count = 0;
  for (const connection of connections) {
    if (connection.readyState !== 1) continue;
    if (skipSlow && connection.bufferedAmount > connection.options.highWaterMark) continue;
    count++;
    const message = connection.isServer ? forms.of(connection) : undefined;
    if (message !== undefined) connection.sendEncoded(message);
    // A client masks each frame with a key of its own (RFC 6455 section 5.3), and what a thread compresses is
    // compressed for each connection: there is nothing to share.
    else if (typeof data === 'string') connection.sendText(data);
    else connection.sendBinary(data);
  }
  return count;
}

/** The forms of one message: as it is, and compressed with each set of parameters that occurs. */
class Forms {
  readonly #opcode: Opcode;
  readonly #data: Uint8Array;
  readonly #encoded = new Map<string, EncodedMessage>();

  constructor(data: string | Uint8Array) {
    this.#opcode = typeof data === 'string' ? Opcode.TEXT : Opcode.BINARY;
    // Of bytes a copy: it may have to wait, and the history is what was sent.
    this.#data = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);
  }

  /** The form for a server's connection; undefined when there is none to share. */
  of(connection: Connection): EncodedMessage | undefined {
    const compression = connection.outbound.compressionOf(this.#data.length);
    if (compression !== undefined && this.#data.length > SYNC_DEFLATE) return undefined;
    const key = compression === undefined ? '' : describe(compression);
    let message = this.#encoded.get(key);
    if (message === undefined) {
      message = this.#encode(compression);
      this.#encoded.set(key, message);
    }
    return message;
  }

  #encode(compression: Compression | undefined): EncodedMessage {
    const data = this.#data;
    const deflated = compression === undefined ? data : deflate(data, compression);
    const isCompressed = deflated.length < data.length;
    const payload = isCompressed ? deflated : data;
    const frame = Buffer.allocUnsafeSlow(serverSender.frameLength(payload.length));
    serverSender.writeFrame(frame, 0, this.#opcode, payload, { fin: true, rsv1: isCompressed });
    return { opcode: this.#opcode, data, frame, isCompressed };
  }
}

function describe({ windowBits, level, memLevel }: Compression): string {
  return `${String(windowBits)} ${String(level)} ${String(memLevel)}`;
}

/** Compressed without a history, so that it means the same to everybody. */
function deflate(data: Uint8Array, { windowBits, level, memLevel }: Compression): Buffer {
  return new Deflater({ noContextTakeover: true, windowBits }, { level, memLevel }).deflateSync(data);
}
