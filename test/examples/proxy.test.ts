/** The proxy example, between a client and a server that are not ours. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { refusedPort } from './refused-port.js';
import { Inbox } from '../interop/inbox.js';
import { expectToStop, Program } from './program.js';
import { Client, refusalOf, statusOfWrongKey } from './ws-client.js';

interface Target {
  readonly url: string;
  readonly requests: IncomingMessage[];
  /** The codes and the reasons with which it has been left. */
  readonly closes: Inbox<[code: number, reason: string]>;
}

/** A server that echoes, takes the last subprotocol that is asked for, and refuses the path /private. */
async function listen(): Promise<Target> {
  const requests: IncomingMessage[] = [];
  const server = createServer();
  const webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (protocols) => [...protocols].pop() ?? false,
  });
  const closes = new Inbox<[number, string]>();
  webSockets.on('connection', (webSocket) => {
    webSocket.on('message', (data, isBinary) => {
      webSocket.send(data, { binary: isBinary });
    });
    webSocket.on('close', (code, reason) => {
      closes.put([code, reason.toString()]);
    });
  });
  server.on('upgrade', (request, socket, head) => {
    requests.push(request);
    if (request.url === '/private') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="target"\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => webSockets.emit('connection', webSocket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const webSocket of webSockets.clients) webSocket.terminate();
    server.close();
  });
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, requests, closes };
}

describe('the proxy', () => {
  it('passes messages of any size on, and the close', async () => {
    const target = await listen();
    const proxy = await Program.listening('proxy.mjs', { TARGET: target.url });
    const client = await Client.open(proxy.socketUrl('/path?and=query'));
    expect(target.requests[0]?.url).toBe('/path?and=query');
    // It never leads anywhere but to its target.
    await Client.open(proxy.socketUrl('//example.com/path'));
    expect(target.requests[1]?.url).toBe('//example.com/path');
    expect(await client.ask('żółw')).toBe('żółw');
    const bytes = Buffer.alloc(5_000_000, 'Watershed');
    expect(bytes.equals((await client.ask(bytes)) as Buffer)).toBe(true);
    expect(await client.close(4321, 'enough')).toEqual([4321, 'enough']);
    expect(await target.closes.take()).toEqual([4321, 'enough']);
    await expectToStop(proxy);
  });

  it('passes on what the handshake needs, and the subprotocol that the target chooses', async () => {
    const target = await listen();
    const proxy = await Program.listening('proxy.mjs', { TARGET: target.url });
    const headers = { cookie: 'a=1', authorization: 'Bearer token' };
    const client = await Client.open(proxy.socketUrl(), { headers, origin: 'http://example.com' }, ['one', 'two']);
    expect(client.webSocket.protocol).toBe('two');
    expect(target.requests[0]?.headers).toMatchObject({ ...headers, origin: 'http://example.com' });
    await expectToStop(proxy);
    expect(await client.closed).toEqual([1006, '']);
  });

  it("gives the target's refusal to the client, refuses what is no handshake, and goes on", async () => {
    const target = await listen();
    const proxy = await Program.listening('proxy.mjs', { TARGET: target.url });
    const { status, headers } = await refusalOf(proxy.socketUrl('/private'));
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Basic realm="target"');
    const client = await Client.open(proxy.socketUrl());
    expect(await client.ask('hello')).toBe('hello');
    await client.close();

    expect(await statusOfWrongKey(proxy.socketUrl())).toBe(400);
    // The target had accepted this one, and hears that it came to nothing.
    expect(await target.closes.takeMany(2)).toEqual([[1000, ''], [1006, '']]);
    await expectToStop(proxy, 'SIGTERM');
    expect(proxy.errorOutput).toMatch(/^The target answered 401\n.*base64 of 16 bytes.*\n$/);
  });

  it('answers 502 when the target is not there', async () => {
    const proxy = await Program.listening('proxy.mjs', { TARGET: `http://127.0.0.1:${String(await refusedPort())}` });
    expect(await refusalOf(proxy.socketUrl())).toMatchObject({ status: 502 });
    await expectToStop(proxy);
    expect(proxy.errorOutput).toContain('ECONNREFUSED');
  });
});
