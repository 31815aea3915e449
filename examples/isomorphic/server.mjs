// @ts-check
/**
 * Isomorphic: one module, `questions.mjs`, that runs in a browser and in Node, and the server for both.
 *
 *   node examples/isomorphic/server.mjs     then open the address that it prints, or, in another terminal,
 *   node examples/isomorphic/client.mjs     which asks the same questions from Node
 *
 * `PORT` takes another port than 8080; 0 finds a free one. The page needs no bundler: an import map says what
 * `watershed` is, the file that a bundler would take because of the package's `browser` condition.
 */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { HandshakeError, Watershed, WebSocket } from 'watershed';

const watershed = new Watershed({ maxPayload: 10_000 });
const inPackage = import.meta.resolve('watershed');

/** @type {(file: string, base: string, mediaType: string) => { content: Buffer, mediaType: string }} */
const load = (file, base, mediaType) => ({ content: readFileSync(new URL(file, base)), mediaType });

// These files and no others, whatever a path says.
const files = new Map([
  ['/', load('page.html', import.meta.url, 'text/html; charset=utf-8')],
  ['/questions.mjs', load('questions.mjs', import.meta.url, 'text/javascript')],
  ['/watershed/browser.js', load('browser.js', inPackage, 'text/javascript')],
]);

const server = createServer((request, response) => {
  const file = files.get(request.url ?? '');
  if (file === undefined) response.writeHead(404).end();
  else response.setHeader('Content-Type', file.mediaType).end(file.content);
});

server.on('upgrade', (request, socket, head) => {
  let webSocket;
  try {
    webSocket = WebSocket.accept(request, socket, head, { watershed, origin: 'same-origin' });
  } catch (error) {
    Watershed.reject(socket, error instanceof HandshakeError ? error : 500);
    return;
  }
  webSocket.onmessage = ({ data }) => {
    try {
      const { number, question } = JSON.parse(data);
      webSocket.send(JSON.stringify({ number, answer: answer(String(question)) }));
    } catch {
      webSocket.close(4000, 'not a question');
    }
  };
});

/** @param {string} question */
function answer(question) {
  if (question === 'What time is it?') return new Date().toISOString();
  if (question === 'Who are you?') return `Node ${process.version}`;
  return 'I do not know.';
}

server.listen(process.env.PORT ?? 8080, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Questions at http://localhost:${port}/ (Ctrl-C stops it)`);
});

async function stop() {
  server.close();
  await watershed.closeAll();
  // A browser keeps connections in reserve that have not asked for anything yet.
  server.closeAllConnections();
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
