/**
 * The options: what there is, its defaults, and what each must be. Imported by every part of the library.
 */
import {
  type Check,
  checkBoolean,
  checkHeaders,
  checkOptions,
  checkOrigin,
  checkOriginPolicy,
  checkProtocols,
  checkRequestedProtocols,
  count,
  milliseconds,
  typeError,
  wholeNumber,
} from './checks.js';

/** Options that every connection takes, on either end and on either face. */
export interface ConnectionOptions {
  /**
   * The largest message that is received, in bytes, after decompression. A larger one fails the connection with close
   * code 1009 as soon as its length is announced. `Infinity` lifts the limit.
   * @defaultValue 67,108,864 (64 MiB)
   */
  readonly maxPayload?: number | undefined;
  /**
   * The largest number of frames in one message that is received, empty ones included. More fail the connection with
   * close code 1008. It bounds work, not memory: fragments are joined as they come.
   * @defaultValue 131,072
   */
  readonly maxFragments?: number | undefined;
  /**
   * The number of buffered bytes from which on `send` returns false, and above which an iterator that is not read
   * pauses the socket.
   * @defaultValue 65,536 (64 KiB)
   */
  readonly highWaterMark?: number | undefined;
  /**
   * The number of buffered bytes above which the peer counts as dead: the connection is destroyed, and what was not
   * sent is reported to its callbacks.
   * @defaultValue `Infinity`
   */
  readonly maxBufferedAmount?: number | undefined;
  /**
   * How long the peer has to answer our CLOSE, in milliseconds, before the connection is destroyed.
   * @defaultValue 10,000
   */
  readonly closeTimeout?: number | undefined;
  /**
   * Pings a silent peer and gives up one that stays silent.
   * @defaultValue off
   */
  readonly heartbeat?: HeartbeatOptions | undefined;
  /**
   * Whether every PING is answered with a PONG (RFC 6455 section 5.5.3). If false, the caller answers.
   * @defaultValue true
   */
  readonly autoPong?: boolean | undefined;
  /**
   * Compression of messages (RFC 7692): true, or its parameters. A server declines it unless this is given.
   * @defaultValue offered by the client's end of `WebSocket`; else off
   */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
}

/** The parameters of permessage-deflate (RFC 7692 section 7.1), and how messages are compressed. */
export interface PerMessageDeflateOptions {
  /**
   * The server compresses each message by itself: less memory at both ends, and more bytes.
   * @defaultValue false
   */
  readonly serverNoContextTakeover?: boolean | undefined;
  /**
   * The client compresses each message by itself.
   * @defaultValue false
   */
  readonly clientNoContextTakeover?: boolean | undefined;
  /**
   * The server's window as a power of two of bytes, 8 to 15.
   * @defaultValue 15, or what the peer asks for
   */
  readonly serverMaxWindowBits?: number | undefined;
  /**
   * The client's window as a power of two of bytes, 8 to 15.
   * @defaultValue 15, or what the peer asks for
   */
  readonly clientMaxWindowBits?: number | undefined;
  /**
   * Messages of fewer bytes are sent as they are.
   * @defaultValue 1,024
   */
  readonly threshold?: number | undefined;
  /**
   * zlib's level: 0 (none) to 9 (most), or -1 for its own choice, which is 6.
   * @defaultValue 5
   */
  readonly level?: number | undefined;
  /**
   * zlib's memLevel: 1 (least memory) to 9 (fastest).
   * @defaultValue 8
   */
  readonly memLevel?: number | undefined;
}

/** When to ping, and when to give up. Both count only while the connection is being read. */
export interface HeartbeatOptions {
  /** Milliseconds of silence after which a PING is sent. */
  readonly interval: number;
  /** Milliseconds after that PING within which something has to arrive. */
  readonly timeout: number;
}

/** Who may open a connection from a web page: see {@link AcceptOptions.origin}. */
export type OriginPolicy =
  | 'same-origin'
  | readonly string[]
  | ((
      origin: string,
      request: { readonly headers: Readonly<Record<string, string | string[] | undefined>> },
    ) => boolean);

/** Options of the server's end. */
export interface AcceptOptions extends ConnectionOptions {
  /**
   * The subprotocols that the server speaks. The first of the client's that is among them is chosen; case matters.
   * @defaultValue none
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * If true, the handshake is done and the raw socket returned, with `head` put back and no listeners on it.
   * @defaultValue false
   */
  readonly detached?: boolean | undefined;
  /** Further header fields of the 101 response. The handshake's own cannot be overridden. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /**
   * Which origins a browser may connect from (RFC 6455 section 10.2): a list of origins, `'same-origin'` (the Origin's
   * host and port are those of the Host header; its scheme is https where the socket is TLS), or a function. Others
   * get 403. A request without an Origin, which does not come from a web page, is allowed.
   * @defaultValue every origin
   */
  readonly origin?: OriginPolicy | undefined;
}

