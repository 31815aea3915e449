/**
 * The challenge of the opening handshake: a client's key, and the value with which a server proves that it has read it
 * (RFC 6455 sections 1.3, 4.1 and 4.2.2).
 */

import { hash, randomFillSync } from 'node:crypto';

/** What RFC 6455 section 1.3 has appended to the key, so that only a WebSocket server gives the right answer. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

// One call for 256 keys: a call for each took 7 % of what it costs to open a connection.
const keys = Buffer.allocUnsafeSlow(256 * 16);
let nextKey = keys.length;

/** A new value for the Sec-WebSocket-Key header: 16 random bytes in base64 (RFC 6455 section 4.1). */
export function generateKey(): string {
  if (nextKey === keys.length) {
    randomFillSync(keys);
    nextKey = 0;
  }
  return keys.toString('base64', nextKey, (nextKey += 16));
}

/** Whether a value has the form of a Sec-WebSocket-Key: the base64 of 16 bytes (RFC 6455 section 4.2.1). */
export function isKey(value: string): boolean {
  return /^[+/0-9A-Za-z]{22}==$/.test(value);
}

/** The Sec-WebSocket-Accept header's value that answers a key (RFC 6455 section 4.2.2). */
export function acceptValue(key: string): string {
  // In one call: on the path of every handshake, and less than half the time of createHash.
  return hash('sha1', key + GUID, 'base64');
}
