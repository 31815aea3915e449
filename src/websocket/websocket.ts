/**
 * The WHATWG face: the WebSocket interface (WebSockets Standard, https://websockets.spec.whatwg.org/), on both ends. It
 * translates and holds no protocol. The standard's steps stand as comments over the code that does them. What
 * TypeScript sees of it, and what its users read, is in interface.ts.
 */
import { Blob } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { typeError } from '../checks.js';
import { Connection } from '../connection/connection.js';
import type { ConnectionEnd, ConnectionListener } from '../connection/connection-listener.js';
import { addFaces, connectionOf } from '../connection/connection-of.js';
import { groupOf } from '../connection/connection-group.js';
import { COPY_LIMIT } from '../connection/frame-writer.js';
import { WatershedError } from '../errors.js';
import { resolveWebSocketOptions, type WebSocketInit, type WebSocketOptions } from '../handshake/client-options.js';
import { checkSocket, take } from '../handshake/guard.js';
import { openHandshake } from '../handshake/request.js';
import { acceptHandshake } from '../handshake/server.js';
import {
  type AcceptOptions,
  defaultConnectionOptions,
  resolveAcceptOptions,
  type ResolvedConnectionOptions,
} from '../options.js';
import type { WatershedConnection } from '../watershed-connection.js';
import { BufferedAmount } from './buffered-amount.js';
import {
  clampToUnsignedShort,
  isIterableObject,
  toDOMString,
  toMessage,
  toProtocols,
  toUSVString,
} from './conversions.js';
import { defineInterface } from './define-interface.js';
import { EventHandlers } from './event-handlers.js';
import {
  chainToPlatform,
  createCloseEvent,
  createErrorEvent,
  createEvent,
  createMessageEvent,
  type MessageAttributes,
  messageAttributes,
} from './events.js';
import type { WebSocket as WebSocketInterface, WebSocketAcceptOptions } from './interface.js';
import { warnOfObject } from './object-warning.js';
import { TaskQueue } from './task-queue.js';
import { checkProtocols, getURLRecord, requestURL } from './url.js';

/** A message that has been received, or anything else that happens in a task of its own. */
type Task = string | Buffer | (() => void);

/** Says to the constructor that there is a connection already. */
const ADOPT = Symbol('adopt');

/** As browsers do, a client offers compression. */
const clientDefaults: ResolvedConnectionOptions = { ...defaultConnectionOptions, perMessageDeflate: {} };

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** The longest reason, in bytes (WebSockets Standard section 3.1, `close`). */
const MAX_REASON_LENGTH = 123;

/**
 * What a connection reports, for a WebSocket. One object for each: a closure for each report would be 700 bytes. Its class
 * is made inside WebSocket, whose private fields it knows.
 */
let Reporter: new (face: WebSocket) => ConnectionListener;

export class WebSocket extends EventTarget {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSING = CLOSING;
  static readonly CLOSED = CLOSED;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  readonly #url: string;
  /** Of every message event; the first one needs it. */
  #attributes: MessageAttributes | undefined;
  readonly #connection: Connection;
  readonly #bufferedAmount: BufferedAmount;
  readonly #tasks: TaskQueue<Task>;
  readonly #handlers = new EventHandlers(this);
  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #protocol = '';
  #extensions = '';
  #binaryType: WebSocketInterface['binaryType'] = 'blob';
  /** Why the connection was failed, if it was. */
  #error: Error | undefined;