/** Options of the client's end, for an upgrade that the caller made with node:http. */
export interface ConnectOptions extends ConnectionOptions {
  /**
   * The subprotocols that were asked for (the same that `requestHeaders` was given): the server's answer is checked
   * against them.
   * @defaultValue any answer is taken
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * If true, the handshake is checked and the raw socket returned, with `head` put back and no listeners on it.
   * @defaultValue false
   */
  readonly detached?: boolean | undefined;
}

/** What a client asks for in its request: see `Watershed.requestHeaders`. */
export interface RequestOptions {
  /** The subprotocols to ask for, in order of preference. */
  readonly protocols?: readonly string[] | undefined;
  /** The value of the Origin header. */
  readonly origin?: string | undefined;
  /**
   * Offers compression: give the same to `connect`.
   * @defaultValue false, or the default of the instance
   */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
}

/** What `Watershed.reject` answers with. */
export interface RejectOptions {
  /** Further header fields of the response. Connection, Content-Length and Transfer-Encoding cannot be overridden. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /**
   * The response's body; a string is sent as UTF-8.
   * @defaultValue the error's message or the status's reason phrase, as plain text
   */
  readonly body?: string | Uint8Array | undefined;
}

/** How `Watershed.closeAll` closes. */
export interface CloseAllOptions {
  /**
   * The close code (RFC 6455 section 7.4).
   * @defaultValue 1001, going away
   */
  readonly code?: number | undefined;
  /**
   * The reason, at most 123 bytes of UTF-8.
   * @defaultValue empty
   */
  readonly reason?: string | undefined;
  /**
   * Milliseconds after which the connections that are still there are destroyed.
   * @defaultValue the `closeTimeout` of the instance
   */
  readonly timeout?: number | undefined;
}

/** How one message is sent. */
export interface SendOptions {
  /**
   * Whether the message may be compressed, if compression was agreed on and it is not shorter than the threshold.
   * @defaultValue true
   */
  readonly compress?: boolean | undefined;
}

/** How `Watershed.broadcast` sends. */
export interface BroadcastOptions {
  /**
   * `'slow'` leaves out the connections whose `bufferedAmount` is above their `highWaterMark`.
   * @defaultValue none is left out
   */
  readonly skip?: 'slow' | undefined;
}

/** {@link ConnectionOptions}, checked and complete. */
export interface ResolvedConnectionOptions {
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly highWaterMark: number;
  readonly maxBufferedAmount: number;
  readonly closeTimeout: number;
  readonly heartbeat: HeartbeatOptions | undefined;
  readonly autoPong: boolean;
  /** Undefined: off. */
  readonly perMessageDeflate: PerMessageDeflateOptions | undefined;
}

export const defaultConnectionOptions: ResolvedConnectionOptions = {
  maxPayload: 64 * 1024 * 1024,
  maxFragments: 131_072,
  highWaterMark: 64 * 1024,
  maxBufferedAmount: Infinity,
  closeTimeout: 10_000,
  heartbeat: undefined,
  autoPong: true,
  perMessageDeflate: undefined,
};

export const connectionChecks: Readonly<Record<keyof ConnectionOptions, Check>> = {
  maxPayload: count(0),
  maxFragments: count(1),
  highWaterMark: count(0),
  maxBufferedAmount: count(0),
  closeTimeout: milliseconds(0),
  heartbeat: checkHeartbeat,
  autoPong: checkBoolean,
  perMessageDeflate: checkPerMessageDeflate,
};

const acceptChecks: Readonly<Record<keyof AcceptOptions, Check>> = {
  ...connectionChecks,
  protocols: checkProtocols,
  detached: checkBoolean,
  headers: checkHeaders,
  origin: checkOriginPolicy,
};

const connectChecks: Readonly<Record<keyof ConnectOptions, Check>> = {
  ...connectionChecks,
  protocols: checkRequestedProtocols,
  detached: checkBoolean,
};

const requestChecks: Readonly<Record<keyof RequestOptions, Check>> = {
  protocols: checkRequestedProtocols,
  origin: checkOrigin,
  perMessageDeflate: checkPerMessageDeflate,
};

const rejectChecks: Readonly<Record<keyof RejectOptions, Check>> = {
  headers: checkHeaders,
  body: (name, value) => {
    if (typeof value === 'string' || value instanceof Uint8Array) return;
    throw typeError(name, 'a string or a Uint8Array', value);
  },
};

const closeAllChecks: Readonly<Record<keyof CloseAllOptions, Check>> = {
  // The code and the reason are checked where every CLOSE is made.
  code: (name, value) => {
    if (typeof value !== 'number') throw typeError(name, 'a number', value);
  },
  reason: (name, value) => {
    if (typeof value !== 'string') throw typeError(name, 'a string', value);
  },
  timeout: milliseconds(0),
};

