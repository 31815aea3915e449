// One request by node:http, and what it reports, without the handshake that judges it.
import { once } from 'node:events';
import net from 'node:net';

import { describe, expect, it, onTestFinished, vi } from 'vitest';

import type { ExchangeHandler } from '../../src/handshake/exchange.js';
import { HttpExchange } from '../../src/handshake/http-exchange.js';
import { closed, laterTick, rawServer, switchingProtocols } from './opening.js';

/** A handler that remembers the names of what it was told. */
function recorder(): ExchangeHandler & { readonly reports: string[] } {
  const reports: string[] = [];
  return {
    reports,
    onUpgrade: (_response, socket) => {
      reports.push('upgrade');
      socket.destroy();
    },
    onResponse: () => { reports.push('response'); },
    onError: () => { reports.push('error'); },
    onStaleConnection: () => { reports.push('stale'); },
  };
}

/** A request to a raw server. */
function send(port: number): { exchange: HttpExchange; handler: ReturnType<typeof recorder> } {
  const handler = recorder();
  const exchange = new HttpExchange(undefined, {}, handler);
  exchange.send({ url: new URL(`ws://127.0.0.1:${String(port)}/`), headers: {} });
  onTestFinished(() => { exchange.abandon(); });
  return { exchange, handler };
}

describe('an exchange', () => {
  it('reports nothing any more when it was abandoned, not even that its request has failed', async () => {
    const server = await rawServer();
    const { exchange, handler } = send(server.port);
    await once(server.server, 'request');
    exchange.abandon();
    await closed(server.sockets[0]);
    for (let i = 0; i < 5; i++) await laterTick();
    expect(handler.reports).toEqual([]);
  });

  it('reports a refusal once, though its request is destroyed then', async () => {
    const server = await rawServer((socket) => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n1'));
    const { handler } = send(server.port);
    await once(server.server, 'request');
    await closed(server.sockets[0]);
    for (let i = 0; i < 5; i++) await laterTick();
    expect(handler.reports).toEqual(['response']);
  });

  it('reports an upgrade', async () => {
    const server = await rawServer((socket, head) => socket.write(switchingProtocols(head)));
    const { handler } = send(server.port);
    await once(server.server, 'request');
    await closed(server.sockets[0]);
    expect(handler.reports).toEqual(['upgrade']);
  });

  it.each([
    ['keeps the process alive when it has been told to last', ['unref', 'ref'], 0],
    ['lets the process end when it has been told to last', ['ref', 'unref'], 1],
  ] as const)('%s, before it has a socket', async (_what, calls, times) => {
    const unref = vi.spyOn(net.Socket.prototype, 'unref');
    onTestFinished(() => { unref.mockRestore(); });
    const server = await rawServer();
    unref.mockClear();
    const { exchange } = send(server.port);
    for (const call of calls) exchange[call]();
    await once(server.server, 'request');
    expect(unref).toHaveBeenCalledTimes(times);
  });
});
