// The rows of docs/errors.md about a client that connects: what goes wrong, by the row's label, and what a WebSocket
// and a request with `connect` show of it.
import { readFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import https, { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { Watershed, WatershedConnection, WebSocket, type WebSocketOptions } from '../../src/index.js';
import { listenOn, record } from '../classic/ends.js';
import { acceptFor, acceptingServer, rawServer, switchingProtocols } from '../handshake/opening.js';
import { freePort } from '../interop/daemon.js';

interface Target {
  readonly scheme?: 'ws' | 'wss';
  readonly host?: string;
  readonly port: number;
}

export interface Opening {
  readonly target: () => Promise<Target>;
  readonly options?: () => WebSocketOptions;
  readonly protocols?: readonly string[];
  /** What the program does as soon as it has a WebSocket. */
  readonly act?: (webSocket: WebSocket) => void;
  /** What comes of a request, where it is neither an error nor a response; false where there is nothing to be done. */
  readonly byRequest?: 'nothing' | 'connected' | false;
}

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

const raw = (answer?: Parameters<typeof rawServer>[0]) => async (): Promise<Target> => await rawServer(answer);
const writes = (text: string) => raw((socket) => socket.write(text));
const accepts = (...lines: string[]) => async (): Promise<Target> => await acceptingServer(...lines);

const overTls = (name: string) => async (): Promise<Target> => {
  const server = createHttpsServer({ cert: fixture(`${name}-cert.pem`), key: fixture(`${name}-key.pem`) });
  server.on('tlsClientError', () => undefined);
  return { scheme: 'wss', port: await listenOn(server) };
};

const unresolved: WebSocketOptions['lookup'] = (host, _options, callback) => {
  // As the system's resolver fails; not every machine that runs the tests has one that answers.
  callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }), '', 0);
};

class FailingAgent extends http.Agent {
  override createConnection(_options: unknown, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    callback?.(new Error('the tunnel is closed'), new PassThrough());
  }
}

export const openings: ReadonlyMap<string, Opening> = new Map<string, Opening>([
  ['Nobody listens on the port', { target: async () => ({ port: await freePort() }) }],
  [
    'The host name has no address',
    { target: () => Promise.resolve({ host: 'watershed.invalid', port: 80 }), options: () => ({ lookup: unresolved }) },
  ],
  ['The certificate is signed by nobody known', { target: overTls('server') }],
  ['The certificate is self-signed', { target: overTls('localhost') }],
  [
    'The certificate is for another name',
    { target: overTls('server'), options: () => ({ ca: fixture('ca-cert.pem'), servername: 'example.com' }) },
  ],
  [
    '`wss:` to a server that speaks no TLS',
    { target: async () => ({ scheme: 'wss', port: await listenOn(http.createServer()) }) },
  ],
  [
    '`ws:` to a server that speaks TLS',
    { target: async () => ({ ...(await overTls('server')()), scheme: 'ws' }) },
  ],
  ['The server ends TCP before it answers', { target: raw((socket) => { socket.end(); }) }],
  ['The server resets TCP before it answers', { target: raw((socket) => { socket.resetAndDestroy(); }) }],
  ['The answer is no HTTP', { target: writes('220 mail.example ESMTP\r\n') }],
  [
    'No answer within `handshakeTimeout`',
    { target: raw(), options: () => ({ handshakeTimeout: 20 }), byRequest: 'nothing' },
  ],
  ['The `signal` is aborted', { target: raw(), options: () => ({ signal: AbortSignal.timeout(20) }) }],
  ['`close()` before `open`', { target: raw(), act: (webSocket) => { webSocket.close(); }, byRequest: false }],
  ['A port that browsers block', { target: () => Promise.resolve({ port: 6000 }), byRequest: 'connected' }],
  ['An answer other than 101', { target: writes('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n') }],
  ['A redirect, not followed', { target: writes(redirect('/elsewhere')) }],
  [
    'More redirects than `maxRedirects`',
    { target: writes(redirect('/again')), options: () => ({ followRedirects: true, maxRedirects: 2 }) },
  ],
  ['101 without an upgrade', { target: writes('HTTP/1.1 101 Switching Protocols\r\n\r\n') }],
  [
    '101, but an upgrade to something else',
    {
      target: raw((socket, head) => {
        socket.write(switchingProtocols(head).replace('Upgrade: websocket', 'Upgrade: h2c'));
      }),
    },
  ],
  [
    'A wrong Sec-WebSocket-Accept',
    {
      target: raw((socket, head) => {
        socket.write(switchingProtocols(head).replace(acceptFor(head), acceptFor('')));
      }),
    },
  ],
  ['Another version of the protocol', { target: accepts('Sec-WebSocket-Version: 14') }],
  ['A subprotocol that was not asked for', { target: accepts('Sec-WebSocket-Protocol: soap'), protocols: ['chat'] }],
  ['None of the subprotocols that were asked for', { target: accepts(), protocols: ['chat'], byRequest: 'connected' }],
  ['An extension that was not asked for', { target: accepts('Sec-WebSocket-Extensions: bzip') }],
  [
    'The agent fails without a code of its own',
    { target: raw(), options: () => ({ agent: new FailingAgent() }) },
  ],
]);

