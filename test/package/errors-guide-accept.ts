// The rows of docs/errors.md about a server that accepts: requests that are refused, by their label.
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { HandshakeError, Watershed } from '../../src/index.js';
import { dial, listenOn, readHead, requestText } from '../classic/ends.js';

export interface Refusal {
  /** What the client sends. */
  readonly request: string;
  readonly options?: { readonly protocols?: readonly string[]; readonly origin?: 'same-origin' };
}

const request = (fields: Record<string, string | undefined>, requestLine?: string): Refusal => ({
  request: requestText(fields, requestLine),
});

export const refusals: ReadonlyMap<string, Refusal> = new Map([
  ['A method other than GET', request({}, 'PUT / HTTP/1.1')],
  ['HTTP/1.0', request({}, 'GET / HTTP/1.0')],
  ['No Host', request({ host: undefined })],
  ['No Upgrade', request({ upgrade: undefined })],
  ['Another Upgrade than websocket', request({ upgrade: 'h2c' })],
  ['A Connection without upgrade', request({ connection: 'keep-alive' })],
  ['No Sec-WebSocket-Key, or not 16 bytes in base64', request({ 'sec-websocket-key': 'short' })],
  ['No Sec-WebSocket-Version (`WebSocket.accept` alone)', request({ 'sec-websocket-version': undefined })],
  ['A Sec-WebSocket-Version other than 13', request({ 'sec-websocket-version': '8' })],
  ['A malformed list of subprotocols or extensions', request({ 'sec-websocket-protocol': 'a b' })],
  [
    'Subprotocols, none of them in `protocols`',
    { ...request({ 'sec-websocket-protocol': 'chat' }), options: { protocols: ['soap'] } },
  ],
  [
    'An Origin that the policy `origin` does not allow',
    { ...request({ origin: 'http://elsewhere.example' }), options: { origin: 'same-origin' } },
  ],
]);

type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];

/** What `accept` throws at a request, and the status that the client gets. */
export async function refuse(
  { request }: Refusal,
  accept: (...upgrade: Upgrade) => unknown,
): Promise<{ thrown: string | undefined; answered: string | undefined }> {
  let thrown: string | undefined;
  const server = createServer();
  const decide = (...[req, socket, head]: Upgrade): void => {
    try {
      accept(req, socket, head);
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      thrown = `${error.name} ${String(error.statusCode)} ${error.code}`;
      Watershed.reject(socket, error);
    }
  };
  server.on('upgrade', decide);
  // What asks for no upgrade, or for one that Node does not see, comes as a request.
  server.on('request', (req) => { decide(req, req.socket, Buffer.alloc(0)); });
  const socket = dial(await listenOn(server));
  socket.write(request);
  const { head } = await readHead(socket);
  return { thrown, answered: /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] };
}
