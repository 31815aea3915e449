/**
 * One end of a connection in these tests, whichever face it has: it sends numbered messages, and writes down what came
 * of them, what arrived, and what was reported. It knows no fault.
 */
import { type MessageEvent, WatershedConnection, WebSocket } from '../../src/index.js';
import { randomNumbers } from './random.js';

export type Message = string | Buffer;

/** A message that was given to `send`. */
export interface Sent {
  readonly message: Message;
  /** What its callback was called with: once, if all is well. Of no use on the standard face, which has none. */
  readonly calls: (Error | undefined)[];
}

export type Role = 'server' | 'client';
export type Face = 'classic' | 'standard';

/** Bytes of a small message. */
const SMALL = 200;
/** Bytes of a large one: far above every limit at which the library does something else. */
export const LARGE = 256 * 1024;

/** What messages are made of, ASCII: compression makes three quarters of it. */
const random = randomNumbers(0);
const filler = Buffer.from(Array.from({ length: LARGE + 65_536 }, () => 32 + Math.floor(random() * 64)));

export abstract class End {
  readonly role: Role;
  abstract readonly face: Face;
  readonly sent: Sent[] = [];
  readonly received: Message[] = [];
  /** What was reported, but for messages, pongs and drains: the names of the events. */
  readonly events: string[] = [];
  /** The code of the peer's CLOSE; undefined while none came. */
  closeCode: number | undefined;
  /** Whether the end was reported as clean; undefined where the face does not say. */
  wasClean: boolean | undefined;
  /** What was still buffered at the end. */
  bufferedAtEnd = 0;
  /** Whether `close` was called, so that the standard face delivers nothing more. */
  hasClosed = false;
  /** Whether a `send` has returned false, and no drain has followed. */
  needsDrain = false;
  #wake: (() => void)[] = [];

  constructor(role: Role) {
    this.role = role;
  }

  abstract get isOpen(): boolean;
  abstract get bufferedAmount(): number;
  /** The classic face: it has what the standard one does not show. */
  abstract get connection(): WatershedConnection;
  protected abstract give(message: Message, calls: Sent['calls']): void;
  protected abstract startClosing(): void;

  get hasEnded(): boolean {
    return this.events.at(-1) === 'end' || this.events.at(-1) === 'close';
  }

  /** Sends the next message: text and binary in turns, the server's beginning with binary. */
  send(size = SMALL): void {
    const number = this.sent.length;
    const bytes = Buffer.from(filler.subarray(number % 65_536, (number % 65_536) + size));
    bytes.write(`${this.role} ${String(number)} `, 'latin1');
    const message = number % 2 === (this.role === 'client' ? 0 : 1) ? bytes.toString('latin1') : bytes;
    const calls: Sent['calls'] = [];
    this.sent.push({ message, calls });
    this.give(message, calls);
  }

  /** Sends small messages, a large one, and small ones behind it. */
  sendMany(): void {
    for (const size of [SMALL, SMALL, LARGE, SMALL, SMALL, SMALL]) this.send(size);
  }

  close(): void {
    this.hasClosed = true;
    this.startClosing();
  }

  /** Resolves when the condition holds after something has happened at this end. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  protected note(event?: string): void {
    if (event !== undefined) this.events.push(event);
    for (const wake of this.#wake.splice(0)) wake();
  }

  protected receive(message: Message): void {
    this.received.push(message);
    this.note();
  }
}

export class ClassicEnd extends End {
  readonly face = 'classic';
  readonly connection: WatershedConnection;

  constructor(role: Role, connection: WatershedConnection) {
    super(role);
    this.connection = connection;
    connection.on('text', (text) => { this.receive(text); });
    connection.on('binary', (data) => { this.receive(data); });
    connection.on('drain', () => {
      this.needsDrain = false;
      this.note();
    });
    connection.on('error', (error) => { this.note(`error ${codeOf(error)}`); });
    connection.on('connectionReset', () => { this.note('connectionReset'); });
    connection.on('end', (code) => {
      // The tests close with 1000 alone.
      this.closeCode = code === null ? undefined : code === 'NORMAL' ? 1000 : -1;
      this.bufferedAtEnd = connection.bufferedAmount;
      this.note('end');
    });
  }

  get isOpen(): boolean {
    return this.connection.readyState === 1;
  }

  get bufferedAmount(): number {
    return this.connection.bufferedAmount;
  }

  protected give(message: Message, calls: Sent['calls']): void {
    const hasRoom = this.connection.send(message, (error) => {
      calls.push(error);
      this.note();
    });
    if (!hasRoom && this.isOpen) this.needsDrain = true;
  }

  protected startClosing(): void {
    this.connection.end(1000);
  }
}

export class StandardEnd extends End {
  readonly face = 'standard';
  readonly #webSocket: WebSocket;

  constructor(role: Role, webSocket: WebSocket) {
    super(role);
    this.#webSocket = webSocket;
    webSocket.binaryType = 'arraybuffer';
    webSocket.addEventListener('open', () => { this.note('open'); });
    webSocket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.receive(typeof data === 'string' ? data : Buffer.from(data));
    });
    webSocket.addEventListener('error', ({ error }) => { this.note(`error ${codeOf(error)}`); });
    webSocket.addEventListener('close', ({ code, wasClean }) => {
      this.closeCode = code === 1006 ? undefined : code;
      this.wasClean = wasClean;
      this.bufferedAtEnd = webSocket.bufferedAmount;
      this.note('close');
    });
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === WebSocket.OPEN;
  }

  get bufferedAmount(): number {
    return this.#webSocket.bufferedAmount;
  }

  get connection(): WatershedConnection {
    return WatershedConnection.from(this.#webSocket);
  }

  protected give(message: Message): void {
    this.#webSocket.send(message);
  }

  protected startClosing(): void {
    this.#webSocket.close(1000);
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
