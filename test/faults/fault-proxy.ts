/**
 * A TCP proxy that does to a connection what networks do: it stands between two ends on loopback, passes bytes on, and
 * at a given place lets a fault happen. It takes one connection. Of WebSocket it knows where frames begin and end, no
 * more: to count the messages that came to it, and to stop between two fragments of one.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { encodeFrame, FrameReader, fragments, type ReceivedFrame } from '../conformance/frames.js';

/** Faults that end a connection, whatever its ends do. */
export const fatalFaults = [
  /** TCP is ended in both directions. */
  'cut',
  /** TCP is reset in both directions. */
  'reset',
  /** Nothing arrives any more, in either direction, and nothing says so. */
  'half-open',
  /** Nothing is read any more, from either end. */
  'reader that never reads',
] as const;

/** Faults that a connection has to live through. */
export const harmlessFaults = [
  /** Nothing is passed on for a while. */
  'stall',
  /** Some hundred bytes in each direction come one by one. */
  'byte by byte',
  /** The same bytes come in other chunks: parts of them, and many in one. */
  'other chunks',
  /** Little is read at a time. */
  'slow reader',
] as const;

export type Fault = (typeof fatalFaults)[number] | (typeof harmlessFaults)[number];

/** Milliseconds. */
const STALL = 30;
const BYTES_ONE_BY_ONE = 300;
/** What a slow reader reads in a millisecond, in bytes. */
const SLOW_READ = 16 * 1024;
/** The longest of other chunks, in bytes. */
const OTHER_CHUNK = 40 * 1024;

const FRAGMENT = 32 * 1024;

/** How the bytes are passed on: how many are next, and what is waited for after them. */
interface Pace {
  next(): number;
  rest(): Promise<unknown> | undefined;
}

const WHOLE: Pace = { next: () => Infinity, rest: () => undefined };

/** What is to be passed on. */
interface Piece {
  bytes: Buffer;
  /** Whether a message has begun before it, and not ended. */
  readonly isInsideMessage: boolean;
}

/** One direction of a connection. */
export class Flow {
  /** Data frames with FIN that came from the source: its messages. Undefined where TLS hides them. */
  messages: number | undefined;
  /** Resolves when the source has ended, in order or not. */
  readonly ended: Promise<void>;
  #hasEnded = (): void => undefined;

  readonly #isMasked: boolean;
  #source = new Socket();
  #target = new Socket();
  readonly #pieces: Piece[] = [];
  #head = '';
  #reader: FrameReader | undefined;
  #isInsideMessage = false;
  #fragments = false;
  #pace = WHOLE;
  #isPumping = false;
  /** Nothing is read and nothing is passed on. */
  #isStopped = false;
  /** What is read is thrown away. */
  #isSilent = false;
  #trigger: { isDue(piece: Piece): boolean; bytes: number; fire: () => void } | undefined;

  /** `isMasked` says that its frames go to the server, `isSecure` that they are hidden by TLS. */
  constructor(isMasked: boolean, isSecure: boolean) {
    this.#isMasked = isMasked;
    this.messages = isSecure ? undefined : 0;
    this.ended = new Promise((resolve) => {
      this.#hasEnded = resolve;
    });
  }

  open(source: Socket, target: Socket): void {
    this.#source = source;
    this.#target = target;
    source.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    source.on('end', () => {
      this.#hasEnded();
      void this.#pump();
    });
    source.on('error', () => {
      if (!this.#isSilent) target.resetAndDestroy();
    });
    source.on('close', this.#hasEnded);
  }

  /** Calls `fire` when so many more bytes have been passed on, and there is another one to pass on. */
  after(bytes: number, fire: () => void): void {
    const trigger = { bytes, fire, isDue: () => trigger.bytes === 0 };
    this.#trigger = trigger;
  }

  /** Makes fragments of the frames that come from here on, and calls `fire` between two of them. */
  betweenFragments(fire: () => void): void {
    this.#fragments = true;
    this.#trigger = { bytes: Infinity, fire, isDue: (piece) => piece.isInsideMessage };
  }

  /** From here on the bytes go at that pace. */
  setPace(pace: Pace): void {
    this.#pace = pace;
  }

  stop(): void {
    this.#isStopped = true;
    this.#source.pause();
  }

  goOn(): void {
    this.#isStopped = false;
    void this.#pump();
  }

  /** From here on what comes is read and thrown away. */
  silence(): void {
    this.#isSilent = true;
    this.#isStopped = false;
    this.#pieces.length = 0;
    this.#source.resume();
  }

  #receive(chunk: Buffer): void {
    const frames = this.messages === undefined ? [] : this.#look(chunk, this.messages);
    if (this.#isSilent) return;
    if (this.#fragments) {
      for (const frame of frames) this.#addFragments(frame);
    } else {
      this.#pieces.push({ bytes: chunk, isInsideMessage: false });
    }
    // One chunk at a time: what is not passed on is not read.
    this.#source.pause();
    void this.#pump();
  }

  /** Reads the head of the handshake and the frames behind it, and counts the messages. */
  #look(chunk: Buffer, messages: number): ReceivedFrame[] {
    let bytes = chunk;
    if (this.#reader === undefined) {
      const before = this.#head.length;
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return [];
      this.#reader = new FrameReader();
      bytes = chunk.subarray(end + 4 - before);
    }
    const frames = this.#reader.read(bytes);
    this.messages = messages + frames.filter(({ opcode, fin }) => fin && opcode < 8).length;
    return frames;
  }

  #addFragments(frame: ReceivedFrame): void {
    const parts = frame.opcode < 8 ? fragments(frame, FRAGMENT) : [frame];
    for (const part of parts) {
      this.#pieces.push({ bytes: encodeFrame(part, this.#isMasked), isInsideMessage: this.#isInsideMessage });
      if (part.opcode < 8) this.#isInsideMessage = !part.fin;
    }
  }

