/**
 * The standard face as TypeScript sees it: WebSocket, MessageEvent and CloseEvent, declared so that each is assignable
 * to the platform's own, with `lib.dom` and with `@types/node`. It holds no code: the classes behind it do.
 *
 * Interfaces, because a class's private members would make it a type that nothing else is assignable to. A handler is
 * read as a function that can be called with the platform's events, and written as one that is called with ours.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketInit, WebSocketOptions } from '../handshake/client-options.js';
import type { AcceptOptions } from '../options.js';
import type { Watershed } from '../watershed.js';
import type { WatershedConnection } from '../watershed-connection.js';
import { CloseEvent as CloseEventClass, MessageEvent as MessageEventClass } from './events.js';
import type { CloseEventInit, MessageEventInit, WebSocketErrorEvent } from './events.js';
import { WebSocket as WebSocketClass } from './websocket.js';

/** The events of a {@link WebSocket}, by type. */
export interface WebSocketEventMap {
  /** The connection is open. */
  open: Event;
  /** A message was received. */
  message: MessageEvent;
  /** The connection was failed: the handshake, the protocol or a limit. `close` follows. */
  error: WebSocketErrorEvent;
  /** The connection is closed: the last event. */
  close: CloseEvent;
}

/** Options of `WebSocket.accept`. */
export interface WebSocketAcceptOptions extends Omit<AcceptOptions, 'detached'> {
  /** The instance whose `closeAll` closes this connection too. */
  readonly watershed?: Watershed | undefined;
}

/**
 * A WebSocket connection (WebSockets Standard section 3): the client's end made by the constructor, the server's by
 * `accept`. Code that was written for a browser's WebSocket runs on it unchanged.
 * @class
 */
export const WebSocket: {
  /**
   * Opens a connection. It never throws for what the network does: that comes as `error` and `close`.
   * @param url `ws:`, `wss:`, `http:` or `https:`; or `ws+unix:/path/of/socket:/path` for a Unix socket.
   * @param protocols The subprotocols to ask for, or options with `protocols` among them.
   * @param options What only Node has; see {@link WebSocketOptions}. A `protocols` in it is ignored.
   * @throws SyntaxError DOMException for a wrong URL or subprotocol, TypeError or RangeError for a wrong option.
   */
  new (
    url: string | URL,
    protocols?: string | Iterable<string> | WebSocketInit,
    options?: WebSocketOptions | null,
  ): WebSocket;
  readonly prototype: WebSocket;
  /**
   * Accepts an upgrade (RFC 6455 section 4.2) with the arguments of node:http's `'upgrade'` event: writes the 101 and
   * returns the server's end, which is CONNECTING and fires `open` like any other. When the handshake is wrong nothing
   * is written, and the socket remains the caller's.
   * @throws HandshakeError when the request is no proper handshake or is refused, WatershedError when the socket is
   * destroyed already, TypeError or RangeError for a wrong option.
   */
  accept(req: IncomingMessage, socket: Duplex, head: Buffer, options?: WebSocketAcceptOptions): WebSocket;
  /**
   * The standard face of a classic connection: the same connection, and always the same object for it. It starts
   * CONNECTING and fires `open` before anything else.
   * @throws TypeError for something that is no connection of this library.
   */
  from(connection: WatershedConnection): WebSocket;
  /** 0 */
  readonly CONNECTING: 0;
  /** 1 */
  readonly OPEN: 1;
  /** 2 */
  readonly CLOSING: 2;
  /** 3 */
  readonly CLOSED: 3;
} = WebSocketClass;

export interface WebSocket extends EventTarget {
  /** The URL, as it was resolved; empty when it is not known. */
  readonly url: string;
  /** 0 CONNECTING, 1 OPEN, 2 CLOSING, 3 CLOSED. It changes only between events, and in `close`. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** The bytes given to `send` that the network has not taken yet, and those that it never will. */
  readonly bufferedAmount: number;
  /** The extensions in use, as the server's header names them; empty until open. */
  readonly extensions: string;
  /** The subprotocol in use; empty until open, or when there is none. */
  readonly protocol: string;
  /**
   * How binary messages are delivered. A value that is neither is ignored.
   * @defaultValue `'blob'`
   */
  binaryType: 'blob' | 'arraybuffer';

