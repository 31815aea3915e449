// The programs of docs/authentication.md and docs/shutting-down.md: who is let in and who is not, with which answer,
// and how a server ends. Each runs in a process of its own, with real clients, and has to end by itself with status 0
// and nothing on stderr.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket as WsWebSocket } from 'ws';

import { dial, readHead, requestText } from '../classic/ends.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'watershed-policy-'));

beforeAll(async () => {
  // npm test builds first; this is for a test file that is run by itself in a fresh clone.
  if (!existsSync(join(repository, 'dist/index.js'))) execFileSync('npm', ['run', 'build'], { cwd: repository });
  await mkdir(join(folder, 'node_modules'));
  await symlink(repository, join(folder, 'node_modules', 'watershed'));
  for (const document of ['authentication.md', 'shutting-down.md']) {
    const guide = await readFile(join(repository, 'docs', document), 'utf8');
    for (const [, text = '', name = ''] of guide.matchAll(/^```js\n(\/\/ (\S+)\n[\s\S]*?)^```$/gm)) {
      await writeFile(join(folder, name), text);
    }
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A program of a guide. It is killed with the test, if it has not ended before. */
function start(name: string, args: string[] = [], environment: Record<string, string> = {}) {
  const env = { ...process.env, PORT: '0', ...environment };
  const child = spawn(process.execPath, [name, ...args], { cwd: folder, env });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const outputs: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => outputs.push(chunk));
  const ended = once(child, 'close').then(([code]) => {
    expect({ code: code as unknown, errors }).toEqual({ code: 0, errors: '' });
    return outputs.join('');
  });
  return { child, ended };
}

interface Server {
  readonly port: number;
  /** Interrupts it, as Ctrl+C does, waits for its end, and gives what it has printed after its address. */
  stop(): Promise<string>;
  /** What it has printed after its address when it has ended. */
  readonly ended: Promise<string>;
  interrupt(): void;
}

async function startServer(name: string): Promise<Server> {
  const { child, ended } = start(name);
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended.then(() => [''])])) as [string];
  const port = Number(/^listening on ws:\/\/127\.0\.0\.1:(\d+)\n$/.exec(line)?.[1]);
  const rest = ended.then((output) => output.slice(line.length));
  const interrupt = (): void => {
    child.kill('SIGINT');
  };
  return {
    port,
    ended: rest,
    interrupt,
    stop: () => {
      interrupt();
      return rest;
    },
  };
}

/** The response to a request: the status, the header fields that were asked for, and the body. */
async function responseOf(socket: Socket, ...names: string[]) {
  const { head, rest } = await readHead(socket);
  const body = rest.toString() + (await textOf(socket));
  const [statusLine = '', ...lines] = head.split('\r\n');
  const fields = new Map(lines.map((line) => [line.split(': ', 1)[0]?.toLowerCase() ?? '', line]));
  const length = Number(fields.get('content-length')?.split(': ')[1]);
  expect(length).toBe(Buffer.byteLength(body));
  return { status: Number(statusLine.split(' ')[1]), fields: names.map((name) => fields.get(name)), body };
}

function request(port: number, fields: Record<string, string> = {}, path = '/'): Socket {
  const socket = dial(port);
  socket.write(requestText(fields, `GET ${path} HTTP/1.1`));
  return socket;
}

/** A client whose connection has opened. */
async function openWs(port: number, headers: Record<string, string> = {}, path = '/'): Promise<WsWebSocket> {
  const webSocket = new WsWebSocket(`ws://127.0.0.1:${String(port)}${path}`, { headers });
  onTestFinished(() => {
    webSocket.terminate();
  });
  await once(webSocket, 'open');
  return webSocket;
}

/** The message that comes when the connection has opened: it may be in the same packet. */
async function greetingOf(port: number, headers: Record<string, string>): Promise<[WsWebSocket, string]> {
  const webSocket = new WsWebSocket(`ws://127.0.0.1:${String(port)}`, { headers });
  onTestFinished(() => {
    webSocket.terminate();
  });
  const [data] = (await once(webSocket, 'message')) as [Buffer];
  return [webSocket, data.toString()];
}

