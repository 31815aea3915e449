/** A server and a client of the library on this machine, with the faces and the transport that a test asks for. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, Watershed, WebSocket } from '../../src/index.js';
import { ClassicEnd, type End, type Face, StandardEnd } from './end.js';

const cert = readFileSync(new URL('../fixtures/localhost-cert.pem', import.meta.url));
const key = readFileSync(new URL('../fixtures/localhost-key.pem', import.meta.url));

export interface ClientOptions extends ConnectionOptions {
  /** Milliseconds; the library's or Node's own if it is not given. */
  readonly handshakeTimeout: number | undefined;
}

export interface Settings {
  readonly serverFace: Face;
  readonly clientFace: Face;
  readonly isCompressed: boolean;
  readonly isSecure: boolean;
}

/** A server that accepts one connection. */
export class OneServer {
  readonly #server: Server;
  /** The server's end, as soon as there is one. */
  end: End | undefined;
  readonly accepted: Promise<End>;

  static async listen(settings: Settings, options: ConnectionOptions): Promise<OneServer> {
    const server = new OneServer(settings, options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  private constructor({ serverFace, isSecure }: Settings, options: ConnectionOptions) {
    this.#server = isSecure ? createHttpsServer({ cert, key }) : createServer();
    this.accepted = new Promise((resolve) => {
      this.#server.once('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
        this.end =
          serverFace === 'classic'
            ? new ClassicEnd('server', Watershed.accept(req, socket, head, options))
            : new StandardEnd('server', WebSocket.accept(req, socket, head, options));
        resolve(this.end);
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Its connections must be gone by now, but for those that never became any. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** The client's end, open or failed; undefined when there is none, since the handshake of the classic face failed. */
export function connectTo(port: number, settings: Settings, options: ClientOptions): Promise<End | undefined> {
  return settings.clientFace === 'classic'
    ? connectClassic(port, settings, options)
    : connectStandard(port, settings, options);
}

function connectClassic(
  port: number,
  { isSecure }: Settings,
  { handshakeTimeout, ...options }: ClientOptions,
): Promise<End | undefined> {
  return new Promise((resolve) => {
    const requestKey = Watershed.generateKey();
    const { perMessageDeflate } = options;
    const headers = Watershed.requestHeaders(requestKey, { perMessageDeflate });
    const target = { port, host: '127.0.0.1', headers, agent: false } as const;
    const request = isSecure ? httpsRequest({ ...target, ca: cert }) : httpRequest(target);
    if (handshakeTimeout !== undefined) request.setTimeout(handshakeTimeout, () => request.destroy());
    request.on('error', () => {
      resolve(undefined);
    });
    request.on('upgrade', (res, socket, head) => {
      resolve(new ClassicEnd('client', Watershed.connect(res, socket, head, requestKey, options)));
    });
    request.end();
  });
}

async function connectStandard(port: number, { isSecure }: Settings, options: ClientOptions): Promise<End> {
  const url = `${isSecure ? 'wss' : 'ws'}://127.0.0.1:${String(port)}/`;
  const webSocket = new WebSocket(url, { ...options, ...(isSecure && { ca: cert }) });
  const end = new StandardEnd('client', webSocket);
  await end.until(() => end.isOpen || end.hasEnded);
  return end;
}
