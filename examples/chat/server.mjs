// @ts-check
/**
 * Chat: a page for several people, and the server behind it, in the classic face.
 *
 *   node examples/chat/server.mjs        and open the address that it prints in two windows
 *
 * `PORT` takes another port than 8080; 0 finds a free one. Every message is a JSON object:
 *
 *   page to server   { type: 'enter', name }   first of all
 *                    { type: 'say', text }
 *   server to page   { type: 'present', names }
 *                    { type: 'said', name, text }
 */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { HandshakeError, Watershed } from 'watershed';

const page = readFileSync(new URL('page.html', import.meta.url));
const watershed = new Watershed({
  // Nobody types more than this, and a page that stops reading is given up.
  maxPayload: 10_000,
  maxBufferedAmount: 1_000_000,
  heartbeat: { interval: 30_000, timeout: 10_000 },
});

/**
 * Who is in the room, by connection.
 * @type {Map<import('watershed').WatershedConnection, string>}
 */
const people = new Map();

/** @param {object} message */
function tellAll(message) {
  Watershed.broadcast(people.keys(), JSON.stringify(message));
}

function tellWhoIsPresent() {
  tellAll({ type: 'present', names: [...people.values()] });
}

/** @param {import('watershed').WatershedConnection} connection */
function welcome(connection) {
  connection.on('text', (text) => {
    const message = parse(text);
    const name = people.get(connection);
    if (name === undefined && message?.type === 'enter' && isText(message.name, 40)) {
      people.set(connection, message.name.trim());
      tellWhoIsPresent();
    } else if (name !== undefined && message?.type === 'say' && isText(message.text, 2_000)) {
      tellAll({ type: 'said', name, text: message.text });
    } else {
      connection.end(1008, 'not a message of this chat');
    }
  });

  connection.on('end', () => {
    if (people.delete(connection)) tellWhoIsPresent();
  });
}

/**
 * What comes from the network is checked before it is used. It is passed on as it was typed: making it harmless is for
 * the page, which knows where it puts it.
 * @param {string} text
 */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @type {(value: unknown, maximum: number) => value is string} */
function isText(value, maximum) {
  return typeof value === 'string' && value.trim() !== '' && value.length <= maximum;
}

const server = createServer((request, response) => {
  if (request.url === '/') response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page);
  else response.writeHead(404, { 'Content-Type': 'text/plain' }).end('The chat is at /\n');
});

server.on('upgrade', (request, socket, head) => {
  let connection;
  try {
    // A page of another site must not speak in its visitor's name (RFC 6455 section 10.2).
    connection = watershed.accept(request, socket, head, { origin: 'same-origin' });
  } catch (error) {
    watershed.reject(socket, error instanceof HandshakeError ? error : 500);
    return;
  }
  welcome(connection);
});

server.listen(process.env.PORT ?? 8080, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Chat at http://localhost:${port}/ (Ctrl-C stops it)`);
});

async function stop() {
  server.close();
  await watershed.closeAll();
  // A browser keeps connections in reserve that have not asked for anything yet.
  server.closeAllConnections();
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