async function closeOf(webSocket: WsWebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(webSocket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

describe('docs/authentication.md', () => {
  it('lets a client with a token in, and answers one without with status, header fields and body', async () => {
    const server = await startServer('token-server.mjs');
    const [webSocket, greeting] = await greetingOf(server.port, { Authorization: 'Bearer secret' });
    expect(greeting).toBe('Hello, Ada');
    expect(await responseOf(request(server.port), 'www-authenticate', 'content-type', 'connection')).toEqual({
      status: 401,
      fields: ['WWW-Authenticate: Bearer', 'Content-Type: application/json', 'Connection: close'],
      body: '{"error":"a valid token is needed"}',
    });
    const wrongVersion = request(server.port, { authorization: 'Bearer secret', 'sec-websocket-version': '12' });
    expect(await responseOf(wrongVersion, 'sec-websocket-version')).toEqual({
      status: 426,
      fields: ['Sec-WebSocket-Version: 13'],
      body: 'Unsupported Sec-WebSocket-Version',
    });
    const broken = await responseOf(request(server.port, { authorization: 'Bearer broken' }));
    expect([broken.status, broken.body]).toEqual([500, 'Internal Server Error']);
    const closed = closeOf(webSocket);
    await server.stop();
    expect(await closed).toEqual([1001, '']);
  });

  it('outlives clients that go away during the check, in order or with a reset', async () => {
    const server = await startServer('token-server.mjs');
    const goneAway = Array.from({ length: 40 }, async (_, index) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.write(requestText({ authorization: 'Bearer secret' }), resolve));
      // At every time of a check of 50 ms, and behind it.
      await new Promise((resolve) => setTimeout(resolve, index * 2));
      const closed = once(socket, 'close');
      if (index % 2 === 0) socket.resetAndDestroy();
      else socket.end();
      socket.resume();
      await closed;
    });
    await Promise.all(goneAway);
    expect((await greetingOf(server.port, { Authorization: 'Bearer secret' }))[1]).toBe('Hello, Ada');
    await server.stop();
  });

  it('has a client that is greeted, and one that says why it was refused', async () => {
    const server = await startServer('token-server.mjs');
    const url = `ws://127.0.0.1:${String(server.port)}`;
    expect(await start('token-client.mjs', [url]).ended).toBe('Hello, Ada\n');
    expect(await start('token-client.mjs', [url], { TOKEN: 'guessed' }).ended).toBe(
      'The server answered 401 Unauthorized instead of 101: it wants credentials, in the option headers or in the URL, ' +
        'Bearer\n',
    );
    await server.stop();
    expect(await start('token-client.mjs', ['ws://127.0.0.1:1']).ended).toMatch(
      /^The port 1 is blocked.*, WATERSHED_BLOCKED_PORT\n$/,
    );
  });

  it('knows a user by a session, lets no page of another origin use it, and ends its connections with it', async () => {
    const server = await startServer('session-server.mjs');
    const origin = `http://127.0.0.1:${String(server.port)}`;
    const login = await fetch(origin);
    expect(await login.text()).toBe('You are logged in.\n');
    const [cookie = ''] = login.headers.getSetCookie().map((each) => each.split(';')[0]);
    expect(cookie).toMatch(/^session=[\w-]{36}$/);

    const [first, greeting] = await greetingOf(server.port, { Cookie: `theme=dark; ${cookie}`, Origin: origin });
    const [second] = await greetingOf(server.port, { Cookie: cookie });
    expect(greeting).toBe('Hello, Ada');

    const host = `127.0.0.1:${String(server.port)}`;
    const elsewhere = request(server.port, { host, cookie, origin: 'http://elsewhere.example' });
    expect(await responseOf(elsewhere)).toMatchObject({
      status: 403,
      body: 'The origin policy does not allow the Origin',
    });
    for (const wrong of ['session=1', 'session=', 'session=__proto__', `xsession=${cookie.slice(8)}`]) {
      const response = await responseOf(request(server.port, { cookie: wrong }));
      expect(response).toMatchObject({ status: 401, body: 'Log in first.\n' });
    }

    const closed = Promise.all([closeOf(first), closeOf(second)]);
    first.send('log out');
    expect(await closed).toEqual([[4001, 'logged out'], [4001, 'logged out']]);
    expect((await responseOf(request(server.port, { cookie }))).status).toBe(401);
    await server.stop();
  });

  it('caps the time and the size of a handshake, and the time of its own check', async () => {
    const server = await startServer('capped-server.mjs');
    const slow = dial(server.port);
    slow.write('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: yes\r\n');
    const [late, large, forbidden, checked] = await Promise.all([
      textOf(slow),
      textOf(request(server.port, { 'x-large': 'a'.repeat(8 * 1024) })),
      responseOf(request(server.port, {}, '/forbidden')),
      responseOf(request(server.port, {}, '/slow')),
    ]);
    expect(late).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(large).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    expect(forbidden).toMatchObject({ status: 403, body: 'Forbidden' });
    expect(checked).toMatchObject({ status: 503, body: 'Service Unavailable' });

    const webSocket = await openWs(server.port);
    webSocket.send('hello');
    expect(String((await once(webSocket, 'message'))[0])).toBe('hello');
    await server.stop();
  });
});

