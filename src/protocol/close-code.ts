/**
 * Close codes, and the payload of a CLOSE frame (RFC 6455 sections 5.5.1 and 7.4).
 */
import { isUtf8 } from 'node:buffer';
import { typeError } from '../checks.js';
import { ProtocolError } from '../errors.js';
import { EMPTY, MAX_CONTROL_PAYLOAD } from './frame.js';

/** The status codes that this library sends by itself, or gives a name to (RFC 6455 section 7.4.1). */
export const CloseCode = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNACCEPTABLE: 1003,
  MALFORMED: 1007,
  POLICY_VIOLATION: 1008,
  TOO_BIG: 1009,
  MISSING_EXTENSION: 1010,
  UNEXPECTED_ERROR: 1011,
} as const;

/**
 * Whether a code may stand in a CLOSE frame: 1000 to 1003 and 1007 to 1014, as registered with IANA, and 3000 to 4999
 * for libraries and applications. 1004, 1005, 1006 and 1015 are reserved (RFC 6455 section 7.4.1), the rest is not
 * assigned (section 7.4.2).
 */
export function isValidCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/** What a CLOSE frame said. Without a code it was empty. */
export interface CloseFrame {
  readonly code: number | undefined;
  readonly reason: string;
}

/**
 * Reads the payload of a CLOSE frame.
 * @returns the error with which to fail the connection when it breaks RFC 6455 section 5.5.1 or 7.4.
 */
export function parseClosePayload(payload: Buffer): CloseFrame | ProtocolError {
  if (payload.length === 0) return { code: undefined, reason: '' };
  if (payload.length === 1) {
    return new ProtocolError(
      'WATERSHED_INVALID_CLOSE_PAYLOAD',
      CloseCode.PROTOCOL_ERROR,
      "RFC 6455 section 5.5.1: a CLOSE frame's payload is empty or begins with a two-byte code, this one has 1 byte",
    );
  }
  const code = payload.readUInt16BE(0);
  if (!isValidCloseCode(code)) {
    return new ProtocolError(
      'WATERSHED_INVALID_CLOSE_CODE',
      CloseCode.PROTOCOL_ERROR,
      `RFC 6455 section 7.4: the close code ${String(code)} must not be sent`,
    );
  }
  const reason = payload.subarray(2);
  if (!isUtf8(reason)) {
    return new ProtocolError(
      'WATERSHED_INVALID_UTF8',
      CloseCode.MALFORMED,
      "RFC 6455 section 5.5.1: a CLOSE frame's reason is UTF-8, this one is not",
    );
  }
  return { code, reason: reason.toString() };
}

/**
 * Writes the payload of a CLOSE frame; without a code it is empty.
 * @throws TypeError, RangeError when the code or the reason must not be sent.
 */
export function encodeClosePayload(code: number | undefined, reason: string): Buffer {
  if (typeof reason !== 'string') throw typeError('reason', 'a string', reason);
  if (code === undefined) return EMPTY;
  if (typeof code !== 'number') throw typeError('code', 'a number', code);
  if (!isValidCloseCode(code)) {
    throw new RangeError(
      'code must be a close code that may be sent: 1000 to 1003, 1007 to 1014 or 3000 to 4999 ' +
        `(RFC 6455 section 7.4), but is ${String(code)}`,
    );
  }
  const text = Buffer.from(reason);
  if (text.length > MAX_CONTROL_PAYLOAD - 2) {
    throw new RangeError(
      `reason must be at most ${String(MAX_CONTROL_PAYLOAD - 2)} bytes of UTF-8 (RFC 6455 section 5.5), ` +
        `but has ${String(text.length)}`,
    );
  }
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  payload.set(text, 2);
  return payload;
}
