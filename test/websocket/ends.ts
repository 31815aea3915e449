/**
 * A WebSocket of ours as the client's or the server's end, and opposite it a raw peer that does whatever the test says.
 * Everything that is opened here is closed when the test is over.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type MessageEvent, WebSocket, type WebSocketAcceptOptions, type WebSocketOptions } from '../../src/index.js';
import { deferred, dialPeer, listen, listenOn, Peer, readHead, requestText } from '../classic/ends.js';
import { close, encodeFrame, type Frame } from '../conformance/frames.js';
import { switchingProtocols } from '../handshake/opening.js';

export interface Ends {
  readonly webSocket: WebSocket;
  readonly peer: Peer;
}

type SetUp = (webSocket: WebSocket) => void;

/** A client's end and a raw server. `setUp` is called in the constructor's tick; `more` comes in one write with the 101. */
export async function clientEnd(
  options: WebSocketOptions = {},
  setUp: SetUp = () => undefined,
  more: readonly Frame[] = [],
): Promise<Ends> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listenOn(server);
  const connected = once(server, 'connection');
  const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`, options);
  setUp(webSocket);
  const [socket] = (await connected) as [Socket];
  const { head, rest } = await readHead(socket);
  socket.write(Buffer.concat([Buffer.from(switchingProtocols(head)), ...more.map((frame) => encodeFrame(frame, false))]));
  return { webSocket, peer: new Peer(socket, false, rest) };
}

/** A server's end and a raw client. `setUp` is called in the tick of `accept`; `more` comes in one write with the request. */
export async function serverEnd(
  options: WebSocketAcceptOptions = {},
  setUp: SetUp = () => undefined,
  more: readonly Frame[] = [],
): Promise<Ends> {
  const accepted = deferred<WebSocket>();
  const port = await listen((req, socket, head) => {
    const webSocket = WebSocket.accept(req, socket, head, options);
    setUp(webSocket);
    accepted.resolve(webSocket);
  });
  const peer = await dialPeer(port, requestText(), more);
  return { webSocket: await accepted.promise, peer };
}

/** For `describe.each` and `it.each`: each end, with the options that both take. */
export const bothEnds: [string, (options?: WebSocketAcceptOptions & WebSocketOptions, ...rest: [SetUp?, Frame[]?]) => Promise<Ends>][] = [
  ['client', clientEnd],
  ['server', serverEnd],
];

/** An end that is open already. */
export async function opened(ends: Promise<Ends>): Promise<Ends> {
  const { webSocket, peer } = await ends;
  if (webSocket.readyState === WebSocket.CONNECTING) await once(webSocket, 'open');
  return { webSocket, peer };
}

/** Takes part in the closing handshake that the WebSocket has begun, and ends TCP. */
export async function answerClose({ webSocket, peer }: Ends, code = 1000): Promise<void> {
  const closed = once(webSocket, 'close');
  peer.send(close(code));
  peer.socket.end();
  await closed;
}

/** Records every event: its type, what it says, and the ready state. */
export function recordEvents(webSocket: WebSocket): string[] {
  const events: string[] = [];
  const note = (event: string): number => events.push(`${event} [${String(webSocket.readyState)}]`);
  webSocket.addEventListener('open', () => note('open'));
  webSocket.addEventListener('message', ({ data }: MessageEvent) => note(`message ${String(data)}`));
  webSocket.addEventListener('error', ({ error }) => note(`error ${String((error as NodeJS.ErrnoException).code)}`));
  webSocket.addEventListener('close', ({ code, reason, wasClean }) => {
    note(`close ${String(code)} ${JSON.stringify(reason)} ${wasClean ? 'clean' : 'not clean'}`);
  });
  return events;
}

/** A program's globals, for one test. */
export function setGlobal(name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  onTestFinished(() => {
    if (before === undefined) Reflect.deleteProperty(globalThis, name);
    else Object.defineProperty(globalThis, name, before);
  });
}
