/** One end of a connection under test: it does what it is told, and writes down what it is told of. */
import { Blob } from 'node:buffer';
import { subscribe } from 'node:diagnostics_channel';
import {
  type ConnectionOptions,
  type EndMessage,
  Watershed,
  type WatershedConnection,
  WebSocket,
} from '../../src/index.js';
import { encodeFrame, frame } from '../conformance/frames.js';
import { type CuttingDuplex } from './cutting-duplex.js';

export type Face = 'classic' | 'standard';
export type Kind = 'text' | 'binary' | 'blob' | 'broadcast';

/** The connections whose closing handshake was completed, by their id. */
const cleanEnds = new Set<number>();
subscribe('watershed:end', (message) => {
  const { id, wasClean } = message as EndMessage;
  if (wasClean) cleanEnds.add(id);
});

export class Side {
  readonly face: Face;
  readonly stream: CuttingDuplex;
  /** Resolves when every face has told its end. */
  readonly ended: Promise<unknown>;
  /** The messages that were taken, by their content; and at the same place what became of each that has a callback. */
  readonly sent: string[] = [];
  readonly outcomes: ('sent' | 'failed' | undefined)[] = [];
  readonly received: string[] = [];
  /** The kinds of events. */
  readonly told = new Set<string>();
  /** What went against the rules. */
  readonly faults: string[] = [];
  /** What is to be done inside the next event. */
  readonly inside: (() => void)[] = [];
  callbacksDue = 0;
  readonly #isServer: boolean;
  readonly #connection: WatershedConnection;
  readonly #webSocket: WebSocket | undefined;
  #errors = 0;
  #readyState = 0;
  readonly #ended = new Set<Face>();

  constructor(connection: WatershedConnection, stream: CuttingDuplex, face: Face, isServer: boolean) {
    this.#connection = connection;
    this.stream = stream;
    this.face = face;
    this.#isServer = isServer;
    this.#webSocket = face === 'standard' ? WebSocket.from(connection) : undefined;
    for (const name of ['ping', 'pong', 'drain', 'connectionReset'] as const) {
      connection.on(name, () => { this.#told('classic', name); });
    }
    connection.on('error', () => {
      this.#errors++;
      this.#told('classic', 'error');
    });
    if (this.#webSocket === undefined) {
      connection.on('text', (text) => { this.#receive('classic', text); });
      connection.on('binary', (data) => { this.#receive('classic', data.toString()); });
    } else {
      this.#listen(this.#webSocket);
    }
    this.ended = Promise.all([
      new Promise<void>((resolve) => { connection.on('end', () => { this.#end('classic', resolve); }); }),
      new Promise<void>((resolve) => {
        if (this.#webSocket === undefined) resolve();
        else this.#webSocket.onclose = (): void => { this.#end('standard', resolve); };
      }),
    ]);
  }

  #listen(webSocket: WebSocket): void {
    webSocket.binaryType = 'arraybuffer';
    webSocket.onopen = (): void => { this.#told('standard', 'open'); };
    webSocket.onmessage = ({ data }): void => {
      this.#receive('standard', typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer).toString());
    };
    webSocket.onerror = (): void => { this.#told('standard', 'error'); };
  }

  /** Whether the closing handshake was completed, as this side has seen it. */
  get wasClean(): boolean {
    return cleanEnds.has(this.#connection.id);
  }

  send(kind: Kind, content: string): void {
    const isOpen = this.#connection.readyState === 1;
    // A broadcast goes to the connection, whatever its faces know of it yet.
    const isTaken = isOpen && (kind === 'broadcast' || (this.#webSocket?.readyState ?? 1) === 1);
    if (kind === 'broadcast') {
      const count = Watershed.broadcast([this.#webSocket ?? this.#connection], content);
      if (count !== (isTaken ? 1 : 0)) this.faults.push(`it was broadcast to ${String(count)}`);
    } else if (this.#webSocket !== undefined) {
      // Before it is open it throws, as the standard says.
      if (this.#webSocket.readyState === WebSocket.CONNECTING) return;
      this.#webSocket.send(kind === 'text' ? content : kind === 'blob' ? new Blob([content]) : Buffer.from(content));
    } else {
      this.#sendClassic(kind === 'text' ? content : Buffer.from(content), isTaken);
    }
    if (isTaken) this.sent.push(content);
  }

  #sendClassic(data: string | Buffer, isTaken: boolean): void {
    this.callbacksDue++;
    let calls = 0;
    const place = this.sent.length;
    this.#connection.send(data, (error) => {
      if (++calls > 1) this.faults.push(`a callback was called ${String(calls)} times`);
      this.callbacksDue--;
      if (isTaken) this.outcomes[place] = error === undefined ? 'sent' : 'failed';
      else if (error === undefined) this.faults.push('a message that was not taken is said to be sent');
      this.#actInside();
    });
  }

  ping(): void {
    this.#connection.ping('p');
  }

  pong(): void {
    this.#connection.pong('q');
  }

  end(code: number | undefined): void {
    if (this.#webSocket !== undefined) this.#webSocket.close(code);
    else if (code === undefined) this.#connection.end();
    else this.#connection.end(code, 'bye');
  }

  destroy(): void {
    this.#connection.destroy();
    if (!this.#ended.has('classic')) this.faults.push('destroy has returned before the end');
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  reset(): void {
    this.stream.reset();
  }

  /** The other side has ended its half, as far as this one can see. */
  hangUp(): void {
    this.stream.hangUp();
  }

  /** Sends what must not be: a frame with a reserved opcode. */
  misbehave(): void {
    if (this.stream.writable) this.stream.write(encodeFrame(frame(3, ''), !this.#isServer));
  }

  #receive(face: Face, content: string): void {
    this.received.push(content);
    this.#told(face, 'a message');
  }

  #end(face: Face, resolve: () => void): void {
    this.#told(face, 'the end', () => { this.#ended.add(face); });
    resolve();
  }

  #told(face: Face, what: string, noted = (): void => undefined): void {
    this.told.add(what);
    if (this.#ended.has(face)) this.faults.push(`${what} came after the end`);
    if (this.#errors > 1) this.faults.push('there were two errors');
    const { readyState } = this.#connection;
    if (readyState < this.#readyState) this.faults.push(`the state went back to ${String(readyState)}`);
    this.#readyState = readyState;
    noted();
    this.#actInside();
  }

  #actInside(): void {
    this.inside.shift()?.();
  }
}

/** Two ends of one connection, over streams that cut what passes into pieces. */
export function openSides(
  [serverStream, clientStream]: readonly [CuttingDuplex, CuttingDuplex],
  [serverFace, clientFace]: readonly [Face, Face],
  options: ConnectionOptions,
): { watershed: Watershed; sides: [Side, Side] } {
  serverStream.peer = clientStream;
  clientStream.peer = serverStream;
  const watershed = new Watershed(options);
  const extensions = options.perMessageDeflate === true ? { 'sec-websocket-extensions': 'permessage-deflate' } : {};
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', ...extensions };
  const request = { headers: { ...upgrade, 'sec-websocket-key': key, 'sec-websocket-version': '13' } };
  const response = { statusCode: 101, headers: { ...upgrade, 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' } };
  const server = watershed.accept(request as never, serverStream, null);
  const client = watershed.connect(response as never, clientStream, null, key, options);
  return {
    watershed,
    sides: [new Side(server, serverStream, serverFace, true), new Side(client, clientStream, clientFace, false)],
  };
}