const sendChecks: Readonly<Record<keyof SendOptions, Check>> = { compress: checkBoolean };

const broadcastChecks: Readonly<Record<keyof BroadcastOptions, Check>> = {
  skip: (name, value) => {
    if (value !== 'slow') throw typeError(name, "'slow'", value);
  },
};

/**
 * Checks the options of a connection and fills in what is missing.
 * @throws TypeError for a wrong type or an unknown name, RangeError for a value out of range.
 */
export function resolveConnectionOptions(
  options: ConnectionOptions | undefined,
  defaults: ResolvedConnectionOptions = defaultConnectionOptions,
): ResolvedConnectionOptions {
  if (options === undefined) return defaults;
  checkOptions('options', options, connectionChecks);
  return fillIn(options, defaults);
}

/** As {@link resolveConnectionOptions}, for the options of `accept`. */
export function resolveAcceptOptions(
  options: AcceptOptions,
  defaults: ResolvedConnectionOptions,
): ResolvedConnectionOptions {
  checkOptions('options', options, acceptChecks);
  return fillIn(options, defaults);
}

/** As {@link resolveConnectionOptions}, for the options of `connect`. */
export function resolveConnectOptions(
  options: ConnectOptions,
  defaults: ResolvedConnectionOptions,
): ResolvedConnectionOptions {
  checkOptions('options', options, connectChecks);
  return fillIn(options, defaults);
}

/** Checks the options of `requestHeaders`. */
export function checkRequestOptions(options: RequestOptions): void {
  checkOptions('options', options, requestChecks);
}

/** Checks the options of `reject`. */
export function checkRejectOptions(options: RejectOptions): void {
  checkOptions('options', options, rejectChecks);
}

/** Checks the options of `closeAll`. */
export function checkCloseAllOptions(options: CloseAllOptions): void {
  checkOptions('options', options, closeAllChecks);
}

/** Checks the options of `send`. */
export function checkSendOptions(options: SendOptions): void {
  checkOptions('options', options, sendChecks);
}

/** Checks the options of `broadcast`. */
export function checkBroadcastOptions(options: BroadcastOptions): void {
  checkOptions('options', options, broadcastChecks);
}

/** The options of a connection, already checked, with what is missing filled in. */
export function fillIn(options: ConnectionOptions, defaults: ResolvedConnectionOptions): ResolvedConnectionOptions {
  const resolved: ResolvedConnectionOptions = {
    maxPayload: options.maxPayload ?? defaults.maxPayload,
    maxFragments: options.maxFragments ?? defaults.maxFragments,
    highWaterMark: options.highWaterMark ?? defaults.highWaterMark,
    maxBufferedAmount: options.maxBufferedAmount ?? defaults.maxBufferedAmount,
    closeTimeout: options.closeTimeout ?? defaults.closeTimeout,
    heartbeat: options.heartbeat ?? defaults.heartbeat,
    autoPong: options.autoPong ?? defaults.autoPong,
    perMessageDeflate: resolvePerMessageDeflate(options.perMessageDeflate, defaults.perMessageDeflate),
  };
  // Most connections are like the defaults, and share them: 88 bytes less for each.
  const names = Object.keys(defaults) as (keyof ResolvedConnectionOptions)[];
  return names.every((name) => resolved[name] === defaults[name]) ? defaults : resolved;
}

/** The parameters of permessage-deflate; undefined when it is off. */
export function resolvePerMessageDeflate(
  option: ConnectionOptions['perMessageDeflate'],
  byDefault: PerMessageDeflateOptions | undefined,
): PerMessageDeflateOptions | undefined {
  if (option === undefined) return byDefault;
  if (option === false) return undefined;
  return option === true ? (byDefault ?? {}) : option;
}

const deflateChecks: Readonly<Record<keyof PerMessageDeflateOptions, Check>> = {
  serverNoContextTakeover: checkBoolean,
  clientNoContextTakeover: checkBoolean,
  serverMaxWindowBits: wholeNumber(8, 15),
  clientMaxWindowBits: wholeNumber(8, 15),
  threshold: count(0),
  level: wholeNumber(-1, 9),
  memLevel: wholeNumber(1, 9),
};

function checkPerMessageDeflate(name: string, value: unknown): void {
  if (typeof value !== 'boolean') checkOptions(name, value, deflateChecks);
}

const heartbeatChecks: Readonly<Record<string, Check>> = { interval: milliseconds(1), timeout: milliseconds(1) };

function checkHeartbeat(name: string, value: unknown): void {
  checkOptions(name, value, heartbeatChecks);
  for (const [field, check] of Object.entries(heartbeatChecks)) {
    check(`${name}.${field}`, (value as Record<string, unknown>)[field]);
  }
}