  /** Passes on what there is, at its pace. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    let piece: Piece | undefined;
    while (!this.#isStopped && (piece = this.#pieces[0]) !== undefined) {
      if (this.#trigger?.isDue(piece) === true) {
        const { fire } = this.#trigger;
        this.#trigger = undefined;
        fire();
        continue;
      }
      await this.#pass(piece);
    }
    this.#isPumping = false;
    if (this.#isStopped || this.#isSilent) return;
    if (this.#source.readableEnded) this.#target.end();
    else this.#source.resume();
  }

  async #pass(piece: Piece): Promise<void> {
    const bytes = piece.bytes.subarray(0, Math.min(this.#trigger?.bytes ?? Infinity, this.#pace.next()));
    piece.bytes = piece.bytes.subarray(bytes.length);
    if (piece.bytes.length === 0) this.#pieces.shift();
    if (this.#trigger !== undefined) this.#trigger.bytes -= bytes.length;
    if (!this.#target.write(bytes) && !this.#target.destroyed) {
      const isOver = new AbortController();
      const { signal } = isOver;
      await Promise.race([once(this.#target, 'drain', { signal }), once(this.#target, 'close', { signal })]).catch(
        () => undefined,
      );
      isOver.abort();
    }
    await this.#pace.rest();
  }
}

export class FaultProxy {
  /** To the server, and to the client. */
  readonly up: Flow;
  readonly down: Flow;
  readonly #server: Server;
  readonly #random: () => number;
  #sockets: Socket[] = [];

  /** A proxy in front of a port of this machine. `random` gives numbers from 0 to 1. */
  static async listen(targetPort: number, isSecure: boolean, random: () => number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, isSecure, random);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(targetPort: number, isSecure: boolean, random: () => number) {
    this.up = new Flow(true, isSecure);
    this.down = new Flow(false, isSecure);
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (front) => {
      const back = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      this.#sockets = [front, back];
      this.up.open(front, back);
      this.down.open(back, front);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Lets a fault happen, in both directions. */
  apply(fault: Fault): void {
    const flows = [this.up, this.down];
    switch (fault) {
      case 'cut':
        for (const flow of flows) flow.silence();
        for (const socket of this.#sockets) socket.end();
        return;
      case 'reset':
        for (const flow of flows) flow.silence();
        for (const socket of this.#sockets) socket.resetAndDestroy();
        return;
      case 'half-open':
        for (const flow of flows) flow.silence();
        return;
      case 'reader that never reads':
        for (const flow of flows) flow.stop();
        return;
      case 'stall':
        for (const flow of flows) flow.stop();
        void wait(STALL).then(() => {
          for (const flow of flows) flow.goOn();
        });
        return;
      case 'byte by byte':
        for (const flow of flows) flow.setPace(byteByByte());
        return;
      case 'other chunks':
        for (const flow of flows) flow.setPace(otherChunks(this.#random));
        return;
      case 'slow reader':
        for (const flow of flows) flow.setPace({ next: () => SLOW_READ, rest: () => wait(1) });
    }
  }

  /** Reads to the end what the ends have still written: they must have ended by now. */
  async readRest(): Promise<void> {
    for (const flow of [this.up, this.down]) flow.silence();
    await Promise.all([this.up.ended, this.down.ended]);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function byteByByte(): Pace {
  let left = BYTES_ONE_BY_ONE;
  return {
    next: () => (left-- > 0 ? 1 : Infinity),
    // A turn of the event loop for each: the ends are in this process, and read it meanwhile.
    rest: () => (left >= 0 ? turn() : undefined),
  };
}

/** Lengths of all orders of magnitude. */
function otherChunks(random: () => number): Pace {
  return { next: () => Math.ceil(OTHER_CHUNK ** random()), rest: () => turn() };
}
