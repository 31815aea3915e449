/**
 * The server of the scenarios. What it does with a connection is written in the URL, so that a scenario says in one
 * place what both ends do. It serves the scenarios' modules to a page, too. It imports nothing from src/.
 *
 * A WebSocket's URL has two parameters:
 * - `answer`: the whole HTTP answer, where `{accept}` is the right Sec-WebSocket-Accept; by default a 101 that takes
 *   the first subprotocol, if the client asked for any.
 * - `do`, once for each step after it: a name, and after a colon what the step needs.
 * What is written between two steps that wait goes out as one packet, the 101 with what follows it.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  close,
  encodeFrame,
  frame,
  FrameReader,
  opcodes,
  type Frame,
  type ReceivedFrame,
} from '../../conformance/frames.js';

const ACCEPTED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: {accept}\r\n{subprotocol}\r\n';

const modules = new URL('./', import.meta.url);

export interface ScenarioServer {
  /** Its address, as the page that records in a browser has it; a WebSocket's URL starts with `ws` instead. */
  readonly url: string;
  close(): Promise<void>;
}

export async function startScenarioServer(): Promise<ScenarioServer> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    // SharedArrayBuffer is there in an isolated page alone.
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    if (!/^\/(scenarios\/)?[\w-]+\.js$/.test(pathname)) {
      response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Scenarios</title>');
      return;
    }
    readFile(new URL(`.${pathname}`, modules)).then(
      (source) => response.setHeader('Content-Type', 'text/javascript').end(source),
      () => response.writeHead(404).end(),
    );
  });
  server.on('upgrade', (request, socket, head) => {
    if (socket instanceof Socket) void new ScriptedPeer(request, socket, head).run();
  });
  server.on('connection', (socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String(portOf(server))}/`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A WebSocket's URL at which nobody listens. */
export async function refusedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return `ws://127.0.0.1:${String(port)}/`;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** One connection, and the script that it follows. */
class ScriptedPeer {
  readonly #request: IncomingMessage;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  /** Messages and CLOSE frames that came in and that no step has taken yet. */
  readonly #received: ReceivedFrame[] = [];
  #fragments: ReceivedFrame[] = [];
  #outgoing: Buffer[] = [];
  #latest: ReceivedFrame | undefined;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(request: IncomingMessage, socket: Socket, head: Buffer) {
    this.#request = request;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('end', () => {
      this.#isClosed = true;
      this.#wake?.();
      socket.end();
    });
    // A client that goes away in the middle is what some scenarios are about.
    socket.on('error', () => undefined);
    if (head.length > 0) this.#receive(head);
  }

  async run(): Promise<void> {
    const { searchParams } = new URL(this.#request.url ?? '', 'http://localhost');
    const answer = (searchParams.get('answer') ?? ACCEPTED)
      .replaceAll('{accept}', this.#acceptValue())
      .replace('{subprotocol}', this.#subprotocolField());
    this.#outgoing.push(Buffer.from(answer));
    for (const step of searchParams.getAll('do')) {
      const colon = step.indexOf(':');
      const [name, args] = colon === -1 ? [step, ''] : [step.slice(0, colon), step.slice(colon + 1)];
      if (!this.#write(name, args)) {
        this.#flush();
        await this.#act(name, args);
      }
      if (this.#isClosed) break;
    }
    this.#flush();
  }

  /** The steps that write. */
  #write(name: string, args: string): boolean {
    switch (name) {
      case 'text':
        return this.#push(frame(opcodes.text, args));
      case 'binary':
        return this.#push(frame(opcodes.binary, Buffer.from(args, 'hex')));
      // The first fragment of a message, one in the middle, and the last.
      case 'first':
        return this.#push(frame(opcodes.text, args, { fin: false }));
      case 'middle':
        return this.#push(frame(opcodes.continuation, args, { fin: false }));
      case 'last':
        return this.#push(frame(opcodes.continuation, args));
      case 'ping':
        return this.#push(frame(opcodes.ping, args));
      case 'pong':
        return this.#push(frame(opcodes.pong, args));
      case 'close':
        return this.#push(args === '' ? close() : close(parseInt(args), args.replace(/^\d+,?/, '')));
      // A message of so many octets.
      case 'texts':
        return this.#push(frame(opcodes.text, 'x'.repeat(Number(args))));
      case 'binaries':
        return this.#push(frame(opcodes.binary, Buffer.alloc(Number(args), 7)));
      case 'masked':
        this.#outgoing.push(encodeFrame(frame(opcodes.text, args), true));
        return true;
      case 'bytes':
        this.#outgoing.push(Buffer.from(args, 'hex'));
        return true;
      // A field of the request, as a text message.
      case 'field':
        return this.#push(frame(opcodes.text, this.#request.headers[args]?.toString() ?? '(none)'));
      // What the last frame that came in was: as a text message, or as the reason of a CLOSE with the code 4000.
      case 'report':
        return this.#push(frame(opcodes.text, this.#report()));
      case 'closeReport':
        return this.#push(close(4000, this.#report()));
      default:
        return false;
    }
  }

  /** The steps that wait for something, or end the connection. */
  async #act(name: string, args: string): Promise<void> {
    switch (name) {
      case 'wait':
        await sleep(Number(args));
        return;
      // Waits for the next message or CLOSE.
      case 'receive':
        await this.#next();
        return;
      case 'echo':
        await this.#echo();
        return;
      case 'pause':
        this.#socket.pause();
        return;
      case 'resume':
        this.#socket.resume();
        return;
      case 'end':
        this.#socket.end();
        return;
      case 'reset':
        this.#socket.resetAndDestroy();
        return;
      default:
        throw new Error(`There is no step named ${name}`);
    }
  }

  /** Sends messages back until a CLOSE comes, and answers that with the same code. */
  async #echo(): Promise<void> {
    for (let received = await this.#next(); received !== undefined; received = await this.#next()) {
      const { opcode, payload } = received;
      this.#push(frame(opcode, payload));
      this.#flush();
      if (opcode === opcodes.close) {
        this.#socket.end();
        return;
      }
    }
  }

  #push(outgoing: Frame): true {
    this.#outgoing.push(encodeFrame(outgoing, false));
    return true;
  }

  #flush(): void {
    if (this.#outgoing.length > 0 && this.#socket.writable) this.#socket.write(Buffer.concat(this.#outgoing));
    this.#outgoing = [];
  }

  #receive(chunk: Buffer): void {
    for (const received of this.#reader.read(chunk)) {
      const { opcode, fin, payload } = received;
      if (opcode === opcodes.close) this.#received.push(received);
      if (opcode >= opcodes.close) continue;
      // A browser fragments large messages.
      this.#fragments.push(received);
      if (!fin) continue;
      const first = this.#fragments[0] ?? received;
      const whole = this.#fragments.length === 1 ? payload : Buffer.concat(this.#fragments.map((part) => part.payload));
      this.#fragments = [];
      this.#received.push({ ...first, payload: whole });
    }
    this.#wake?.();
  }

  async #next(): Promise<ReceivedFrame | undefined> {
    while (this.#received.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#latest = this.#received.shift();
    return this.#latest;
  }

  #report(): string {
    if (this.#latest === undefined) return 'nothing';
    const { opcode, payload } = this.#latest;
    if (opcode === opcodes.text) return `text ${payload.toString()}`;
    if (opcode === opcodes.binary) return `binary ${payload.toString('hex')}`;
    return payload.length === 0 ? 'close' : `close ${String(payload.readUInt16BE())} ${payload.toString('utf8', 2)}`;
  }

  #subprotocolField(): string {
    const [first] = this.#request.headers['sec-websocket-protocol']?.split(',') ?? [];
    return first === undefined ? '' : `Sec-WebSocket-Protocol: ${first.trim()}\r\n`;
  }

  #acceptValue(): string {
    const key = this.#request.headers['sec-websocket-key'] ?? '';
    return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  }
}
