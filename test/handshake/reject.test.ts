import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { HandshakeError } from '../../src/errors.js';
import { take } from '../../src/handshake/guard.js';
import { reject } from '../../src/handshake/reject.js';
import { closeOf, readResponse, UpgradeServer } from './upgrade.js';

let server: UpgradeServer;
beforeEach(async () => {
  server = new UpgradeServer();
  await server.listen();
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

const versionError = new HandshakeError('WATERSHED_UNSUPPORTED_VERSION', 426, 'Unsupported Sec-WebSocket-Version', {
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'X-Absent': undefined,
});

describe('reject', () => {
  it('leaves a socket alone that is a connection, and warns of that once', async () => {
    const { socket, client } = await server.upgrade();
    take(socket);
    const warnings: Error[] = [];
    const listener = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listener);
    reject(socket, 404);
    reject(socket, versionError);
    // Of the connection, for which it would have been garbage.
    socket.write('a frame');
    expect(String((await once(client, 'data'))[0])).toBe('a frame');
    process.off('warning', listener);
    expect(warnings).toMatchObject([{
      name: 'WatershedWarning',
      code: 'WATERSHED_SOCKET_TAKEN',
      message:
        'reject was given an upgrade that has been accepted already, and did nothing: ' +
        "of a server's 'upgrade' listeners, only one may answer a request, for instance by its path",
    }]);
    expect(socket.writable).toBe(true);
  });

  it('answers with what the error says, and ends the socket', async () => {
    const { socket, client } = await server.upgrade();
    const closed = closeOf(socket);
    reject(socket, versionError);
    const { statusLine, fields, body } = await readResponse(client);
    client.end();
    await closed;
    expect(statusLine).toBe('HTTP/1.1 426 Upgrade Required');
    expect(fields).toEqual([
      expect.stringMatching(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
      'Content-Type: text/plain; charset=utf-8',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Connection: close, Upgrade',
      'Content-Length: 33',
    ]);
    expect(body).toBe('Unsupported Sec-WebSocket-Version');
  });

  it('answers with a status and its reason phrase', async () => {
    const { socket, client } = await server.upgrade();
    reject(socket, 401, { headers: { 'WWW-Authenticate': ['Basic', 'Bearer'] } });
    const { statusLine, fields, body } = await readResponse(client);
    expect(statusLine).toBe('HTTP/1.1 401 Unauthorized');
    expect(fields).toContain('WWW-Authenticate: Basic');
    expect(fields).toContain('WWW-Authenticate: Bearer');
    expect(fields).toContain('Connection: close');
    expect(body).toBe('Unauthorized');
  });

  it('answers with a status that has no reason phrase', async () => {
    const { socket, client } = await server.upgrade();
    reject(socket, 499);
    const { statusLine, fields, body } = await readResponse(client);
    expect(statusLine).toBe('HTTP/1.1 499 ');
    expect(fields).toContain('Content-Length: 0');
    expect(body).toBe('');
  });

  it.each([
    { body: '{"é":1}', length: 8 },
    { body: new Uint8Array(Buffer.from('{"é":1}')), length: 8 },
    { body: '', length: 0 },
  ])("sends the caller's body, whose length is counted in bytes (%j)", async ({ body, length }) => {
    const { socket, client } = await server.upgrade();
    reject(socket, 403, { body, headers: { 'content-type': 'application/json', 'X-Name': 'caf\u00e9' } });
    const response = await readResponse(client);
    expect(response.fields).toContain(`Content-Length: ${String(length)}`);
    expect(response.fields).toContain('content-type: application/json');
    expect(response.fields.join()).not.toContain('text/plain');
    expect(response.body).toBe(typeof body === 'string' ? body : '{"é":1}');
  });

  it("lets the caller's fields take the place of the error's", async () => {
    const { socket, client } = await server.upgrade();
    reject(socket, versionError, { headers: { 'sec-websocket-version': '13, 8' } });
    const { fields } = await readResponse(client);
    expect(fields.filter((field) => /version/i.test(field))).toEqual(['sec-websocket-version: 13, 8']);
  });

  it('leaves out of an error of a client what belonged to the response that it got', async () => {
    const { socket, client } = await server.upgrade();
    const fromServer = { 'content-length': '1000', 'transfer-encoding': 'chunked', connection: 'keep-alive', via: 'x' };
    reject(socket, new HandshakeError('WATERSHED_INVALID_RESPONSE', 404, 'Invalid Upgrade status code', fromServer));
    const { statusLine, fields } = await readResponse(client);
    expect(statusLine).toBe('HTTP/1.1 404 Not Found');
    expect(fields.slice(2)).toEqual(['via: x', 'Connection: close', 'Content-Length: 27']);
  });

  it.each([101, 200, 0])('answers with 502 for the error of a client whose server gave %d', async (statusCode) => {
    const { socket, client } = await server.upgrade();
    const fromServer = { upgrade: 'websocket', connection: 'Upgrade' };
    reject(socket, new HandshakeError('WATERSHED_INVALID_RESPONSE', statusCode, 'Missing Upgrade Header', fromServer));
    const { statusLine, fields, body } = await readResponse(client);
    expect(statusLine).toBe('HTTP/1.1 502 Bad Gateway');
    expect(fields.join()).not.toContain('websocket');
    expect(body).toBe('Missing Upgrade Header');
  });

  it.each([300, 599])('takes the status %i', async (statusCode) => {
    const { socket, client } = await server.upgrade();
    reject(socket, statusCode);
    expect((await readResponse(client)).statusLine).toMatch(`HTTP/1.1 ${String(statusCode)} `);
  });

  it('sends header fields in Latin-1, and each of its own once', async () => {
    const { socket, client } = await server.upgrade();
    reject(socket, 403, { headers: { date: 'today', 'X-Why': '\xe9' } });
    const chunks = (await client.toArray()) as Buffer[];
    const fields = Buffer.concat(chunks).toString('latin1').split('\r\n');
    expect(fields.filter((field) => /^date:/i.test(field))).toEqual(['date: today']);
    expect(fields).toContain('X-Why: \xe9');
  });

  it('gets the response through to a peer that has sent more, and then closes with the peer', async () => {
    // Timers stand still: it is the peer's end that closes the socket.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { socket, client } = await server.upgrade();
    const closed = closeOf(socket);
    const finished = once(socket, 'finish');
    client.write(Buffer.alloc(1024 * 1024));
    await once(socket, 'readable');
    reject(socket, 403, { body: 'x'.repeat(300_000) });
    // The peer takes the response only when all of it has been handed to the system.
    await finished;
    const { body } = await readResponse(client);
    expect(body).toHaveLength(300_000);
    client.end();
    expect(await closed).toBe(false);
  });

  it('destroys the socket when the peer does not end its side in time, and leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { socket, client } = await server.upgrade();
    const closed = closeOf(socket);
    reject(socket, 403);
    // Reads everything, and ends nothing.
    await once(client.resume(), 'end');
    vi.advanceTimersByTime(1999);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(socket.destroyed).toBe(true);
    await closed;

    const second = await server.upgrade();
    const secondClosed = closeOf(second.socket);
    reject(second.socket, 403);
    expect(vi.getTimerCount()).toBe(1);
    second.client.end();
    await secondClosed;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves a socket alone that is destroyed or has ended', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const destroyed = await server.upgrade();
    const closed = closeOf(destroyed.socket);
    destroyed.socket.destroy();
    await closed;
    reject(destroyed.socket, 403);
    expect(await text(destroyed.client)).toBe('');
    expect(vi.getTimerCount()).toBe(0);

    const ended = await server.upgrade();
    ended.socket.end('HTTP/1.1 400 By hand\r\n\r\n');
    reject(ended.socket, 403);
    expect(await text(ended.client)).toBe('HTTP/1.1 400 By hand\r\n\r\n');
    expect(ended.socket.destroyed).toBe(false);
    expect(vi.getTimerCount()).toBe(0);

    const rejected = await server.upgrade();
    reject(rejected.socket, 404);
    reject(rejected.socket, 403);
    const { statusLine, body } = await readResponse(rejected.client);
    expect(statusLine + body).toBe('HTTP/1.1 404 Not FoundNot Found');
  });

  it('is safe on a socket that fails while it answers', async () => {
    const { socket, client } = await server.upgrade();
    const closed = closeOf(socket);
    client.resetAndDestroy();
    await once(client, 'close');
    // An error that had no listener would fail the test run.
    reject(socket, 403);
    await closed;
    expect(socket.destroyed).toBe(true);
  });

  it('answers over a stream that is no net.Socket, and ends it', async () => {
    const stream = new PassThrough();
    const chunks: unknown[] = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    reject(stream, 403);
    await closeOf(stream);
    expect(String(chunks[0])).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  });
});

describe('an argument of reject that is wrong', () => {
  const wrong: [reason: unknown, options: object, error: typeof TypeError | typeof RangeError, message: RegExp][] = [
    [200, {}, RangeError, /reason/],
    [101, {}, RangeError, /reason/],
    [299, {}, RangeError, /reason/],
    [600, {}, RangeError, /reason/],
    [403.5, {}, RangeError, /reason/],
    [NaN, {}, RangeError, /reason/],
    ['403', {}, TypeError, /reason must be a HandshakeError or an HTTP status/],
    [new Error('no'), {}, TypeError, /reason/],
    [403, { body: 42 }, TypeError, /options\.body/],
    [403, { body: new ArrayBuffer(1) }, TypeError, /options\.body/],
    [403, { headers: { Connection: 'x' } }, TypeError, /Connection/],
    [403, { headers: { 'content-length': '1' } }, TypeError, /content-length/],
    [403, { headers: { 'Transfer-Encoding': 'chunked' } }, TypeError, /Transfer-Encoding/],
    [403, { headers: { 'X-A': 'a\r\nX-B: b' } }, RangeError, /X-A/],
    [403, { headers: { 'X-A': ['a', 'b\n'] } }, RangeError, /X-A/],
    [403, { headers: { 'X-A': 42 } }, TypeError, /X-A/],
    [403, { headers: { 'X A': 'a' } }, RangeError, /X A/],
    [new HandshakeError('WATERSHED_INVALID_REQUEST', 400, 'no', { 'X-A': 'a\r\nb' }), {}, RangeError, /reason\.headers.*X-A/],
  ];

  it.each(wrong)('%o with %j throws, and nothing is written', async (reason, options, error, message) => {
    const { socket, client } = await server.upgrade();
    const attempt = (): void => {
      reject(socket, reason as number, options);
    };
    expect(attempt).toThrow(error);
    expect(attempt).toThrow(message);
    expect(socket.listenerCount('error')).toBe(0);
    socket.end();
    expect(await text(client)).toBe('');
  });
});
