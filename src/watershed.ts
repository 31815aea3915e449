/**
 * The classic face's factory: drives the opening handshake for the caller and makes connections. It holds no protocol.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { typeError } from './checks.js';
import { broadcast } from './connection/broadcast.js';
import { type CloseAllResult, ConnectionGroup, setGroupOf } from './connection/connection-group.js';
import { connectionOf } from './connection/connection-of.js';
import { Connection } from './connection/connection.js';
import type { HandshakeError } from './errors.js';
import { checkResponse, requestHeaders } from './handshake/client.js';
import { checkSocket, guard, take, unguard } from './handshake/guard.js';
import { generateKey } from './handshake/key.js';
import { reject } from './handshake/reject.js';
import { acceptHandshake } from './handshake/server.js';
import {
  type AcceptOptions,
  type BroadcastOptions,
  checkBroadcastOptions,
  checkCloseAllOptions,
  type CloseAllOptions,
  type ConnectionOptions,
  type ConnectOptions,
  type RejectOptions,
  type RequestOptions,
  resolveAcceptOptions,
  resolveConnectionOptions,
  resolveConnectOptions,
  type ResolvedConnectionOptions,
} from './options.js';
import { CloseCode, encodeClosePayload } from './protocol/close-code.js';
import { EMPTY } from './protocol/frame.js';
import { makeClassicFace, toBytes, type WatershedConnection } from './watershed-connection.js';
import type { WebSocket } from './websocket/interface.js';

/**
 * Makes WebSocket connections out of HTTP upgrades that the caller drives with node:http: `accept` on a server,
 * `connect` on a client.
 *
 * Every method but `closeAll` exists on the class too; an instance adds defaults for its connections, and knows them.
 */
export class Watershed {
  static #shared: Watershed | undefined;

  readonly #defaults: ResolvedConnectionOptions;
  readonly #group = new ConnectionGroup();

