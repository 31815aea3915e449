// Opening handshakes, what they report, and raw TCP servers that answer them.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { expect, onTestFinished } from 'vitest';

import type { WebSocketOptions } from '../../src/handshake/client-options.js';
import { type EstablishedConnection, openHandshake, type OpeningHandshake } from '../../src/handshake/request.js';

export interface Attempt {
  readonly handshake: OpeningHandshake;
  /** Whatever has been reported. */
  readonly reports: (EstablishedConnection | Error)[];
  readonly established: Promise<EstablishedConnection>;
  readonly failure: Promise<Error & { code?: unknown; statusCode?: unknown; headers?: unknown }>;
}

/** Starts a handshake. When the test is finished, it must have reported at most once, and its socket is destroyed. */
export function open(url: string, options: WebSocketOptions = {}, protocols: readonly string[] = []): Attempt {
  const reports: (EstablishedConnection | Error)[] = [];
  const { promise: outcome, resolve } = deferred<EstablishedConnection | Error>();
  const report = (result: EstablishedConnection | Error): void => {
    reports.push(result);
    if (!(result instanceof Error)) result.socket.on('error', () => undefined);
    resolve(result);
  };
  const handshake = openHandshake(new URL(url), protocols, options, { onEstablished: report, onFailure: report });
  onTestFinished(() => {
    handshake.abort();
    for (const report of reports) if (!(report instanceof Error)) report.socket.destroy();
    expect(reports.length).toBeLessThan(2);
  });
  return {
    handshake,
    reports,
    get established() {
      return outcome.then((result) => {
        if (result instanceof Error) throw result;
        return result;
      });
    },
    get failure() {
      return outcome.then((result) => {
        if (result instanceof Error) return result;
        throw new Error('The handshake has not failed');
      });
    },
  };
}

export interface RawServer {
  readonly server: Server;
  readonly port: number;
  /** The heads of the requests, in order. */
  readonly heads: string[];
  readonly sockets: Socket[];
}

/** A TCP server that hands each request's head to `answer`. It is closed when the test is finished. */
export async function rawServer(
  answer: (socket: Socket, head: string) => void = () => undefined,
  listenOn: { host: string; port: number } | { path: string } = { host: '127.0.0.1', port: 0 },
): Promise<RawServer> {
  const heads: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    let received = '';
    // A client may reset the connection: that is what some tests are about.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = received.slice(0, end);
      received = received.slice(end + 4);
      heads.push(head);
      server.emit('request', head);
      answer(socket, head);
    });
  });
  server.listen(listenOn);
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  return { server, port: typeof address === 'string' ? 0 : (address as AddressInfo).port, heads, sockets };
}

/** A server that accepts every request, with further lines in its answer. */
export function acceptingServer(...lines: string[]): Promise<RawServer> {
  return rawServer((socket, head) => socket.write(switchingProtocols(head, ...lines)));
}

/** Waits until a server's socket is closed, because the client has closed it. */
export function closed(socket: Duplex | undefined): Promise<unknown> {
  return new Promise((resolve) => {
    if (socket?.destroyed !== false) resolve(undefined);
    else socket.on('close', resolve);
  });
}

/** The value of a field in a head, or undefined. */
export function fieldOf(head: string | undefined, name: string): string | undefined {
  const line = head?.split('\r\n').find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}: `));
  return line?.slice(name.length + 2);
}

/** The right value of Sec-WebSocket-Accept, made here so that the library's own is not trusted. */
export function acceptFor(head: string): string {
  const key = fieldOf(head, 'Sec-WebSocket-Key') ?? '';
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** A right answer to a request, with further lines. */
export function switchingProtocols(head: string, ...lines: string[]): string {
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptFor(head)}`,
    ...lines,
    '\r\n',
  ].join('\r\n');
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((onResolve) => {
    resolve = onResolve;
  });
  return { promise, resolve };
}

/** Waits until what is under way has run: a wrong second report would have come by then. */
export function laterTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
