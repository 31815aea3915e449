/**
 * The error family. Imported by every part of the library; imports nothing.
 *
 * An error says whose fault it is: a `ProtocolError` or a `HandshakeError` is the peer's (a wrong byte, a wrong
 * header), a `TypeError` or a `RangeError` the caller's (a wrong argument), and a plain `WatershedError` says that the
 * connection could not do what was asked of it.
 */

/** The stable values of {@link WatershedError.code}. */
export type WatershedErrorCode =
  // What a peer sent after the opening handshake (ProtocolError).
  | 'WATERSHED_RESERVED_BITS'
  | 'WATERSHED_RESERVED_OPCODE'
  | 'WATERSHED_UNMASKED_FRAME'
  | 'WATERSHED_MASKED_FRAME'
  | 'WATERSHED_FRAGMENTED_CONTROL_FRAME'
  | 'WATERSHED_CONTROL_FRAME_TOO_LONG'
  | 'WATERSHED_UNEXPECTED_CONTINUATION'
  | 'WATERSHED_EXPECTED_CONTINUATION'
  | 'WATERSHED_INVALID_LENGTH'
  | 'WATERSHED_INVALID_CLOSE_PAYLOAD'
  | 'WATERSHED_INVALID_CLOSE_CODE'
  | 'WATERSHED_INVALID_UTF8'
  | 'WATERSHED_MESSAGE_TOO_BIG'
  | 'WATERSHED_TOO_MANY_FRAGMENTS'
  | 'WATERSHED_INVALID_COMPRESSION'
  // The opening handshake (HandshakeError).
  | 'WATERSHED_INVALID_REQUEST'
  | 'WATERSHED_INVALID_RESPONSE'
  | 'WATERSHED_UNSUPPORTED_VERSION'
  | 'WATERSHED_SUBPROTOCOL_MISMATCH'
  | 'WATERSHED_EXTENSION_MISMATCH'
  | 'WATERSHED_ORIGIN_REFUSED'
  | 'WATERSHED_UNEXPECTED_STATUS'
  | 'WATERSHED_INVALID_REDIRECT'
  // No answer to the opening handshake (WatershedError).
  | 'WATERSHED_HANDSHAKE_TIMEOUT'
  | 'WATERSHED_HANDSHAKE_ABORTED'
  | 'WATERSHED_BLOCKED_PORT'
  | 'WATERSHED_CONNECTION_FAILED'
  // The connection (WatershedError).
  | 'WATERSHED_SOCKET_DESTROYED'
  | 'WATERSHED_SOCKET_TAKEN'
  | 'WATERSHED_NOT_OPEN'
  | 'WATERSHED_CLOSED_EARLY'
  | 'WATERSHED_UNREADABLE_BLOB'
  | 'WATERSHED_UNSENDABLE'
  | 'WATERSHED_CONNECTION_LOST'
  | 'WATERSHED_CLOSE_TIMEOUT'
  | 'WATERSHED_HEARTBEAT_TIMEOUT'
  | 'WATERSHED_BUFFER_LIMIT'
  | 'WATERSHED_DESTROYED'
  | 'WATERSHED_ALREADY_ITERATED';

/** The base of every error that the library makes, argument errors (`TypeError`, `RangeError`) aside. */
export class WatershedError extends Error {
  /** A stable string to branch on; the message is for people and may change. */
  readonly code: WatershedErrorCode;

  constructor(code: WatershedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static {
    // On the prototype, as the platform's own error classes have it.
    Object.defineProperty(this.prototype, 'name', { value: 'WatershedError', configurable: true, writable: true });
  }
}

/** The opening handshake failed (RFC 6455 section 4). */
export class HandshakeError extends WatershedError {
  /**
   * The HTTP status. On a server, the one that fits the refusal (400, 403, 405, 426): give the error to
   * `Watershed.reject` to answer with it. On a client, the status that the server answered.
   */
  readonly statusCode: number;
  /**
   * On a server, the header fields that the refusal has to carry (`Sec-WebSocket-Version` with 426, `Allow` with 405).
   * On a client, those of the server's response.
   */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;

  constructor(
    code: WatershedErrorCode,
    statusCode: number,
    message: string,
    headers: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  ) {
    super(code, message);
    this.statusCode = statusCode;
    this.headers = headers;
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'HandshakeError', configurable: true, writable: true });
  }
}

/** The peer broke the protocol or a limit, and the connection was failed (RFC 6455 section 7.1.7). */
export class ProtocolError extends WatershedError {
  /** The status code that was sent to the peer in the CLOSE frame (RFC 6455 section 7.4.1). */
  readonly closeCode: number;

  constructor(code: WatershedErrorCode, closeCode: number, message: string) {
    super(code, message);
    this.closeCode = closeCode;
    // Until its stack is read, V8 keeps for an error what was on it: here the message that broke the rule, and zlib's
    // stream with all that it had inflated, up to `maxPayload` for each error or connection that somebody keeps.
    Reflect.get(this, 'stack');
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'ProtocolError', configurable: true, writable: true });
  }
}
