/**
 * The options of a WebSocket's client end: what there is, and the checks. It opens nothing.
 */

import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';

import {
  type Check,
  checkBoolean,
  checkHeader,
  checkOptions,
  checkOrigin,
  count,
  milliseconds,
  typeError,
} from '../checks.js';
import {
  connectionChecks,
  type ConnectionOptions,
  defaultConnectionOptions,
  fillIn,
  type ResolvedConnectionOptions,
} from '../options.js';

/**
 * The options of Node's own that say how a connection is made: see `net.connect`, `tls.connect` and `https.request` for
 * each. `createConnection` is called where there is no agent, and gives a TLS socket where the URL is `wss:`. What is
 * not part of an agent's pool key (`checkServerIdentity`, `lookup`, `localPort`) has no say in a connection that the
 * agent has kept alive from an earlier request.
 */
export type TransportOptions = Pick<
  RequestOptions,
  | 'ca'
  | 'cert'
  | 'checkServerIdentity'
  | 'ciphers'
  | 'createConnection'
  | 'family'
  | 'key'
  | 'localAddress'
  | 'localPort'
  | 'lookup'
  | 'maxVersion'
  | 'minVersion'
  | 'passphrase'
  | 'pfx'
  | 'rejectUnauthorized'
  | 'servername'
  | 'socketPath'
>;

/** A Dispatcher of the package `undici` (6 or later), as far as it is used. */
export interface Dispatcher {
  /** Sends a request and reports to the handler; undici's own. */
  dispatch(options: object, handler: object): boolean;
}

// Partial, because a browser's project has no types of Node, and then Pick would make each of them required.
/** Options of a WebSocket's client end. */
export interface WebSocketOptions extends ConnectionOptions, Readonly<Partial<TransportOptions>> {
  /**
   * Further header fields of the request: a Headers, an object, or an array of pairs. The handshake's own (Connection,
   * Upgrade, Sec-WebSocket-*, Content-Length, Transfer-Encoding) cannot be overridden: TypeError. An Authorization
   * takes the place of the URL's credentials, an Origin that of the `origin` option, and a Host that of the URL's.
   * @defaultValue none
   */
  readonly headers?: ConstructorParameters<typeof Headers>[0] | undefined;
  /**
   * The value of the Origin header.
   * @defaultValue none is sent
   */
  readonly origin?: string | undefined;
  /**
   * The agent of node:http or node:https that makes the connection, such as one for a proxy; false for a new one.
   * @defaultValue Node's own choice: `http.globalAgent` or `https.globalAgent`
   */
  readonly agent?: Agent | false | undefined;
  /**
   * A Dispatcher of undici (Agent, ProxyAgent, EnvHttpProxyAgent, MockAgent…) that sends the request instead of
   * node:http. It makes its connections its own way, so no `agent` and no connection or TLS option can be given with
   * it: TypeError. Until the connection is open, `ref` and `unref` have no say in whether it keeps the process alive.
   */
  readonly dispatcher?: Dispatcher | undefined;
  /** Ends the opening handshake when it is aborted. It has no effect on an open connection. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether redirects (RFC 9110 section 15.4) are followed; otherwise each is a failure, as the WebSockets Standard has
   * it. `http:` and `https:` are followed as `ws:` and `wss:`, never from `wss:` to `ws:`. When the origin changes,
   * what was meant for the first one is dropped: Authorization, Cookie, Proxy-Authorization, Host, the URL's
   * credentials, the client's certificate, `servername` and `socketPath`.
   * @defaultValue false
   */
  readonly followRedirects?: boolean | undefined;
  /**
   * How many redirects are followed in a row. One more is a failure.
   * @defaultValue 10
   */
  readonly maxRedirects?: number | undefined;
  /**
   * Whether the ports that browsers block (Fetch Standard section 2.9) may be connected to.
   * @defaultValue false
   */
  readonly allowBlockedPorts?: boolean | undefined;
  /**
   * Whether to wait until no other connection with this option is being opened to the same address and port, as
   * RFC 6455 section 4.1 says. The address is the first one that the host's name resolves to; behind an agent or a
   * dispatcher, which may resolve it elsewhere, the name counts.
   * @defaultValue false
   */
  readonly serialize?: boolean | undefined;
  /**
   * Milliseconds from the constructor to the server's answer, redirects and waiting included, after which the opening
   * handshake fails.
   * @defaultValue 30,000
   */
  readonly handshakeTimeout?: number | undefined;
}

/** {@link WebSocketOptions} in the place of the constructor's second argument. */
export interface WebSocketInit extends WebSocketOptions {
  /**
   * The subprotocols to ask for, in order of preference.
   * @defaultValue none
   */
  readonly protocols?: string | string[] | undefined;
}