  static {
    addFaces((face) => (#connection in face ? face.#connection : undefined));

    Reporter = class implements ConnectionListener {
      readonly #face: WebSocket;

      constructor(face: WebSocket) {
        this.#face = face;
      }

      onOpen(): void {
        this.#face.#tasks.push(this.#face.#opened);
      }

      onText(text: string): void {
        this.#face.#receive(text);
      }

      onBinary(data: Buffer): void {
        this.#face.#receive(data);
      }

      onPing(): void {
        // The standard has no such event, nor the next two.
      }

      onPong(): void {
        // See above.
      }

      onDrain(): void {
        // See above.
      }

      onWritten(bytes: number): void {
        this.#face.#bufferedAmount.written(bytes);
      }

      onClosing(): void {
        if (this.#face.#readyState < CLOSING) this.#face.#tasks.push(this.#face.#closingStarted);
      }

      onError(error: Error): void {
        // What fails a connection is the handshake, the peer or a message; an error of its transport only loses it.
        const isFailure = error instanceof WatershedError || this.#face.#connection.socket === undefined;
        if (isFailure) this.#face.#error = error;
      }

      onReset(reason: WatershedError): void {
        // The standard's "flagged as full": the one loss that is reported as an error.
        if (reason.code === 'WATERSHED_BUFFER_LIMIT') this.#face.#error = reason;
      }

      onEnd(end: ConnectionEnd): void {
        this.#face.#tasks.push(() => { this.#face.#closed(end); });
      }
    };
  }

  constructor(
    url: string | URL,
    ...[protocols = [], options]: [
      protocols?: string | Iterable<string> | WebSocketInit,
      options?: WebSocketOptions | null,
    ]
  ) {
    super();
    if (arguments.length === 0) throw new TypeError('WebSocket: 1 argument required, but only 0 present: the URL');
    if ((url as unknown) === ADOPT) {
      this.#connection = protocols as unknown as Connection;
      this.#url = this.#connection.url;
    } else {
      const usvURL = toUSVString(url);
      const init = isDictionary(protocols) ? protocols : undefined;
      const requested = toProtocols(init === undefined ? protocols : (init.protocols ?? []));
      // 1. Let baseURL be this's relevant settings object's API base URL.
      // 2. Let urlRecord be the result of getting a URL record given url and baseURL.
      const urlRecord = getURLRecord(usvURL);
      // 3. If protocols is a string, set protocols to a sequence consisting of just that string.
      // 4. If any of the values in protocols occur more than once or otherwise fail to match the requirements […],
      //    then throw a "SyntaxError" DOMException.
      checkProtocols(requested);
      const isDefault = init === undefined && (options === undefined || options === null);
      const clientOptions: WebSocketOptions = isDefault ? {} : omitProtocols({ ...options, ...init });
      const resolved = resolveWebSocketOptions(clientOptions, clientDefaults);
      this.#connection = new Connection(false, resolved);
      // 5. Set this's url to urlRecord.
      this.#url = urlRecord.href;
      this.#connection.url = this.#url;
      // 7.1. Establish a WebSocket connection given urlRecord, protocols, and client.
      const connection = this.#connection;
      const { perMessageDeflate = false } = resolved;
      connection.beginOpening(
        openHandshake(urlRecord, requested, { ...clientOptions, perMessageDeflate }, {
          onEstablished: (established) => { connection.open(established.socket, established.head, established); },
          onFailure: (error) => { connection.failOpening(error); },
        }),
      );
    }
    const connection = this.#connection;
    chainToPlatform();
    this.#bufferedAmount = new BufferedAmount(connection);
    // What the handlers of one batch send leaves together, after the last event.
    this.#tasks = new TaskQueue(connection, this.#perform);
    this.#attach();
  }

  static accept(req: IncomingMessage, socket: Duplex, head: Buffer, options: WebSocketAcceptOptions = {}): WebSocket {
    const { watershed, detached, ...acceptOptions }: WebSocketAcceptOptions & Pick<AcceptOptions, 'detached'> = options;
    if (detached === true) throw new TypeError('options.detached must not be true: a WebSocket keeps its socket');
    const group = watershed === undefined ? undefined : groupOf(watershed);
    if (watershed !== undefined && group === undefined) throw typeError('options.watershed', 'a Watershed', watershed);
    const resolved = resolveAcceptOptions(acceptOptions, defaultConnectionOptions);
    checkSocket(socket);
    const isSecure = socket instanceof TLSSocket;
    const { protocols, headers, origin } = acceptOptions;
    const { perMessageDeflate } = resolved;
    const handshake = acceptHandshake(req, {
      ...{ protocols, headers, origin, isSecure, perMessageDeflate },
      versionRequired: true,
    });
    const connection = new Connection(true, resolved, group);
    connection.url = requestURL(req, isSecure);
    const webSocket = WebSocket.#adopt(connection);
    connection.open(socket, head, handshake);
    take(socket);
    return webSocket;
  }

  static from(connection: WatershedConnection): WebSocket {
    const engine = connectionOf(connection);
    if (engine === undefined) throw typeError('connection', 'a WatershedConnection', connection);
    return (engine.standardFace as WebSocket | undefined) ?? WebSocket.#adopt(engine);
  }

  static #adopt(connection: Connection): WebSocket {
    return new WebSocket(ADOPT as never, connection as never);
  }

  get url(): string {
    return this.#url;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  get bufferedAmount(): number {
    return this.#bufferedAmount.value;
  }

  get extensions(): string {
    return this.#extensions;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get binaryType(): WebSocketInterface['binaryType'] {
    return this.#binaryType;
  }

  set binaryType(value: WebSocketInterface['binaryType']) {
    if (!(#binaryType in this)) throw new TypeError('Illegal invocation');
    const type = toDOMString(value);
    // An attribute whose type is an enumeration ignores what is not in it (Web IDL section 3.7.6).
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type;
  }

  get onopen(): WebSocketInterface['onopen'] {
    return this.#handlers.get('open') as WebSocketInterface['onopen'];
  }

  set onopen(value: unknown) {
    this.#handlers.set('open', value);
  }

  get onerror(): WebSocketInterface['onerror'] {
    return this.#handlers.get('error') as WebSocketInterface['onerror'];
  }

  set onerror(value: unknown) {
    this.#handlers.set('error', value);
  }

  get onclose(): WebSocketInterface['onclose'] {
    return this.#handlers.get('close') as WebSocketInterface['onclose'];
  }

  set onclose(value: unknown) {
    this.#handlers.set('close', value);
  }

  get onmessage(): WebSocketInterface['onmessage'] {
    return this.#handlers.get('message') as WebSocketInterface['onmessage'];
  }

  set onmessage(value: unknown) {
    this.#handlers.set('message', value);
  }

  close(...[code, reason]: [code?: number, reason?: string]): void {
    if (!(#readyState in this)) throw new TypeError('Illegal invocation');
    let closeCode = code === undefined ? undefined : clampToUnsignedShort(code);
    const closeReason = reason === undefined ? '' : toUSVString(reason);
    // 1. If code is present, but is neither an integer equal to 1000 nor an integer in the range 3000 to 4999,
    //    inclusive, throw an "InvalidAccessError" DOMException.
    if (closeCode !== undefined && closeCode !== 1000 && (closeCode < 3000 || closeCode > 4999)) {
      const message = `The close code must be 1000 or 3000 to 4999, but is ${String(closeCode)}`;
      throw new DOMException(message, 'InvalidAccessError');
    }
    // 2. If reason is present, then: 2.2. If reasonBytes is longer than 123 bytes, then throw a "SyntaxError".
    if (Buffer.byteLength(closeReason) > MAX_REASON_LENGTH) {
      throw new DOMException(`The reason must be at most ${String(MAX_REASON_LENGTH)} bytes of UTF-8`, 'SyntaxError');
    }
    // 3. If this's ready state is CLOSING (2) or CLOSED (3): do nothing.
    if (this.#readyState === CLOSING || this.#readyState === CLOSED) return;
    // 3. If the WebSocket connection is not yet established: fail the WebSocket connection and set the ready state to
    //    CLOSING. If the closing handshake has not yet been started: start it, and set the ready state to CLOSING.
    if (closeReason !== '') closeCode ??= 1000;
    this.#readyState = CLOSING;
    this.#connection.close(closeCode, closeReason);
  }

  send(data: unknown): void {
    if (arguments.length === 0) throw new TypeError('send: 1 argument required, but only 0 present: the data');
    const message = toMessage(data);
    if (typeof message === 'string' && message !== data) warnOfObject(data, message);
    // 1. If this's ready state is CONNECTING, then throw an "InvalidStateError" DOMException.
    if (this.#readyState === CONNECTING) {
      throw new DOMException('The connection is not open yet: wait for the open event', 'InvalidStateError');
    }
    // 2. Run the appropriate set of steps: if the connection is established and the closing handshake has not been
    //    started, send a message; in any case, increase bufferedAmount by its length in bytes.
    const isSendable = this.#readyState === OPEN && this.#connection.readyState === OPEN;
    if (typeof message === 'string') {
      if (isSendable) this.#connection.sendText(message);
      else this.#bufferedAmount.drop(Buffer.byteLength(message));
    } else if (message instanceof Blob) {
      if (isSendable) this.#connection.sendBlob(message);
      else this.#bufferedAmount.drop(message.size);
    } else if (isSendable) {
      // What is sent is what the bytes were at the call: above the limit a server's connection would refer to them.
      const isSnapshotNeeded = this.#connection.isServer && message.length > COPY_LIMIT;
      this.#connection.sendBinary(isSnapshotNeeded ? message.slice() : message);
    } else {
      this.#bufferedAmount.drop(message.length);
    }
  }

  /** Lets the WebSocket keep the process alive, as it does by default until it is closed. */
  [Symbol.for('nodejs.ref')](): void {
    this.#connection.setRef(true);
  }

  /** Lets the process end though the WebSocket is not closed. */
  [Symbol.for('nodejs.unref')](): void {
    this.#connection.setRef(false);
  }

  #attach(): void {
    const connection = this.#connection;
    connection.standardFace = this;
    connection.inbound.useArrayBuffers();
    connection.attach(new Reporter(this));
    if (connection.readyState === OPEN) this.#tasks.push(this.#opened);
    else if (connection.readyState !== CONNECTING) this.#readyState = connection.readyState;
  }

  // "When the WebSocket connection is established" (section 4, feedback from the protocol)
  readonly #opened = (): void => {
    // close() was called meanwhile.
    if (this.#readyState !== CONNECTING) return;
    // 1. Change the ready state to OPEN (1).
    this.#readyState = OPEN;
    // 2. Change the extensions attribute's value to the extensions in use, if it is not the null value.
    this.#extensions = this.#connection.extensions;
    // 3. Change the protocol attribute's value to the subprotocol in use, if it is not the null value.
    this.#protocol = this.#connection.subprotocol ?? '';
    // 4. Fire an event named open at the WebSocket object.
    this.#fire(createEvent('open'));
  };

  // "When a WebSocket message has been received with type type and data data"
  #receive(data: string | Buffer): void {
    // The first message of a chunk comes in a turn of the event loop of its own already.
    if (this.#tasks.isIdle && this.#connection.takeTurn()) this.#messageReceived(data);
    else this.#tasks.push(data);
  }

  readonly #perform = (task: Task): void => {
    if (typeof task === 'function') task();
    else this.#messageReceived(task);
  };

  #messageReceived(data: string | Buffer): void {
    // 1. If ready state is not OPEN (1), then return.
    if (this.#readyState !== OPEN) return;
    // 2. Let dataForEvent be determined by switching on type and binary type.
    const dataForEvent =
      typeof data === 'string' ? data : this.#binaryType === 'blob' ? new Blob([data]) : toArrayBuffer(data);
    // 3. Fire an event named message at the WebSocket object, using MessageEvent, with the origin attribute
    //    initialized to the serialization of the WebSocket object's url's origin, and the data attribute initialized to
    //    dataForEvent.
    this.#attributes ??= messageAttributes(this.#url === '' ? '' : new URL(this.#url).origin);
    this.#fire(createMessageEvent(dataForEvent, this.#attributes));
  }

  #fire(event: Event): void {
    // Whatever a program has put in the place of the method, or of the prototype.
    EventTarget.prototype.dispatchEvent.call(this, event);
  }

  // "When the WebSocket closing handshake is started"
  readonly #closingStarted = (): void => {
    if (this.#readyState === OPEN) this.#readyState = CLOSING;
  };

  // "When the WebSocket connection is closed, possibly cleanly"
  #closed({ close, wasClean }: ConnectionEnd): void {
    // 1. Change the ready state to CLOSED (3).
    this.#readyState = CLOSED;
    // 2. If the user agent was required to fail the WebSocket connection, or if the WebSocket connection was closed
    //    after being flagged as full, fire an event named error at the WebSocket object.
    if (this.#error !== undefined) this.#fire(createErrorEvent(this.#error));
    // 3. Fire an event named close at the WebSocket object, using CloseEvent.
    const code = close === undefined ? 1006 : (close.code ?? 1005);
    const fireClose = (): void => {
      this.#fire(createCloseEvent(wasClean, code, close?.reason ?? ''));
    };
    // Between the two events the microtasks run, as they do in a browser when a listener has returned.
    if (this.#error === undefined) fireClose();
    else this.#tasks.push(fireClose);
  }
}

/** The bytes in an ArrayBuffer of their own. */
function toArrayBuffer(data: Buffer): ArrayBuffer {
  if (data.byteLength === data.buffer.byteLength) return data.buffer as ArrayBuffer;
  const buffer = new ArrayBuffer(data.byteLength);
  new Uint8Array(buffer).set(data);
  return buffer;
}

/** A `protocols` among the options is what was read already, or is ignored. */
function omitProtocols(options: WebSocketInit): WebSocketOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'protocols'));
}

/** Options in the place of the subprotocols: an object that is neither iterable nor a function. */
function isDictionary(value: unknown): value is WebSocketInit {
  return typeof value === 'object' && value !== null && !isIterableObject(value);
}

defineInterface(WebSocket, 'WebSocket', {
  members: [
    'url',
    'readyState',
    'bufferedAmount',
    'onopen',
    'onerror',
    'onclose',
    'extensions',
    'protocol',
    'close',
    'onmessage',
    'binaryType',
    'send',
  ],
  constants: { CONNECTING, OPEN, CLOSING, CLOSED },
});
