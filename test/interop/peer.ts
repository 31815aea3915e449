/**
 * What the tests want from another implementation of WebSocket, whichever it is. Each file in peers/ fits one of them
 * to this; the less an implementation can do, the fewer of these interfaces it has.
 */
import type { Inbox } from './inbox.js';
import type { Endpoint, Server } from './transport.js';

/** A text message as a string, a binary one as a Buffer. */
export type Message = string | Buffer;

export interface Close {
  readonly code: number;
  readonly reason: string;
}

/** One end of a connection. */
export interface Peer {
  readonly messages: Inbox<Message>;
  /** Empty if there is none. */
  readonly subprotocol: string;
  readonly extensions: string;
  /** Bytes that were sent and that its socket has not taken. */
  readonly bufferedAmount: number;
  /** How the connection ended, in its own view. */
  readonly closed: Promise<Close>;
  send(message: Message): void;
  /** Starts the closing handshake; without a code, its CLOSE is empty. */
  close(code?: number, reason?: string): void;
  /** Lets everything go that is left. */
  dispose(): Promise<void>;
}

/** One that can send PINGs, and shows the PONGs that it gets. */
export interface PingingPeer extends Peer {
  readonly pongs: Inbox<string>;
  ping(payload: string): void;
}

/** One that also has a hand on its frames and on its socket. */
export interface LowLevelPeer extends PingingPeer {
  /** Sends one message in fragments of so many bytes. */
  sendFragments(message: Message, fragmentSize: number): void;
  /** Stops reading. */
  pause(): void;
  resume(): void;
  /** Ends the connection without a CLOSE. */
  terminate(): void;
}

export interface Implementation {
  readonly name: string;
  /** The codes of `closeCodes` that its API takes; undefined stands for an empty CLOSE. */
  readonly closeCodes: readonly (number | undefined)[];
  /** What it answers to a CLOSE. */
  readonly answerTo: (close: Close) => Close;
}

export interface Client<P extends Peer> extends Implementation {
  /** Rejects when the handshake is refused. */
  connect(endpoint: Endpoint, protocols: readonly string[]): Promise<P>;
}

export interface PeerServer<P extends Peer> extends Implementation {
  /** Accepts every client, and tells of it at once. It chooses the first of these subprotocols that was asked for. */
  serve(server: Server, protocols: readonly string[], onConnection: (peer: P) => void): void;
}

/** The close codes that are tried: some that the protocol defines, and both ends of the range for everybody else's. */
export const closeCodes = [1000, 1001, 1011, 3000, 4999] as const;