function redirect(location: string): string {
  return `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;
}

/** What both faces of a WebSocket show. */
export async function connectWebSocket({ target, options, protocols = [], act }: Opening) {
  const { scheme = 'ws', host = '127.0.0.1', port } = await target();
  const webSocket = new WebSocket(`${scheme}://${host}:${String(port)}/`, [...protocols], options?.());
  const classic = record(WatershedConnection.from(webSocket));
  act?.(webSocket);
  const standard: string[] = [];
  const codes: unknown[] = [];
  webSocket.onopen = () => standard.push('open');
  webSocket.onerror = ({ error }) => {
    standard.push('error');
    codes.push((error as NodeJS.ErrnoException).code);
  };
  await new Promise<void>((resolve) => {
    webSocket.onclose = ({ code, wasClean }) => {
      standard.push(`close ${String(code)} ${wasClean ? 'clean' : 'not clean'}`);
      resolve();
    };
  });
  const traces = classic.map(([name, ...args]) => {
    if (name === 'error') codes.push((args[0] as NodeJS.ErrnoException).code);
    return name === 'end' ? `'end' ${args.map(String).join(' ')}` : `'${String(name)}'`;
  });
  return { standard, classic: traces, codes };
}

/** What comes of a request that asks for the same, and of `connect`, in a few words. */
export async function connectByRequest({ target, options, protocols = [] }: Opening): Promise<string> {
  const { scheme = 'ws', host = '127.0.0.1', port } = await target();
  const key = Watershed.generateKey();
  // Nothing listens on a port that browsers block: somewhere else does.
  const elsewhere = port === 6000 ? (await acceptingServer()).port : undefined;
  const { handshakeTimeout, ...others } = options?.() ?? {};
  const request = (scheme === 'wss' ? https : http).request({
    // Node leaves alone what is not an option of its own.
    ...(others as http.RequestOptions),
    ...(elsewhere !== undefined && { createConnection: () => connect(elsewhere, '127.0.0.1') }),
    host,
    port,
    headers: Watershed.requestHeaders(key, { protocols }),
  });
  onTestFinished(() => void request.destroy());
  const outcome = new Promise<string>((resolve) => {
    request.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === undefined ? 'error undefined' : `error ${error.code}`);
    });
    request.on('response', ({ statusCode }) => { resolve(`response ${String(statusCode)}`); });
    request.on('upgrade', (response, socket, head) => {
      resolve(connectOver(response, socket, head, key, protocols));
    });
  });
  request.end();
  // Where nothing comes, nothing has come in the time that the WebSocket takes to give up.
  const nothing = handshakeTimeout === undefined ? [] : [delay(handshakeTimeout).then(() => 'nothing')];
  return await Promise.race([outcome, ...nothing]);
}

function connectOver(
  response: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  key: string,
  protocols: readonly string[],
): string {
  socket.on('error', () => undefined);
  try {
    const connection = Watershed.connect(response, socket, head, key, { protocols });
    const subprotocol = connection.getProtocol();
    connection.destroy();
    return subprotocol === null ? 'connected' : `connected with ${subprotocol}`;
  } catch (error) {
    socket.destroy();
    return `throws ${String((error as NodeJS.ErrnoException).code)}`;
  }
}
