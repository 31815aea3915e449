/**
 * The transport of a connection: a Duplex, told to end and heard to end. What differs between TCP, TLS, a Unix socket
 * and a stream made by somebody else is settled here; it knows no frame and no state of the connection.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** What a transport reports. No data comes before it is resumed. */
export interface TransportHandler {
  onData(chunk: Buffer): void;
  /** The peer has ended its half. */
  onPeerEnd(): void;
  /** The socket takes writes again. */
  onWritable(): void;
  /** Both halves have ended, or the transport is broken; `error` says why, if anything went wrong. */
  onTransportClose(error: Error | undefined): void;
}

export class Transport {
  readonly socket: Duplex;
  readonly handler: TransportHandler;
  /** Whether nobody else reads the memory of what `onData` is given. A stream of somebody's own may give what it keeps. */
  readonly ownsData: boolean;

  /**
   * `head` is what was read from the socket already. Nothing is read before `socket.resume()`. With `readTo`, what is
   * read comes by that, and the head is the caller's.
   */
  constructor(
    socket: Duplex,
    head: Buffer,
    handler: TransportHandler,
    readTo?: (take: (chunk: Buffer) => void) => void,
  ) {
    this.socket = socket;
    this.handler = handler;
    this.ownsData = readTo === undefined && socket instanceof Socket;
    // Listeners before anything else: an error of the socket must not find nobody listening.
    (socket as Transported)[TRANSPORT] = this;
    socket.on('error', onError).on('end', onEnd).on('close', onClose).on('finish', onFinish).on('drain', onDrain);
    if (socket instanceof Socket) {
      socket.setNoDelay(true);
      socket.setTimeout(0);
    }
    // Some streams deliver as soon as somebody listens, while the caller has no listeners yet.
    socket.pause();
    if (readTo !== undefined) {
      readTo((chunk) => { handler.onData(chunk); });
      return;
    }
    // A copy: the head is the caller's.
    if (head.length > 0) socket.unshift(Buffer.from(head));
    socket.on('data', onData);
  }

  /** `address:port` of the peer; empty when the transport has none. */
  get remote(): string {
    const { socket } = this;
    return socket instanceof Socket ? endpoint(socket.remoteAddress, socket.remotePort) : '';
  }

  /** `address:port` of this end; empty when the transport has none. */
  get local(): string {
    const { socket } = this;
    return socket instanceof Socket ? endpoint(socket.localAddress, socket.localPort) : '';
  }

  /**
   * Whether what is read now comes in a turn of the event loop of its own, as the first. A stream of somebody's own, or
   * TLS over one, may deliver in the middle of a call; and what a stream has buffered comes in one turn.
   */
  get isReadInTurn(): boolean {
    const { socket } = this;
    if (!(socket instanceof Socket) || socket.readableLength > 0) return false;
    return !(socket instanceof TLSSocket) || socket.remoteAddress !== undefined;
  }

  /** Ends our half after what was written: TCP's half-close. Nothing else ends a transport in an orderly way. */
  end(): void {
    // Ending twice makes an error for nobody, which costs its stack.
    if (!this.socket.writableEnded) this.socket.end();
  }

  /** Lets the socket go, without a word from it afterwards. */
  destroy(): void {
    const { socket } = this;
    (socket as Transported)[TRANSPORT] = undefined;
    socket.off('error', onError).off('end', onEnd).off('close', onClose).off('finish', onFinish).off('drain', onDrain);
    socket.off('data', onData).on('error', ignore);
    socket.destroy();
  }

  /** Not every Duplex closes by itself when both its halves have ended. */
  closeIfEnded(): void {
    if (this.socket.readableEnded && this.socket.writableFinished) this.handler.onTransportClose(undefined);
  }
}

/**
 * The transport of a socket, for the listeners below: all sockets share them. Those of each socket's own would be 450
 * bytes of what an idle connection holds. Not a WeakMap: what one in the old space holds survives every collection of
 * the young ones, which made a connection that is accepted and closed take 1.1 times as much.
 */
const TRANSPORT = Symbol('watershed.transport');

type Transported = Duplex & { [TRANSPORT]?: Transport | undefined };

function onData(this: Transported, chunk: Buffer): void {
  this[TRANSPORT]?.handler.onData(chunk);
}

function onDrain(this: Transported): void {
  this[TRANSPORT]?.handler.onWritable();
}

function onEnd(this: Transported): void {
  const transport = this[TRANSPORT];
  transport?.handler.onPeerEnd();
  transport?.closeIfEnded();
}

function onFinish(this: Transported): void {
  this[TRANSPORT]?.closeIfEnded();
}

function onError(this: Transported, error: Error): void {
  this[TRANSPORT]?.handler.onTransportClose(error);
}

function onClose(this: Transported): void {
  this[TRANSPORT]?.handler.onTransportClose(undefined);
}

function endpoint(address: string | undefined, port: number | undefined): string {
  return address === undefined ? '' : `${address}:${String(port)}`;
}

function ignore(): void {
  // What a socket that was let go still has to say does not concern anybody.
}
