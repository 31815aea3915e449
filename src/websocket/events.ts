/**
 * The events of the WHATWG face: real events, built by the platform's Event constructor. They know no connection.
 *
 * Their prototypes chain to the platform's MessageEvent and CloseEvent where it has them, so that `instanceof` holds
 * for both, while the constructor that runs is that of Event: up to eight times cheaper than the platform's
 * MessageEvent.
 */
import { inspect, type InspectOptions } from 'node:util';
import { isIterableObject, toDOMString, toUnsignedShort, toUSVString } from './conversions.js';
import { defineInterface } from './define-interface.js';

/** DOM Standard section 2.2; not every version of the platform's types has it. */
export interface EventInit {
  /** Whether it bubbles, which has no effect on a target without parents. */
  readonly bubbles?: boolean;
  /** Whether `preventDefault` has an effect. */
  readonly cancelable?: boolean;
  /** Whether it leaves a shadow tree. */
  readonly composed?: boolean;
}

/** What a MessageEvent is made of (HTML Standard section 9.1). */
export interface MessageEventInit<T = unknown> extends EventInit {
  /** The message: null by default. */
  readonly data?: T;
  /** Where it comes from: an origin, or empty. */
  readonly origin?: string;
  /** The identifier of a server-sent event, or empty. */
  readonly lastEventId?: string;
  /** Who sent it, where that is a window, a port or a service worker. */
  readonly source?: Source;
  /** The ports that came with it. */
  readonly ports?: Iterable<Ports[number]>;
}

/** What a CloseEvent is made of (WebSockets Standard section 6). */
export interface CloseEventInit extends EventInit {
  /** Whether the closing handshake was completed: false by default. */
  readonly wasClean?: boolean;
  /** The close code: 0 by default. */
  readonly code?: number;
  /** The reason: empty by default. */
  readonly reason?: string;
}

type Ports = globalThis.MessageEvent['ports'];
type Source = globalThis.MessageEvent['source'];

const NO_PORTS: Ports = Object.freeze([]);

/** What a MessageEvent has beside its data: all those of one WebSocket share it. */
export interface MessageAttributes {
  readonly origin: string;
  readonly lastEventId: string;
  readonly source: Source;
  readonly ports: Ports;
  /** Whether no script has made the event. */
  readonly isTrusted: boolean;
}

const NO_ATTRIBUTES: MessageAttributes = {
  origin: '',
  lastEventId: '',
  source: null,
  ports: NO_PORTS,
  isTrusted: false,
};

/** The attributes of the messages from a WebSocket. */
export function messageAttributes(origin: string): MessageAttributes {
  return { ...NO_ATTRIBUTES, origin, isTrusted: true };
}

/** Fast constructors for the face, which convert nothing. */
export let createMessageEvent: (data: unknown, attributes: MessageAttributes) => MessageEvent;
export let createCloseEvent: (wasClean: boolean, code: number, reason: string) => CloseEvent;

/** A message that was received (HTML Standard section 9.1). */
export class MessageEvent<T = unknown> extends Event {
  #data: unknown = null;
  #attributes = NO_ATTRIBUTES;

  static {
    createMessageEvent = (data, attributes) => {
      const event = new MessageEvent('message');
      event.#data = data;
      event.#attributes = attributes;
      return event;
    };
  }

