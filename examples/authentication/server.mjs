// @ts-check
/**
 * Authentication: a page where one logs in, a session in a cookie, and a WebSocket for those alone who have one.
 *
 *   node examples/authentication/server.mjs        and open the address that it prints: alice, with the password water
 *
 * `PORT` takes another port than 8080; 0 finds a free one.
 *
 *   POST /login    name=…&password=…   204 with the cookie, or 401
 *   POST /logout                       204; the person's connections are closed with 4001
 *   WebSocket /                        greets whoever is logged in; 401 with a JSON body otherwise
 */

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { HandshakeError, Watershed } from 'watershed';

const SESSION_TIME = 60 * 60 * 1000;
const LOGGED_OUT = 4001;

const page = readFileSync(new URL('page.html', import.meta.url));
const watershed = new Watershed({ maxPayload: 10_000, heartbeat: { interval: 30_000, timeout: 10_000 } });

const salt = randomBytes(16);
const accounts = new Map([['alice', await hash('water')]]);

/** @typedef {{ name: string, expires: number, connections: Set<import('watershed').WatershedConnection> }} Session */
/** @type {Map<string, Session>} */
const sessions = new Map();

/**
 * The session that a request's cookie names. A real one would ask a database: it takes its time here too.
 * @param {import('node:http').IncomingMessage} request
 * @returns {Promise<Session | undefined>}
 */
async function findSession(request) {
  await new Promise((resolve) => setImmediate(resolve));
  const session = sessions.get(sessionId(request));
  return session !== undefined && session.expires > Date.now() ? session : undefined;
}

/** @param {import('node:http').IncomingMessage} request */
function sessionId({ headers: { cookie = '' } }) {
  return /(?:^|; )session=([^;]*)/.exec(cookie)?.[1] ?? '';
}

/**
 * @param {string} password
 * @returns {Promise<Buffer>}
 */
function hash(password) {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

/** @type {(name: string, password: string) => Promise<boolean>} */
async function isPasswordRight(name, password) {
  // Without an account too: how long the answer takes tells nobody who has one.
  const actual = await hash(password);
  const expected = accounts.get(name);
  return expected !== undefined && timingSafeEqual(actual, expected);
}

/** @type {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => Promise<void>} */
async function answer(request, response) {
  const asked = `${request.method} ${request.url}`;
  if (asked === 'GET /') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page);
  } else if (asked === 'POST /login' && Number(request.headers['content-length']) < 1000) {
    const form = new URLSearchParams(await text(request));
    const name = form.get('name') ?? '';
    if (!(await isPasswordRight(name, form.get('password') ?? ''))) {
      response.writeHead(401).end();
      return;
    }
    const id = randomBytes(32).toString('base64url');
    sessions.set(id, { name, expires: Date.now() + SESSION_TIME, connections: new Set() });
    // HttpOnly: no script of the page can read it. With https:, add Secure.
    const cookie = `session=${id}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${SESSION_TIME / 1000}`;
    response.writeHead(204, { 'Set-Cookie': cookie }).end();
  } else if (asked === 'POST /logout') {
    const id = sessionId(request);
    // A connection has been let in once and for all: whoever ends the session has to end it too.
    for (const connection of sessions.get(id)?.connections ?? []) connection.end(LOGGED_OUT, 'logged out');
    sessions.delete(id);
    response.writeHead(204, { 'Set-Cookie': 'session=; Path=/; Max-Age=0' }).end();
  } else {
    response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  // What can go wrong is that whoever asked has gone away.
  answer(request, response).catch(() => response.destroy());
});

server.on('upgrade', async (request, socket, head) => {
  // While we wait for the answer nobody else listens for the socket's errors.
  watershed.guard(socket);
  try {
    const session = await findSession(request);
    if (session === undefined) {
      watershed.reject(socket, 401, {
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ error: 'not logged in', login: '/login' }),
      });
      return;
    }
    // The browser sends the cookie for pages of other sites too, if they are let (RFC 6455 section 10.2).
    const connection = watershed.accept(request, socket, head, { origin: 'same-origin' });
    serve(connection, session);
  } catch (error) {
    // The handshake is wrong, or the peer has gone away meanwhile: then there is nobody to answer.
    watershed.reject(socket, error instanceof HandshakeError ? error : 500);
  }
});

/**
 * @param {import('watershed').WatershedConnection} connection
 * @param {Session} session
 */
function serve(connection, { name, connections }) {
  connections.add(connection);
  connection.on('end', () => connections.delete(connection));
  connection.on('text', (text) => connection.send(`${name} said: ${text}`));
  connection.send(`Hello ${name}`);
}

server.listen(process.env.PORT ?? 8080, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`Authentication at http://localhost:${port}/ (Ctrl-C stops it)`);
});

async function stop() {
  server.close();
  await watershed.closeAll();
  // A browser keeps connections in reserve that have not asked for anything yet.
  server.closeAllConnections();
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
