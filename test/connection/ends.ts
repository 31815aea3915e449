/**
 * The two ends of a connection in these tests: the engine with a listener that writes down what it reports, and a peer
 * on a bare socket that speaks frames. And streams that are no sockets.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex, type DuplexOptions } from 'node:stream';
import { Connection, type Negotiated } from '../../src/connection/connection.js';
import type { ConnectionEnd, ConnectionListener } from '../../src/connection/connection-listener.js';
import type { ConnectionGroup } from '../../src/connection/connection-group.js';
import { type ConnectionOptions, resolveConnectionOptions } from '../../src/options.js';
import { encodeFrame, type Frame, FrameReader, opcodes, type ReceivedFrame } from '../conformance/frames.js';

export type Report =
  | readonly ['text', string]
  | readonly ['binary' | 'ping', Buffer]
  | readonly ['pong', Buffer, number | undefined]
  | readonly ['drain']
  | readonly ['error' | 'reset', Error]
  | readonly ['end', ConnectionEnd];

/** Writes down what a connection reports. */
export class Recorder implements ConnectionListener {
  readonly reports: Report[] = [];
  /** Runs inside each report, after it was written down. */
  onReport: (report: Report) => void = () => undefined;
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  get names(): string[] {
    return this.reports.map(([name]) => name);
  }

  /** The text messages. */
  get texts(): string[] {
    return this.reports.flatMap((report) => (report[0] === 'text' ? [report[1]] : []));
  }

  // What only a face needs to know is not written down.
  onOpen(): void {
    return;
  }

  onClosing(): void {
    return;
  }

  onWritten(): void {
    return;
  }

  onText(text: string): void {
    this.#record(['text', text]);
  }

  onBinary(data: Buffer): void {
    this.#record(['binary', data]);
  }

  onPing(payload: Buffer): void {
    this.#record(['ping', payload]);
  }

  onPong(payload: Buffer, roundTripTime: number | undefined): void {
    this.#record(['pong', payload, roundTripTime]);
  }

  onDrain(): void {
    this.#record(['drain']);
  }

  onError(error: Error): void {
    this.#record(['error', error]);
  }

  onReset(reason: Error): void {
    this.#record(['reset', reason]);
  }

  onEnd(end: ConnectionEnd): void {
    this.#record(['end', end]);
  }

  /** Resolves when the condition holds after a report. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => this.#waiting.push({ condition, resolve }));
  }

  /** Waits for the end; gives what it said. */
  async end(): Promise<ConnectionEnd> {
    await this.until(() => this.names.includes('end'));
    return this.reports.flatMap((report) => (report[0] === 'end' ? [report[1]] : []))[0] as ConnectionEnd;
  }

  /** Waits for a report of that name. */
  async report(name: Report[0]): Promise<Report> {
    await this.until(() => this.names.includes(name));
    return this.reports.find((report) => report[0] === name) as Report;
  }

  #record(report: Report): void {
    this.reports.push(report);
    try {
      this.onReport(report);
    } finally {
      const due = this.#waiting.filter(({ condition }) => condition());
      this.#waiting = this.#waiting.filter((waiting) => !due.includes(waiting));
      for (const { resolve } of due) resolve();
    }
  }
}

/** The other end: it writes frames, right or wrong, and writes down those that come. */
export class Peer {
  readonly frames: ReceivedFrame[] = [];
  hasEnded = false;
  readonly socket: Socket;
  readonly #masks: boolean;
  readonly #reader = new FrameReader();
  #wake: (() => void)[] = [];