  constructor(type: string, eventInitDict: MessageEventInit<T> | null = {}) {
    super(type, eventInitDict ?? {});
    chainToPlatform();
    // Nearly every one is made by the face, without a dictionary.
    if (arguments.length === 1) return;
    requireType(arguments.length);
    // The members of a dictionary are read and converted one by one, by name (Web IDL section 3.2.17).
    const init: Partial<Record<keyof MessageEventInit, unknown>> = eventInitDict ?? {};
    const { data = null } = init;
    this.#data = data;
    const { lastEventId = '' } = init;
    const convertedId = toDOMString(lastEventId);
    const { origin = '' } = init;
    const convertedOrigin = toUSVString(origin);
    const { ports = NO_PORTS } = init;
    const convertedPorts = toPorts(ports);
    const { source = null } = init;
    this.#attributes = {
      origin: convertedOrigin,
      lastEventId: convertedId,
      source: toSource(source),
      ports: convertedPorts,
      isTrusted: false,
    };
  }

  /** The message: a string, a Blob or an ArrayBuffer. */
  get data(): T {
    return this.#data as T;
  }

  /** The origin of the WebSocket's URL. */
  get origin(): string {
    return this.#attributes.origin;
  }

  get lastEventId(): string {
    return this.#attributes.lastEventId;
  }

  get source(): Source {
    return this.#attributes.source;
  }

  get ports(): Ports {
    return this.#attributes.ports;
  }

  override get isTrusted(): boolean {
    return this.#attributes.isTrusted;
  }

  /** @deprecated Use the constructor. */
  initMessageEvent(
    type: string,
    bubbles = false,
    cancelable = false,
    data: unknown = null,
    origin = '',
    lastEventId = '',
    source: Source = null,
    ports: Iterable<Ports[number]> = NO_PORTS,
  ): void {
    if (!(#data in this)) throw new TypeError('Illegal invocation');
    requireType(arguments.length);
    const convertedType = toDOMString(type);
    const attributes: MessageAttributes = {
      origin: toUSVString(origin),
      lastEventId: toDOMString(lastEventId),
      source: toSource(source),
      ports: toPorts(ports),
      isTrusted: false,
    };
    // An event that is being dispatched is left as it is (DOM Standard section 2.2).
    if (this.eventPhase !== 0) return;
    this.#data = data;
    this.#attributes = attributes;
    this.initEvent(convertedType, bubbles, cancelable);
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return show('MessageEvent', this, { data: this.#data, origin: this.origin }, depth, options);
  }
}

/** A connection that was closed (WebSockets Standard section 6). */
export class CloseEvent extends Event {
  #wasClean = false;
  #code = 0;
  #reason = '';
  #isTrusted = false;

  static {
    createCloseEvent = (wasClean, code, reason) => {
      const event = new CloseEvent('close');
      event.#wasClean = wasClean;
      event.#code = code;
      event.#reason = reason;
      event.#isTrusted = true;
      return event;
    };
  }

  constructor(type: string, eventInitDict: CloseEventInit | null = {}) {
    super(type, eventInitDict ?? {});
    chainToPlatform();
    if (arguments.length === 1) return;
    requireType(arguments.length);
    const init: Partial<Record<keyof CloseEventInit, unknown>> = eventInitDict ?? {};
    const { code = 0 } = init;
    this.#code = toUnsignedShort(code);
    const { reason = '' } = init;
    this.#reason = toUSVString(reason);
    const { wasClean = false } = init;
    this.#wasClean = Boolean(wasClean);
  }

  /** Whether the closing handshake was completed (RFC 6455 section 7.1.4). */
  get wasClean(): boolean {
    return this.#wasClean;
  }

  /** The peer's close code; 1005 if its CLOSE had none, 1006 if no CLOSE came. */
  get code(): number {
    return this.#code;
  }

  /** The peer's reason. */
  get reason(): string {
    return this.#reason;
  }

  override get isTrusted(): boolean {
    return this.#isTrusted;
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    const { code, reason, wasClean } = this;
    return show('CloseEvent', this, { code, reason, wasClean }, depth, options);
  }
}

/** A plain Event but for its prototype, which says that no script has made it. */
class TrustedEvent extends Event {
  static {
    Object.defineProperty(this.prototype, 'constructor', { value: Event, configurable: true, writable: true });
  }

  override get isTrusted(): boolean {
    return true;
  }
}

/** Makes an event of the platform's own class for the face to fire. */
export function createEvent(type: string): Event {
  return new TrustedEvent(type);
}

/** The `error` event of a WebSocket: a plain Event, as the standard has it, that says what went wrong. */
export interface WebSocketErrorEvent extends Event {
  /** What went wrong: a refused connection, a failed handshake with its status, a protocol error. */
  readonly error: Error;
  /** The error's message. */
  readonly message: string;
}

/**
 * Makes an `error` event. The two properties are its own and not enumerable, so that it stays a plain Event to whoever
 * does not ask.
 */
export function createErrorEvent(error: Error): WebSocketErrorEvent {
  const event = createEvent('error');
  const message = error.message === '' ? error.name : error.message;
  Object.defineProperties(event, {
    error: { value: error, configurable: true, writable: true },
    message: { value: message, configurable: true, writable: true },
    [inspect.custom]: {
      value: (depth: number, options: InspectOptions) => show('Event', event, { message, error }, depth, options),
      configurable: true,
      writable: true,
    },
  });
  return event as WebSocketErrorEvent;
}

function show(name: string, event: Event, own: object, depth: number, options: InspectOptions): string {
  const fields = { type: event.type, ...own };
  return depth < 0 ? `[${name}]` : `${name} ${inspect(fields, { ...options, depth: options.depth ?? 2 })}`;
}

function requireType(argumentCount: number): void {
  if (argumentCount === 0) throw new TypeError('1 argument required, but only 0 present: the type');
}

function toPorts(value: unknown): Ports {
  if (!isIterableObject(value)) throw new TypeError('ports must be iterable');
  const ports = Array.from(value);
  if (!ports.every(isPort)) throw new TypeError('ports must hold MessagePorts alone');
  return Object.freeze(ports);
}

function toSource(value: unknown): Source {
  if (value === null || value === undefined) return null;
  if (isPort(value)) return value;
  throw new TypeError('source must be a MessagePort or null');
}

/** Node has no windows and no service workers: what is left of the standard's types is a port. */
function isPort(value: unknown): value is Ports[number] {
  return value instanceof MessagePort;
}

defineInterface(MessageEvent, 'MessageEvent', {
  members: ['data', 'origin', 'lastEventId', 'source', 'ports', 'isTrusted', 'initMessageEvent'],
});
defineInterface(CloseEvent, 'CloseEvent', { members: ['wasClean', 'code', 'reason', 'isTrusted'] });

let isChained = false;

/**
 * Puts the platform's classes above ours, where it has them. Not before somebody has a use for it: from Node 22 on the
 * first look at them loads undici, which takes 40 ms and 7 MB.
 */
export function chainToPlatform(): void {
  if (isChained) return;
  isChained = true;
  const platform = globalThis as Readonly<Record<string, unknown>>;
  // Where there is none (`--jitless`), the undici of Node 22 would end the process.
  if (platform['WebAssembly'] === undefined) return;
  for (const ours of [MessageEvent, CloseEvent]) {
    const theirs = platform[ours.name];
    if (typeof theirs === 'function') Object.setPrototypeOf(ours.prototype, theirs.prototype as object);
  }
}