  /**
   * @param options Defaults for the connections that this instance makes.
   * @throws TypeError, RangeError for an option that is unknown or wrong.
   */
  constructor(options?: ConnectionOptions) {
    this.#defaults = resolveConnectionOptions(options);
    setGroupOf(this, this.#group);
  }

  static get #instance(): Watershed {
    return (Watershed.#shared ??= new Watershed());
  }

  /**
   * Accepts an upgrade (RFC 6455 section 4.2): writes the 101 and returns the connection, with the arguments of
   * node:http's `'upgrade'` event. No event of the connection fires before this tick is over. When the handshake is
   * wrong nothing is written, and the socket remains the caller's: see {@link Watershed.reject}.
   * @param protocols The subprotocols that the server speaks. The first of the client's that is among them is chosen.
   * @throws HandshakeError when the request is no proper handshake or is refused, WatershedError when the socket has
   * ended already or the upgrade is answered already, TypeError or RangeError for a wrong argument or option.
   */
  accept(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    detached?: false | null | (AcceptOptions & { detached?: false | undefined }),
    protocols?: readonly string[] | null,
  ): WatershedConnection;
  /** With `detached` the handshake is done and the raw socket returned, with `head` put back and no listeners on it. */
  accept(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    detached: true | (AcceptOptions & { detached: true }),
    protocols?: readonly string[] | null,
  ): Duplex;
  accept(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    detached: boolean | AcceptOptions | null | undefined,
    protocols?: readonly string[] | null,
  ): WatershedConnection | Duplex;
  accept(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    detached?: boolean | AcceptOptions | null,
    protocols?: readonly string[] | null,
  ): WatershedConnection | Duplex {
    const options: AcceptOptions =
      typeof detached === 'object' && detached !== null
        ? detached
        : { detached: detached === true, protocols: protocols ?? undefined };
    // Without any there is nothing to check, which would take 2 µs.
    const hasOptions = (detached ?? protocols ?? undefined) !== undefined;
    const resolved = hasOptions ? resolveAcceptOptions(options, this.#defaults) : this.#defaults;
    checkSocket(socket);
    const handshake = acceptHandshake(req, {
      protocols: options.protocols,
      headers: options.headers,
      origin: options.origin,
      isSecure: socket instanceof TLSSocket,
      perMessageDeflate: resolved.perMessageDeflate,
      versionRequired: false,
    });
    if (options.detached === true) {
      socket.write(handshake.responseHead, 'latin1');
      return detach(socket, head ?? EMPTY);
    }
    const connection = new Connection(true, resolved, this.#group);
    const face = makeClassicFace(connection);
    connection.open(socket, head ?? EMPTY, handshake);
    take(socket);
    return face;
  }

  /** As the method of an instance, with the default options. */
  static readonly accept = ((...args: Parameters<Watershed['accept']>) =>
    Watershed.#instance.accept(...args)) as Watershed['accept'];

  /**
   * Takes the client's end of an upgrade (RFC 6455 section 4.1), with the arguments of `'upgrade'` on the request that
   * was made with {@link Watershed.requestHeaders} or the like. No event of the connection fires before this tick is
   * over. When the answer is wrong nothing is written, and the socket remains the caller's.
   * @param key What the request had as Sec-WebSocket-Key.
   * @throws HandshakeError when the response does not accept the handshake, WatershedError when the socket has ended
   * or is a connection's already, TypeError or RangeError for a wrong argument or option.
   */
  connect(
    res: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    key: string,
    detached?: false | null | (ConnectOptions & { detached?: false | undefined }),
  ): WatershedConnection;
  /** With `detached` the answer is checked and the raw socket returned, with `head` put back and no listeners on it. */
  connect(
    res: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    key: string,
    detached: true | (ConnectOptions & { detached: true }),
  ): Duplex;
  connect(
    res: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    key: string,
    detached: boolean | ConnectOptions | null | undefined,
  ): WatershedConnection | Duplex;
  connect(
    res: IncomingMessage,
    socket: Duplex,
    head: Buffer | null | undefined,
    key: string,
    detached?: boolean | ConnectOptions | null,
  ): WatershedConnection | Duplex {
    const options: ConnectOptions =
      typeof detached === 'object' && detached !== null
        ? detached
        : { detached: detached === true };
    const resolved = resolveConnectOptions(options, this.#defaults);
    checkSocket(socket);
    const handshake = checkResponse(res, key, {
      protocols: options.protocols,
      perMessageDeflate: resolved.perMessageDeflate,
    });
    if (options.detached === true) return detach(socket, head ?? EMPTY);
    const connection = new Connection(false, resolved, this.#group);
    const face = makeClassicFace(connection);
    connection.open(socket, head ?? EMPTY, handshake);
    take(socket);
    return face;
  }

  /** As the method of an instance, with the default options. */
  static readonly connect = ((...args: Parameters<Watershed['connect']>) =>
    Watershed.#instance.connect(...args)) as Watershed['connect'];

  /**
   * The header fields of a request that opens a connection (RFC 6455 section 4.1), for `http.request`.
   * @param key From {@link Watershed.generateKey}, a fresh one for each request.
   * @throws TypeError, RangeError for a key or an option that cannot stand in the header.
   */
  requestHeaders(key: string, options?: RequestOptions): Record<string, string> {
    return requestHeaders(key, { perMessageDeflate: this.#defaults.perMessageDeflate, ...options });
  }

  /** As the method of an instance, with the default options. */
  static requestHeaders(key: string, options?: RequestOptions): Record<string, string> {
    return requestHeaders(key, options);
  }

  /**
   * Refuses an upgrade: writes a whole HTTP response and ends the socket. Safe on a socket that is gone already. On one
   * that has been accepted it does nothing but warn, once (a process warning).
   * @param reason What `accept` threw, or an HTTP status from 300 to 599.
   * @throws TypeError, RangeError for a wrong argument; nothing is written then.
   */
  reject(socket: Duplex, reason: HandshakeError | number, options?: RejectOptions): void {
    reject(socket, reason, options);
  }

  /** As the method of an instance. */
  static reject(socket: Duplex, reason: HandshakeError | number, options?: RejectOptions): void {
    reject(socket, reason, options);
  }

  /**
   * Keeps a socket's errors from being uncaught while the caller decides, for instance while it looks up who is asking.
   * `accept` and `reject` take over from there.
   */
  guard(socket: Duplex): void {
    guard(socket);
  }

  /** As the method of an instance. */
  static guard(socket: Duplex): void {
    guard(socket);
  }

  /** A fresh value for Sec-WebSocket-Key: 16 random bytes in base64 (RFC 6455 section 4.1). */
  generateKey(): string {
    return generateKey();
  }

  /** As the method of an instance. */
  static generateKey(): string {
    return generateKey();
  }

  /**
   * Closes every connection that this instance has made and that is still there, and resolves when they are gone. Those
   * that are not after `timeout` milliseconds are destroyed.
   * @throws TypeError, RangeError for a wrong option.
   */
  closeAll(options: CloseAllOptions = {}): Promise<CloseAllResult> {
    checkCloseAllOptions(options);
    const { code = CloseCode.GOING_AWAY, reason = '', timeout = this.#defaults.closeTimeout } = options;
    encodeClosePayload(code, reason);
    return this.#group.closeAll(code, reason, timeout);
  }

  /**
   * Sends one message to many connections: a string as a text message, bytes as a binary one. The frame is encoded
   * once. Connections that are not open are left out.
   * @returns to how many connections it was handed
   * @throws TypeError for something that is no connection, or no message.
   */
  static broadcast(
    connections: Iterable<WatershedConnection | WebSocket>,
    data: string | ArrayBufferView | ArrayBuffer,
    options: BroadcastOptions = {},
  ): number {
    checkBroadcastOptions(options);
    if (typeof (connections as Partial<typeof connections> | undefined)?.[Symbol.iterator] !== 'function') {
      throw typeError('connections', 'an iterable of connections', connections);
    }
    const message = typeof data === 'string' ? data : toBytes('data', data);
    return broadcast([...connections].map(toConnection), message, options.skip === 'slow');
  }
}

function toConnection(face: WatershedConnection | WebSocket): Connection {
  const connection = connectionOf(face);
  if (connection === undefined) throw typeError('connections', 'an iterable of connections', face);
  return connection;
}

function detach(socket: Duplex, head: Buffer): Duplex {
  unguard(socket);
  if (socket instanceof Socket) {
    socket.setNoDelay(true);
    socket.setTimeout(0);
  }
  if (head.length > 0) socket.unshift(head);
  return socket;
}
