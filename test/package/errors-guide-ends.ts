// Both ends of a connection, as the rows of docs/errors.md need them: one face of ours, and a raw peer.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, request as httpRequest } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { type ConnectionOptions, Watershed, type WatershedConnection, WebSocket } from '../../src/index.js';
import { deferred, dial, listenOn, Peer, readHead, requestText } from '../classic/ends.js';
import { switchingProtocols } from '../handshake/opening.js';

type Face = WatershedConnection | WebSocket;
type FaceName = 'standard' | 'classic';

export interface Ends {
  readonly end: 'server' | 'client';
  /** The face under test. */
  readonly subject: Face;
  readonly peer: Peer;
  /** The instance whose connection it is, for `closeAll`. */
  readonly watershed: Watershed;
  /** Sends bytes to our end, past the TLS of the peer. */
  readonly inject?: ((bytes: Buffer) => void) | undefined;
}

export interface EndOptions {
  readonly options?: ConnectionOptions;
  /** Whether the peer is a client that comes over TLS. */
  readonly tls?: boolean;
}

/** Opens a connection: one face of our end, and a raw peer. */
export async function openEnd(ending: EndOptions, end: 'server' | 'client', face: FaceName): Promise<Ends> {
  const watershed = new Watershed();
  const extensions = ending.options?.perMessageDeflate === undefined ? undefined : 'permessage-deflate';
  const openIt = end === 'server' ? openServerEnd : openClientEnd;
  const opened = await openIt(ending, face, watershed, extensions);
  const { subject } = opened;
  if (subject instanceof WebSocket && subject.readyState === WebSocket.CONNECTING) await once(subject, 'open');
  return { end, watershed, ...opened };
}

type Opened = Pick<Ends, 'subject' | 'peer' | 'inject'>;

async function openServerEnd(
  { options = {}, tls = false }: EndOptions,
  face: FaceName,
  watershed: Watershed,
  extensions: string | undefined,
): Promise<Opened> {
  const accepted = deferred<Face>();
  const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  const server = tls
    ? createHttpsServer({ cert: fixture('server-cert.pem'), key: fixture('server-key.pem') })
    : createHttpServer();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    accepted.resolve(
      face === 'classic'
        ? watershed.accept(request, socket, head, options)
        : WebSocket.accept(request, socket, head, { ...options, watershed }),
    );
  });
  const port = await listenOn(server);
  const request = requestText({ 'sec-websocket-extensions': extensions });
  const way = tls ? await dialTls(port, fixture('ca-cert.pem')) : { socket: dial(port), inject: undefined };
  way.socket.write(request);
  const { rest } = await readHead(way.socket);
  return { subject: await accepted.promise, peer: new Peer(way.socket, true, rest), inject: way.inject };
}

/** TLS by way of a relay, which can put something else into the stream. */
async function dialTls(port: number, ca: Buffer): Promise<{ socket: Socket; inject: (bytes: Buffer) => void }> {
  const relay = createServer((socket) => {
    const upstream = connect(port, '127.0.0.1');
    for (const each of [socket, upstream]) each.on('error', () => undefined);
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
    relay.on('inject', (bytes: Buffer) => upstream.write(bytes));
  });
  const socket = connectTls({ port: await listenOn(relay), host: '127.0.0.1', ca });
  return { socket, inject: (bytes) => relay.emit('inject', bytes) };
}

async function openClientEnd(
  { options = {} }: EndOptions,
  face: FaceName,
  watershed: Watershed,
  extensions: string | undefined,
): Promise<Opened> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listenOn(server);
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const subject =
    face === 'classic'
      ? connectClassic(port, options, watershed)
      : Promise.resolve(new WebSocket(`ws://127.0.0.1:${String(port)}/`, [], options));
  const [socket] = await connected;
  const { head, rest } = await readHead(socket);
  const lines = extensions === undefined ? [] : [`Sec-WebSocket-Extensions: ${extensions}`];
  socket.write(switchingProtocols(head, ...lines));
  return { subject: await subject, peer: new Peer(socket, false, rest) };
}

async function connectClassic(
  port: number,
  options: ConnectionOptions,
  watershed: Watershed,
): Promise<WatershedConnection> {
  const key = watershed.generateKey();
  const headers = watershed.requestHeaders(key, { perMessageDeflate: options.perMessageDeflate });
  const request = httpRequest({ port, host: '127.0.0.1', headers });
  request.end();
  const [response, socket, head] = (await once(request, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  return watershed.connect(response, socket, head, key, options);
}