  /** The handler of `open`, or null. */
  get onopen(): ((this: globalThis.WebSocket, event: Event) => unknown) | null;
  /** Replaces the handler of `open`, in its place among the listeners; null takes it away. */
  set onopen(handler: ((this: WebSocket, event: Event) => unknown) | null | undefined);
  /** The handler of `message`, or null. */
  get onmessage(): ((this: globalThis.WebSocket, event: globalThis.MessageEvent) => unknown) | null;
  /** Replaces the handler of `message`, in its place among the listeners; null takes it away. */
  set onmessage(handler: ((this: WebSocket, event: MessageEvent) => unknown) | null | undefined);
  /** The handler of `error`, or null. */
  get onerror(): ((this: globalThis.WebSocket, event: Event) => unknown) | null;
  /** Replaces the handler of `error`, in its place among the listeners; null takes it away. */
  set onerror(handler: ((this: WebSocket, event: WebSocketErrorEvent) => unknown) | null | undefined);
  /** The handler of `close`, or null. */
  get onclose(): ((this: globalThis.WebSocket, event: CloseEvent) => unknown) | null;
  /** Replaces the handler of `close`, in its place among the listeners; null takes it away. */
  set onclose(handler: ((this: WebSocket, event: CloseEvent) => unknown) | null | undefined);

  /**
   * Sends a message: a string as text, a Blob, an ArrayBuffer or a view as binary; anything else is made a string. The
   * bytes are taken as they are at the call. Once the connection is closing the message is dropped.
   * @throws InvalidStateError DOMException while CONNECTING, TypeError for a shared or resizable buffer.
   */
  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void;
  /**
   * Closes the connection, after what was sent before. `close` follows.
   * @param code 1000 or 3000 to 4999. Without it the CLOSE is empty, or has 1000 if there is a reason.
   * @param reason At most 123 bytes of UTF-8.
   * @throws InvalidAccessError DOMException for another code, SyntaxError DOMException for a longer reason.
   */
  close(code?: number, reason?: string): void;

  /** Adds a listener (DOM Standard section 2.7). */
  addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown,
    options?: Parameters<EventTarget['addEventListener']>[2],
  ): void;
  /** Adds a listener for an event of any other type. */
  addEventListener(
    type: string,
    listener: Parameters<EventTarget['addEventListener']>[1],
    options?: Parameters<EventTarget['addEventListener']>[2],
  ): void;
  /** Removes a listener (DOM Standard section 2.7). */
  removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown,
    options?: Parameters<EventTarget['removeEventListener']>[2],
  ): void;
  /** Removes a listener of an event of any other type. */
  removeEventListener(
    type: string,
    listener: Parameters<EventTarget['removeEventListener']>[1],
    options?: Parameters<EventTarget['removeEventListener']>[2],
  ): void;

  /** 0 */
  readonly CONNECTING: 0;
  /** 1 */
  readonly OPEN: 1;
  /** 2 */
  readonly CLOSING: 2;
  /** 3 */
  readonly CLOSED: 3;
}

/**
 * A message that was received (HTML Standard section 9.1). It is an instance of the platform's MessageEvent too.
 * `data` is a string, a Blob or an ArrayBuffer.
 * @class
 */
export const MessageEvent: {
  /** Makes an event to dispatch (HTML Standard section 9.1). */
  new <T>(type: string, eventInitDict?: MessageEventInit<T>): MessageEvent<T>;
  readonly prototype: MessageEvent;
} = MessageEventClass;

export interface MessageEvent<T = globalThis.MessageEvent['data']> extends Event {
  /** The message. */
  readonly data: T;
  /** The origin of the WebSocket's URL. */
  readonly origin: string;
  /** Empty for a WebSocket's. */
  readonly lastEventId: string;
  /** Null for a WebSocket's. */
  readonly source: globalThis.MessageEvent['source'];
  /** None for a WebSocket's. */
  readonly ports: globalThis.MessageEvent['ports'];
  /** @deprecated Use the constructor. */
  initMessageEvent(...args: Parameters<globalThis.MessageEvent['initMessageEvent']>): void;
}

/**
 * A connection that was closed (WebSockets Standard section 6). It is an instance of the platform's CloseEvent, if any.
 * @class
 */
export const CloseEvent: {
  /** Makes an event to dispatch (WebSockets Standard section 6). */
  new (type: string, eventInitDict?: CloseEventInit): CloseEvent;
  readonly prototype: CloseEvent;
} = CloseEventClass;

export interface CloseEvent extends Event {
  /** Whether the closing handshake was completed (RFC 6455 section 7.1.4). */
  readonly wasClean: boolean;
  /** The peer's close code; 1005 if its CLOSE had none, 1006 if no CLOSE came. */
  readonly code: number;
  /** The peer's reason. */
  readonly reason: string;
}
