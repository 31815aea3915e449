/**
 * One message to many connections: the frame is encoded once.
 */
import { Opcode } from '../protocol/frame.js';
import { Sender } from '../protocol/sender.js';
import type { Connection } from './connection.js';

/**
 * Sends a message to every connection that is open, but for the slow ones if they are to be skipped.
 * @returns to how many
 */
export function broadcast(connections: Iterable<Connection>, data: string | Uint8Array, skipSlow: boolean): number {
  const opcode = typeof data === 'string' ? Opcode.TEXT : Opcode.BINARY;
  let payload: Uint8Array | undefined;
  let frame: Buffer | undefined;
  let count = 0;
  for (const connection of connections) {
    if (connection.readyState !== 1) continue;
    if (skipSlow && connection.bufferedAmount > connection.options.highWaterMark) continue;
    count++;
    if (connection.isServer) {
      payload ??= typeof data === 'string' ? Buffer.from(data) : data;
      frame ??= encode(opcode, payload);
      connection.sendEncoded(opcode, frame, payload.length);
    } else if (typeof data === 'string') {
      // A client masks each frame with a key of its own (RFC 6455 section 5.3): there is nothing to share.
      connection.sendText(data);
    } else {
      connection.sendBinary(data);
    }
  }
  return count;
}

function encode(opcode: Opcode, payload: Uint8Array): Buffer {
  const sender = new Sender({ isServer: true });
  const frame = Buffer.allocUnsafeSlow(sender.frameLength(payload.length));
  sender.writeFrame(frame, 0, opcode, payload);
  return frame;
}