const transportChecks: Readonly<Record<keyof TransportOptions, Check>> = {
  ca: checkKeyMaterial,
  cert: checkKeyMaterial,
  checkServerIdentity: checkFunction,
  ciphers: checkString,
  createConnection: checkFunction,
  family: checkFamily,
  key: checkKeyMaterial,
  localAddress: checkString,
  localPort: checkPort,
  lookup: checkFunction,
  maxVersion: checkString,
  minVersion: checkString,
  passphrase: checkString,
  pfx: checkKeyMaterial,
  rejectUnauthorized: checkBoolean,
  servername: checkString,
  socketPath: checkSocketPath,
};

const webSocketChecks: Readonly<Record<keyof WebSocketOptions, Check>> = {
  ...connectionChecks,
  ...transportChecks,
  headers: checkHeaders,
  origin: checkOrigin,
  agent: checkAgent,
  dispatcher: checkDispatcher,
  signal: checkSignal,
  followRedirects: checkBoolean,
  maxRedirects: count(0),
  allowBlockedPorts: checkBoolean,
  serialize: checkBoolean,
  handshakeTimeout: milliseconds(1),
};

/**
 * Checks the options of a client's end, and gives those that are the connection's.
 * @throws TypeError for a wrong type, an unknown name or options that exclude each other, RangeError for a value out of
 * range.
 */
export function resolveWebSocketOptions(
  options: WebSocketOptions,
  defaults: ResolvedConnectionOptions = defaultConnectionOptions,
): ResolvedConnectionOptions {
  checkOptions('options', options, webSocketChecks);
  if (options.dispatcher !== undefined) {
    for (const name of ['agent', ...TRANSPORT_OPTIONS] as const) {
      if (options[name] !== undefined) {
        throw new TypeError(
          `options.${name} cannot be used with options.dispatcher, which makes the connection itself`,
        );
      }
    }
  }
  return fillIn(options, defaults);
}

const TRANSPORT_OPTIONS = Object.keys(transportChecks) as (keyof TransportOptions)[];

/** The options of Node's own among a client's. */
export function transportOptions(options: WebSocketOptions): TransportOptions {
  // Those that were given alone: Node takes some that are there and undefined for a choice.
  const given: Partial<Record<keyof TransportOptions, unknown>> = {};
  for (const name of TRANSPORT_OPTIONS) if (options[name] !== undefined) given[name] = options[name];
  return given as TransportOptions;
}

/** The header fields of an option in any of its forms: names, and the values of each. */
export function headerPairs(headers: WebSocketOptions['headers'] = {}): [string, string | readonly string[]][] {
  return Symbol.iterator in headers ? Array.from(headers as Iterable<[string, string]>) : Object.entries(headers);
}

function checkHeaders(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw typeError(name, 'a Headers, an object or an array', value);
  for (const pair of headerPairs(value as NonNullable<WebSocketOptions['headers']>) as unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) throw typeError(name, 'made of pairs of a name and a value', pair);
    const [field, fieldValue] = pair as unknown[];
    if (typeof field !== 'string') throw typeError(name, 'made of pairs of a name and a value', pair);
    checkHeader(name, field, fieldValue);
    if (isOwnField(field.toLowerCase())) {
      throw new TypeError(`${name} must not have ${field}: the handshake's own fields cannot be overridden`);
    }
  }
}

/** Whether a field is the handshake's, or would announce a body, which its request never has. */
function isOwnField(name: string): boolean {
  return (
    ['connection', 'upgrade', 'content-length', 'transfer-encoding'].includes(name) || name.startsWith('sec-websocket-')
  );
}

function checkAgent(name: string, value: unknown): void {
  if (value !== false && !hasMethod(value, 'addRequest')) throw typeError(name, 'an http.Agent or false', value);
}

function checkDispatcher(name: string, value: unknown): void {
  if (!hasMethod(value, 'dispatch')) throw typeError(name, 'a Dispatcher of undici', value);
}

function checkSignal(name: string, value: unknown): void {
  // By its shape: there are other implementations than the platform's.
  if (!hasMethod(value, 'addEventListener') || !('aborted' in value)) throw typeError(name, 'an AbortSignal', value);
}

function hasMethod(value: unknown, method: string): value is object {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function';
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw typeError(name, 'a function', value);
}

function checkString(name: string, value: unknown): void {
  if (typeof value !== 'string') throw typeError(name, 'a string', value);
}

function checkSocketPath(name: string, value: unknown): void {
  // Node would take an empty one as none at all, and connect to the host.
  if (typeof value !== 'string' || value === '') throw typeError(name, 'a string that is not empty', value);
}

function checkFamily(name: string, value: unknown): void {
  if (value !== 0 && value !== 4 && value !== 6) throw typeError(name, '0, 4 or 6', value);
}

function checkPort(name: string, value: unknown): void {
  if (typeof value !== 'number') throw typeError(name, 'a number', value);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new RangeError(`${name} must be a port, from 0 to 65535, but is ${String(value)}`);
  }
}

/** What is in a certificate or a key, node:tls sees. */
function checkKeyMaterial(name: string, value: unknown): void {
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) {
    throw typeError(name, 'a string, a Buffer or an array', value);
  }
}