  constructor(socket: Socket, isClient: boolean) {
    this.socket = socket;
    this.#masks = isClient;
    socket.on('data', (chunk: Buffer) => {
      this.frames.push(...this.#reader.read(chunk));
      this.#check();
    });
    socket.on('end', () => {
      this.hasEnded = true;
      this.#check();
    });
    socket.on('error', () => {
      this.hasEnded = true;
      this.#check();
    });
  }

  /** What came, as words: `text a`, `close 1000 bye`. */
  get received(): string[] {
    const names = new Map<number, string>(Object.entries(opcodes).map(([name, opcode]) => [opcode, name]));
    return this.frames.map(({ opcode, payload }) => {
      const name = String(names.get(opcode));
      if (opcode !== opcodes.close) return `${name} ${payload.toString()}`;
      return payload.length === 0 ? name : `${name} ${String(payload.readUInt16BE())} ${payload.toString('utf8', 2)}`;
    });
  }

  /** Sends the frames with one write. */
  send(...frames: Frame[]): void {
    this.socket.write(this.encode(...frames));
  }

  encode(...frames: Frame[]): Buffer {
    return Buffer.concat(frames.map((frame) => encodeFrame(frame, this.#masks)));
  }

  /** Resolves when the condition holds after something came. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /** Waits for a number of frames in all. */
  async receives(count: number): Promise<string[]> {
    await this.until(() => this.frames.length >= count);
    return this.received;
  }

  /** Waits for the end of the other half. */
  async end(): Promise<void> {
    await this.until(() => this.hasEnded);
  }

  #check(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

const toDestroy = new Set<{ destroy(): unknown }>();

/** For `afterEach`: nothing is left open. */
export function destroyAll(): void {
  for (const thing of toDestroy) thing.destroy();
  toDestroy.clear();
}

/** Both ends of a TCP connection. Ending one half does not end the other. */
export async function tcpPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [[socket]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [[Socket], unknown];
  server.close();
  toDestroy.add(client).add(socket);
  return [socket, client];
}

export interface Engine {
  readonly connection: Connection;
  readonly recorder: Recorder;
}

export interface EngineOptions extends ConnectionOptions {
  /** True if it is not given. */
  readonly isServer?: boolean;
  readonly group?: ConnectionGroup;
}

/** An engine that is CONNECTING. */
export function engine({ isServer = true, group, ...options }: EngineOptions = {}): Engine {
  const recorder = new Recorder();
  const connection = new Connection(isServer, resolveConnectionOptions(options), group);
  connection.attach(recorder);
  toDestroy.add(connection);
  return { connection, recorder };
}

/** A handshake without a subprotocol and extensions. */
export const NOTHING_NEGOTIATED: Negotiated = { subprotocol: undefined, extensions: '' };

/** An engine that is OPEN over a stream. */
export function engineOver(socket: Duplex, options: EngineOptions = {}): Engine {
  const made = engine(options);
  made.connection.open(socket, Buffer.alloc(0), NOTHING_NEGOTIATED);
  return made;
}

/** An engine that is OPEN over TCP, and its peer. */
export async function engineAndPeer(options: EngineOptions = {}): Promise<Engine & { peer: Peer }> {
  const [ours, theirs] = await tcpPair();
  return { ...engineOver(ours, options), peer: new Peer(theirs, options.isServer ?? true) };
}

/** A stream that keeps the chunks that it is given, as references. */
export class KeepingDuplex extends Duplex {
  readonly chunks: Buffer[] = [];
  /** The number of chunks that each call brought. */
  readonly calls: number[] = [];
  /** While it is true no write calls back. */
  isStuck = false;
  #stuck: (() => void) | undefined;

  constructor(options: DuplexOptions = {}) {
    super({ decodeStrings: true, ...options });
    toDestroy.add(this);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Lets the write that is stuck call back, and those after it. */
  goOn(): void {
    this.isStuck = false;
    const stuck = this.#stuck;
    this.#stuck = undefined;
    stuck?.();
  }

  override _read(): void {
    // What comes is pushed by the test.
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#take([chunk], callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#take(chunks.map(({ chunk }) => chunk), callback);
  }

  #take(chunks: Buffer[], callback: () => void): void {
    this.chunks.push(...chunks);
    this.calls.push(chunks.length);
    if (this.isStuck) this.#stuck = callback;
    else callback();
  }
}

/** The frames in what was written. */
export function framesIn(bytes: Buffer): ReceivedFrame[] {
  return new FrameReader().read(bytes);
}

/** A turn of the event loop: everything that was due has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