/** Sends numbered messages one after the other until the connection closes, and records what comes back. */
function putUnderLoad(webSocket: WsWebSocket): { received: string[]; sent: () => number } {
  const received: string[] = [];
  let sent = 0;
  const send = (): void => {
    if (webSocket.readyState !== WsWebSocket.OPEN) return;
    for (let count = 0; count < 10; count++) webSocket.send(String(sent++));
    setImmediate(send);
  };
  webSocket.on('message', (data: Buffer) => received.push(data.toString()));
  send();
  return { received, sent: () => sent };
}

describe('docs/shutting-down.md', () => {
  it('says goodbye to clients of both faces under load, and does not wait for those that do not answer', async () => {
    const server = await startServer('shutting-down.mjs');
    const clients = await Promise.all(
      ['/', '/', '/', '/standard', '/standard'].map((path) => openWs(server.port, {}, path)),
    );
    const loads = clients.map(putUnderLoad);
    await Promise.all(clients.map((client) => once(client, 'message')));

    // One that answers nothing, and one that sends and reads nothing.
    const silent = request(server.port);
    await readHead(silent);
    silent.resume();
    const deaf = await openWs(server.port);
    deaf.pause();
    for (let count = 0; count < 100; count++) deaf.send('x'.repeat(100_000));

    const closes = clients.map(closeOf);
    server.interrupt();
    expect(await Promise.all(closes)).toEqual(clients.map(() => [1012, 'restarting']));
    for (const { received, sent } of loads) {
      // What came back is what was sent, in order, up to the end.
      expect(received.length).toBeGreaterThan(0);
      expect(received.length).toBeLessThanOrEqual(sent());
      expect(received).toEqual(received.map((_, index) => String(index)));
    }
    expect(await server.ended).toBe('5 closed, 2 destroyed\n');
  });

  it('refuses an upgrade that comes while it shuts down, with 503 and when to try again', async () => {
    const server = await startServer('shutting-down.mjs');
    const late = dial(server.port);
    const [requestLine = '', ...lines] = requestText().split('\r\n');
    late.write(`${requestLine}\r\n`);
    // It answers no CLOSE, so that there is time.
    const silent = request(server.port);
    await readHead(silent);
    silent.resume();
    const client = await openWs(server.port);
    const closed = closeOf(client);
    server.interrupt();
    expect(await closed).toEqual([1012, 'restarting']);
    late.write(lines.join('\r\n'));
    expect(await responseOf(late, 'retry-after')).toMatchObject({ status: 503, fields: ['Retry-After: 1'] });
    expect(await server.ended).toBe('1 closed, 1 destroyed\n');
  });

  it('ends at once when there is nobody', async () => {
    const server = await startServer('shutting-down.mjs');
    expect(await server.stop()).toBe('0 closed, 0 destroyed\n');
  });
});
