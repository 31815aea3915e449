/**
 * The demo's server as a program: its port, its signals, its answers to good and bad requests.
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { DemoProgram } from './demo-program.js';

const ONE_LINE = /^[^\n]+\n$/;

async function openClient(demo: DemoProgram, options: WebSocket.ClientOptions = {}): Promise<WebSocket> {
  const client = new WebSocket(demo.socketUrl, options);
  await once(client, 'open');
  return client;
}

async function ask(demo: DemoProgram, method: string, path: string, headers: Record<string, string> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ host: 'localhost', port: demo.port, method, path, headers, agent: false });
    sent.on('response', resolve).on('error', reject);
    sent.on('upgrade', () => {
      reject(new Error('The handshake was accepted.'));
      sent.destroy();
    });
    sent.end();
  });
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe('the demo as a program', () => {
  it('prints the address of the free port that PORT=0 takes', async () => {
    const demo = await DemoProgram.listening(0);
    expect(demo.output).toMatch(ONE_LINE);
    expect(demo.port).toBeGreaterThan(0);
    expect((await ask(demo, 'GET', '/')).status).toBe(200);
    await demo.stop();
  });

  it('says in one line that the port is in use, and ends with exit code 1', async () => {
    const first = await DemoProgram.listening();
    const second = DemoProgram.run(String(first.port));
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.errorOutput).toMatch(ONE_LINE);
    expect(second.errorOutput).toContain(`Port ${String(first.port)} is in use`);
    expect(second.output).toBe('');
    await first.stop();
  });

  it.each(['http', '-1', '65536', '80.5', '0x50', ''])('says in one line that %j is not a port', async (port) => {
    const demo = DemoProgram.run(port);
    expect(await demo.exited).toEqual({ code: 1, signal: null });
    expect(demo.errorOutput).toBe(`PORT must be a number from 0 to 65535, but is ${JSON.stringify(port)}.\n`);
    expect(demo.output).toBe('');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('closes every connection with 1001 on %s, and ends', async (signal) => {
    const demo = await DemoProgram.listening();
    const clients = [await openClient(demo), await openClient(demo), await openClient(demo)];
    const closed = clients.map((client) => once(client, 'close') as Promise<[number, Buffer]>);
    // One of them is in the middle of a conversation.
    const busy = await openClient(demo);
    busy.on('message', () => {
      busy.send('{"type":"traffic"}');
    });
    busy.send('{"type":"traffic"}');
    await once(busy, 'message');
    closed.push(once(busy, 'close') as Promise<[number, Buffer]>);
    expect(await demo.stop(signal)).toEqual({ code: 0, signal: null });
    for (const [code, reason] of await Promise.all(closed)) {
      expect(code).toBe(1001);
      expect(String(reason)).toBe('the demo server was stopped');
    }
    expect(demo.errorOutput).toBe('');
  });

  // Less time than a CLOSE is waited for otherwise (10 s), so that this fails if nobody gives up earlier.
  it('ends on SIGINT although a client never answers its CLOSE', { timeout: 5_000 }, async () => {
    const demo = await DemoProgram.listening();
    const socket = connect(demo.port, 'localhost');
    socket.on('error', () => undefined);
    socket.write(
      `GET /socket HTTP/1.1\r\nHost: localhost:${String(demo.port)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 101 /);
    expect(await demo.stop()).toEqual({ code: 0, signal: null });
    socket.destroy();
  });
});

describe('the demo server', () => {
  let demo: DemoProgram;

  beforeAll(async () => {
    demo = await DemoProgram.listening();
  });

  afterAll(async () => {
    await demo.stop();
    expect(demo.errorOutput).toBe('');
  });

  it('serves the page and everything that it refers to, from itself alone', async () => {
    const page = await ask(demo, 'GET', '/');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
    expect(links).toContain('/page.js');
    for (const link of links) expect(await ask(demo, 'GET', link)).toMatchObject({ status: 200 });
  });

  it('answers HEAD with the head alone', async () => {
    const page = await ask(demo, 'HEAD', '/');
    expect(page).toMatchObject({ status: 200, body: '' });
    expect(Number(page.headers['content-length'])).toBeGreaterThan(0);
  });

  it('answers a plain GET to the WebSocket path with 426 and says why', async () => {
    const answer = await ask(demo, 'GET', '/socket');
    expect(answer.status).toBe(426);
    expect(answer.headers.upgrade).toBe('websocket');
    expect(answer.body).toContain('WebSocket');
  });

  it.each(['/nothing', '/page', '/../server.js', '/%2e%2e/server.js', '//page.css', '/page.css/..', '/__proto__'])(
    'answers the unknown path %s with 404',
    async (path) => {
      expect((await ask(demo, 'GET', path)).status).toBe(404);
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('answers %s with 405, naming what is allowed', async (method) => {
    for (const path of ['/', '/socket']) {
      expect(await ask(demo, method, path)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    }
  });

  const handshake = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };

  it.each([
    { what: 'on another path', path: '/elsewhere', headers: {}, status: 404 },
    { what: 'from a page of another site', path: '/socket', headers: { Origin: 'http://evil.example' }, status: 403 },
    { what: 'of version 8', path: '/socket', headers: { 'Sec-WebSocket-Version': '8' }, status: 426 },
    { what: 'with a malformed key', path: '/socket', headers: { 'Sec-WebSocket-Key': 'short' }, status: 400 },
  ])('refuses a handshake $what with $status', async ({ path, headers, status }) => {
    expect((await ask(demo, 'GET', path, { ...handshake, ...headers })).status).toBe(status);
  });

  it('accepts a handshake from a page of its own', async () => {
    const client = await openClient(demo, { origin: `http://localhost:${String(demo.port)}` });
    client.close(1000);
    await once(client, 'close');
  });

  it.each([
    'hello',
    'null',
    '[]',
    '{}',
    '{"type":"text","to":"everyone"}',
    '{"type":"text","to":"nobody","text":""}',
    '{"type":"file","to":"me","name":1}',
  ])('closes a connection that sends %s with 1008, and leaves the others alone', async (message) => {
    const [good, bad] = [await openClient(demo), await openClient(demo)];
    bad.send(message);
    const [code, reason] = (await once(bad, 'close')) as [number, Buffer];
    expect(code).toBe(1008);
    expect(String(reason)).toBe('not a message of this demo');

    good.on('message', (data) => {
      if ((data as Buffer).includes('still here')) good.close(1000);
    });
    good.send('{"type":"text","to":"me","text":"still here"}');
    expect(((await once(good, 'close')) as [number])[0]).toBe(1000);
  });

  it('gives a file back that no message announced', async () => {
    const client = await openClient(demo);
    const received = new Promise<Buffer>((resolve) => {
      client.on('message', (data, isBinary) => {
        if (isBinary) resolve(data as Buffer);
      });
    });
    client.send(Buffer.from([0, 1, 2, 255]));
    expect([...(await received)]).toEqual([0, 1, 2, 255]);
    client.close();
    await once(client, 'close');
  });

  it('closes with 1009 when a message is larger than it takes', async () => {
    const client = await openClient(demo);
    client.send(Buffer.alloc(16 * 1024 * 1024 + 1));
    const [code] = (await once(client, 'close')) as [number];
    expect(code).toBe(1009);
  });
});
