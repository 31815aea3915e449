/**
 * The two ends of a connection for a test: a Watershed end, and opposite it a raw peer that does whatever the test
 * says, or a second Watershed end. Everything that is opened here is closed when the test is over.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import {
  type AcceptOptions,
  type ConnectOptions,
  Watershed,
  type WatershedConnection,
  type WatershedConnectionEvents,
} from '../../src/index.js';
import { encodeFrame, type Frame, FrameReader, type ReceivedFrame } from '../conformance/frames.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The header fields of a right opening handshake, by their names in lower case. */
export const HANDSHAKE: Readonly<Record<string, string>> = {
  host: 'example.com',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
};

/** What a raw client sends to open a connection; a field that is undefined is left out. */
export function requestText(fields: Readonly<Record<string, string | undefined>> = {}, requestLine = 'GET / HTTP/1.1'): string {
  const lines = Object.entries({ ...HANDSHAKE, ...fields })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${String(value)}\r\n`);
  return `${requestLine}\r\n${lines.join('')}\r\n`;
}

/** A request that a program has put together by hand, with the header fields alone. */
export function handMadeRequest(headers: Readonly<Record<string, unknown>> = HANDSHAKE): IncomingMessage {
  return { headers } as unknown as IncomingMessage;
}

/** A raw peer: it sends any frames, and records those that come, each unmasked. */
export class Peer {
  readonly socket: Socket;
  /** Resolves when the other end has ended TCP, in order or not. */
  readonly ended: Promise<void>;
  readonly #reader = new FrameReader();
  readonly #masks: boolean;
  #frames: ReceivedFrame[] = [];
  #hasEnded = false;
  #wake = (): void => undefined;

  /** @param masks Whether it is the client's end. */
  constructor(socket: Socket, masks: boolean, head: Buffer) {
    this.socket = socket;
    this.#masks = masks;
    const ended = deferred();
    this.ended = ended.promise;
    const hasEnded = (): void => {
      this.#hasEnded = true;
      this.#wake();
      ended.resolve();
    };
    socket.on('end', hasEnded).on('close', hasEnded);
    // A reset is an end as well.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    this.#receive(head);
  }

  /** Sends the frames in one write. */
  send(...frames: readonly Frame[]): void {
    this.socket.write(Buffer.concat(frames.map((frame) => encodeFrame(frame, this.#masks))));
  }

  /** The next frame. Fails if the other end ends TCP instead. */
  async frame(): Promise<{ opcode: number; payload: Buffer }> {
    const [frame] = await this.#untilFrames(1);
    if (frame === undefined) throw new Error('TCP has ended, and no frame came before');
    this.#frames.shift();
    return { opcode: frame.opcode, payload: frame.payload };
  }

  /** Everything that came from the last call of `frame` until the other end ended TCP. */
  async rest(): Promise<{ opcode: number; payload: Buffer }[]> {
    await this.ended;
    return this.#frames.splice(0).map(({ opcode, payload }) => ({ opcode, payload }));
  }

  async #untilFrames(count: number): Promise<readonly ReceivedFrame[]> {
    while (this.#frames.length < count && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames;
  }

  #receive(chunk: Buffer): void {
    this.#frames.push(...this.#reader.read(chunk));
    this.#wake();
  }
}

/** A Watershed server on a free port. `accept` is called for each upgrade. */
export async function listen(accept: (req: IncomingMessage, socket: Duplex, head: Buffer) => void): Promise<number> {
  const server = createServer();
  server.on('upgrade', accept);
  return listenOn(server);
}

/** Listens on a free port; the server and its sockets are gone after the test. */
export async function listenOn(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

/** A TCP connection to a server of this machine; half open when the server ends it. */
export function dial(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** A raw client whose handshake has been sent, with `more` in the same write, and answered with 101. */
export async function dialPeer(port: number, request = requestText(), more: readonly Frame[] = []): Promise<Peer> {
  const socket = dial(port);
  socket.write(Buffer.concat([Buffer.from(request), ...more.map((frame) => encodeFrame(frame, true))]));
  const { head, rest } = await readHead(socket);
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`The handshake was refused: ${head}`);
  return new Peer(socket, true, rest);
}

/** Reads up to the empty line that ends a request's or a response's head. */
export async function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n');
    if (end >= 0) {
      socket.removeAllListeners('data');
      return { head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) };
    }
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
}

/** A server's end and a raw client. `setUp` is called in the tick of `accept`; `more` comes in one write with the request. */
export async function serverEnd(
  options: AcceptOptions & { detached?: false } = {},
  setUp: (connection: WatershedConnection) => void = () => undefined,
  more: readonly Frame[] = [],
): Promise<{ connection: WatershedConnection; peer: Peer }> {
  const accepted = deferred<WatershedConnection>();
  const port = await listen((req, socket, head) => {
    const connection = Watershed.accept(req, socket, head, options);
    setUp(connection);
    accepted.resolve(connection);
  });
  const peer = await dialPeer(port, requestText(), more);
  return { connection: await accepted.promise, peer };
}

/** A server's end whose peer reads nothing until its socket is resumed. */
export async function unreadEnd(
  options?: Parameters<typeof serverEnd>[0],
): Promise<{ connection: WatershedConnection; peer: Peer }> {
  const ends = await serverEnd(options);
  ends.peer.socket.pause();
  return ends;
}

export const MEBIBYTE = Buffer.alloc(1024 * 1024, 'm');

/**
 * Sends to a peer that does not read, until the system buffers no more for it and the socket is blocked.
 * @returns how many messages of a mebibyte it took
 */
export async function fill(connection: WatershedConnection): Promise<number> {
  let count = 0;
  while (connection.socket?.writableNeedDrain !== true) {
    connection.send(MEBIBYTE);
    count++;
    await turn();
  }
  return count;
}

/** A client's end and a raw server. `setUp` is called in the tick of `connect`; `more` comes in one write with the 101. */
export async function clientEnd(
  options: ConnectOptions & { detached?: false } = {},
  setUp: (connection: WatershedConnection) => void = () => undefined,
  more: readonly Frame[] = [],
): Promise<{ connection: WatershedConnection; peer: Peer }> {
  const server = createTcpServer({ allowHalfOpen: true });
  const port = await listenOn(server);
  const key = Watershed.generateKey();
  const connected = deferred<WatershedConnection>();
  const request = httpRequest({ port, host: '127.0.0.1', headers: Watershed.requestHeaders(key) });
  request.on('upgrade', (res, socket, head) => {
    const connection = Watershed.connect(res, socket, head, key, options);
    setUp(connection);
    connected.resolve(connection);
  });
  request.end();
  const [socket] = (await once(server, 'connection')) as [Socket];
  const { rest } = await readHead(socket);
  socket.write(Buffer.concat([Buffer.from(responseText(key)), ...more.map((frame) => encodeFrame(frame, false))]));
  const peer = new Peer(socket, false, rest);
  return { connection: await connected.promise, peer };
}

/** The answer that accepts a handshake. */
export function responseText(key: string): string {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`
  );
}

