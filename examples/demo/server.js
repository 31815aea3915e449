// @ts-check
/**
 * The demo: a page for chat and echo, and the Watershed server behind it, on one port. Start it with `npm start`.
 *
 * Text frames carry JSON, one object each. A binary frame is a file; the text frame before it says which.
 *
 *   page to server                        server to page
 *   { type: 'text', to, text }            { type: 'text', to, text, from }
 *   { type: 'file', to, name } + binary   { type: 'file', to, name, from } + binary
 *   { type: 'ping' }                      { type: 'pong', roundTripTime }              in milliseconds
 *   { type: 'traffic', … }                the same message                             for the chart, not for the log
 *                                         { type: 'welcome', visitor, maxPayload }     first of all
 *                                         { type: 'joined', visitor, present }         present: how many are here
 *                                         { type: 'left', visitor, present, code, reason }
 *
 * `to` is 'everyone' (chat: the sender gets it too) or 'me' (echo). Visitors are numbers.
 */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { HandshakeError, Watershed } from 'watershed';

const SOCKET_PATH = '/socket';
const MAX_PAYLOAD = 16 * 1024 * 1024;

const watershed = new Watershed({
  maxPayload: MAX_PAYLOAD,
  // A page that stops reading while the others talk is given up, rather than remembered without end.
  maxBufferedAmount: 8 * MAX_PAYLOAD,
  heartbeat: { interval: 30_000, timeout: 10_000 },
});

/** @type {Set<import('watershed').WatershedConnection>} */
const visitors = new Set();

/** @param {import('watershed').WatershedConnection} connection */
function welcome(connection) {
  const visitor = connection.id;
  /** @type {{ to: string, name: string } | undefined} */
  let announcedFile;

  /** @type {(to: string, ...frames: (string | Buffer)[]) => void} */
  const deliver = (to, ...frames) => {
    for (const frame of frames) Watershed.broadcast(to === 'everyone' ? visitors : [connection], frame);
  };

  connection.on('text', (text) => {
    const message = parse(text);
    if (message?.type === 'text') {
      deliver(message.to, JSON.stringify({ type: 'text', to: message.to, text: message.text, from: visitor }));
    } else if (message?.type === 'file') {
      announcedFile = message;
    } else if (message?.type === 'ping') {
      connection.ping();
    } else if (message?.type === 'traffic') {
      connection.send(text);
    } else {
      connection.end(1008, 'not a message of this demo');
    }
  });

  connection.on('binary', (data) => {
    const { to, name } = announcedFile ?? { to: 'me', name: 'file' };
    announcedFile = undefined;
    deliver(to, JSON.stringify({ type: 'file', to, name, from: visitor }), data);
  });

  connection.on('pong', (_nonce, roundTripTime) => {
    if (roundTripTime !== undefined) connection.send(JSON.stringify({ type: 'pong', roundTripTime }));
  });

  connection.on('end', (code, reason) => {
    visitors.delete(connection);
    deliver('everyone', JSON.stringify({ type: 'left', visitor, present: visitors.size, code, reason }));
  });

  visitors.add(connection);
  deliver('me', JSON.stringify({ type: 'welcome', visitor, maxPayload: MAX_PAYLOAD }));
  deliver('everyone', JSON.stringify({ type: 'joined', visitor, present: visitors.size }));
}

/**
 * A message from a page, or undefined if it is none: what comes from the network is checked before it is used.
 * @param {string} text
 */
function parse(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (message?.type === 'ping' || message?.type === 'traffic') return message;
  const content = message?.type === 'text' ? message.text : message?.type === 'file' ? message.name : undefined;
  return typeof content === 'string' && (message.to === 'everyone' || message.to === 'me') ? message : undefined;
}

// The page's files are the only ones that are served, whatever a path says.
const files = new Map([
  servedFile('/', 'page.html', 'text/html'),
  servedFile('/page.css', 'page.css', 'text/css'),
  servedFile('/page.js', 'page.js', 'text/javascript'),
  servedFile('/size.js', 'size.js', 'text/javascript'),
  servedFile('/by-id.js', 'by-id.js', 'text/javascript'),
  servedFile('/traffic.js', 'traffic.js', 'text/javascript'),
  servedFile('/log.js', 'log.js', 'text/javascript'),
  servedFile('/chart.js', 'chart.js', 'text/javascript'),
  servedFile('/reconnecting-socket.js', 'reconnecting-socket.js', 'text/javascript'),
  servedFile('/icon.svg', 'icon.svg', 'image/svg+xml'),
]);

/** @type {(path: string, name: string, mediaType: string) => [string, { mediaType: string, content: Buffer }]} */
function servedFile(path, name, mediaType) {
  return [path, { mediaType, content: readFileSync(new URL(`page/${name}`, import.meta.url)) }];
}

/** @param {import('node:http').IncomingMessage} request */
function pathOf(request) {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

const server = createServer((request, response) => {
  const path = pathOf(request);
  const file = files.get(path);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    answer(405, `The method ${request.method} is not allowed here: use GET.\n`, { Allow: 'GET, HEAD' });
  } else if (path === SOCKET_PATH) {
    // RFC 9110 section 15.5.22: 426 names the protocol to upgrade to.
    const headers = { Upgrade: 'websocket', Connection: 'Upgrade' };
    answer(426, 'This is the WebSocket of the demo: open it with a WebSocket client.\n', headers);
  } else if (file === undefined) {
    answer(404, 'There is nothing here. The demo is at /\n');
  } else {
    answer(200, file.content, {
      'Content-Type': file.mediaType.startsWith('text/') ? `${file.mediaType}; charset=utf-8` : file.mediaType,
      'Content-Security-Policy':
        "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    });
  }

  /** @type {(status: number, body: string | Buffer, headers?: Record<string, string>) => void} */
  function answer(status, body, headers) {
    response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-cache',
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    });
    // To a HEAD request, node:http sends the head alone.
    response.end(body);
  }
});

server.on('upgrade', (request, socket, head) => {
  if (pathOf(request) !== SOCKET_PATH) {
    watershed.reject(socket, 404, { body: `The WebSocket of the demo is at ${SOCKET_PATH}\n` });
    return;
  }
  let connection;
  try {
    // A page of another site must not open a connection in its visitor's name (RFC 6455 section 10.2).
    connection = watershed.accept(request, socket, head, { origin: 'same-origin' });
  } catch (error) {
    watershed.reject(socket, error instanceof HandshakeError ? error : 400);
    return;
  }
  welcome(connection);
});

async function shutDown() {
  server.close();
  await watershed.closeAll({ code: 1001, reason: 'the demo server was stopped', timeout: 500 });
  process.exit();
}

// Not `once`: npm passes Ctrl-C on, so that it may come twice, and the second one must not cut the first short.
process.on('SIGINT', shutDown);
process.on('SIGTERM', shutDown);

const port = process.env.PORT ?? '8080';

if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
  console.error(`PORT must be a number from 0 to 65535, but is ${JSON.stringify(port)}.`);
  process.exitCode = 1;
} else {
  server.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
    const inUse = `Port ${port} is in use. Take another: PORT=0 npm start finds a free one.`;
    console.error(error.code === 'EADDRINUSE' ? inUse : `Cannot start: ${error.message}`);
    process.exitCode = 1;
  });
  server.listen(Number(port), () => {
    const address = /** @type {import('node:net').AddressInfo} */ (server.address());
    console.log(`The Watershed demo is at http://localhost:${address.port}/ (Ctrl-C stops it)`);
  });
}