/** A Watershed end on both sides. */
export async function bothEnds(
  serverOptions: AcceptOptions & { detached?: false } = {},
  clientOptions: ConnectOptions & { detached?: false } = {},
): Promise<{ server: WatershedConnection; client: WatershedConnection }> {
  const accepted = deferred<WatershedConnection>();
  const port = await listen((req, socket, head) => {
    accepted.resolve(Watershed.accept(req, socket, head, serverOptions));
  });
  const client = await connectTo(port, clientOptions);
  return { server: await accepted.promise, client };
}

/** A Watershed client of a server of this machine. */
export async function connectTo(
  port: number,
  options: ConnectOptions & { detached?: false } = {},
): Promise<WatershedConnection> {
  const key = Watershed.generateKey();
  const headers = Watershed.requestHeaders(key, { protocols: options.protocols });
  const request = httpRequest({ port, host: '127.0.0.1', headers });
  request.end();
  const [res, socket, head] = (await once(request, 'upgrade')) as [IncomingMessage, Socket, Buffer];
  onTestFinished(() => {
    socket.destroy();
  });
  return Watershed.connect(res, socket, head, key, options);
}

/** A promise, and what resolves it. */
export function deferred<Value = void>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((resolvePromise) => {
    resolve = resolvePromise;
  });
  return { promise, resolve };
}

/** The arguments of the next event of that name. */
export function next<Name extends keyof WatershedConnectionEvents>(
  connection: WatershedConnection,
  name: Name,
): Promise<WatershedConnectionEvents[Name]> {
  return new Promise((resolve) => {
    connection.once(name, ((...args: WatershedConnectionEvents[Name]) => {
      resolve(args);
    }) as never);
  });
}

const NAMES = ['text', 'binary', 'ping', 'pong', 'drain', 'error', 'connectionReset', 'end'] as const;

/** Records every event from now on: its name and its arguments. */
export function record(connection: WatershedConnection): unknown[][] {
  const events: unknown[][] = [];
  for (const name of NAMES) {
    connection.on(name, ((...args: unknown[]) => {
      events.push([name, ...args]);
    }));
  }
  return events;
}

/** Records what would be an uncaught exception, until the test is over. */
export function catchUncaught(): unknown[] {
  const errors: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => errors.push(error));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  });
  return errors;
}

/** Until everything that was due in this turn of the event loop, and in the next, has happened. */
export async function turn(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}
