// The client's handshake through the agents of node:http.
import { once } from 'node:events';
import http from 'node:http';
import { connect, type Socket } from 'node:net';

import { describe, expect, it, onTestFinished } from 'vitest';

import { acceptingServer, fieldOf, laterTick, open, rawServer, type RawServer, switchingProtocols } from './opening.js';

describe('agent', () => {
  class CountingAgent extends http.Agent {
    connections = 0;

    override createConnection(
      ...args: Parameters<http.Agent['createConnection']>
    ): ReturnType<http.Agent['createConnection']> {
      this.connections++;
      return super.createConnection(...args);
    }
  }

  it.each([{ keepAlive: false }, { keepAlive: true }])('makes the connection: $keepAlive', async ({ keepAlive }) => {
    const { port, heads } = await acceptingServer();
    const agent = new CountingAgent({ keepAlive });
    await open(`ws://127.0.0.1:${String(port)}`, { agent }).established;
    expect(agent.connections).toBe(1);
    expect(fieldOf(heads[0], 'Connection')).toBe('Upgrade');
  });

  it('is http.globalAgent by default, whatever has been put there', async () => {
    const { port } = await acceptingServer();
    const { globalAgent } = http;
    const agent = new CountingAgent();
    http.globalAgent = agent;
    onTestFinished(() => {
      http.globalAgent = globalAgent;
    });
    await open(`ws://127.0.0.1:${String(port)}`).established;
    expect(agent.connections).toBe(1);
    await open(`ws://127.0.0.1:${String(port)}`, { agent: false }).established;
    expect(agent.connections).toBe(1);
  });

  /** An agent with idle connections to a server that resets each as soon as it is used again, or does otherwise. */
  async function staleConnections(
    count: number,
    answerAgain: (socket: Socket) => unknown = (socket) => socket.resetAndDestroy(),
  ): Promise<{ agent: http.Agent; server: RawServer }> {
    const agent = new http.Agent({ keepAlive: true });
    onTestFinished(() => {
      agent.destroy();
    });
    const used = new Set<Socket>();
    const server = await rawServer((socket, head) => {
      if (used.has(socket)) answerAgain(socket);
      else if (head.includes('Upgrade')) socket.write(switchingProtocols(head));
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n');
      used.add(socket);
    });
    const requests = Array.from({ length: count }, () => http.get({ host: '127.0.0.1', port: server.port, agent }));
    await Promise.all(
      requests.map(async (request) => {
        const [response] = (await once(request, 'response')) as [http.IncomingMessage];
        response.resume();
        await once(response, 'end');
      }),
    );
    await laterTick();
    return { agent, server };
  }

  it('may have a connection that the server is just closing: another one is taken, with another key', async () => {
    const { agent, server } = await staleConnections(1);
    await open(`ws://127.0.0.1:${String(server.port)}`, { agent }).established;
    const keys = server.heads.slice(1).map((head) => fieldOf(head, 'Sec-WebSocket-Key'));
    expect(keys).toHaveLength(2);
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('may have a connection on which the answer is none: that is a failure, and no other is taken', async () => {
    const { agent, server } = await staleConnections(1, (socket) => socket.end('no HTTP\r\n\r\n'));
    const error = await open(`ws://127.0.0.1:${String(server.port)}`, { agent }).failure;
    expect(error.code).toBe('HPE_INVALID_CONSTANT');
    expect(server.heads).toHaveLength(2);
  });

  it('is not asked again and again', async () => {
    const { agent, server } = await staleConnections(3);
    const error = await open(`ws://127.0.0.1:${String(server.port)}`, { agent }).failure;
    expect(error.code).toBe('ECONNRESET');
    expect(server.heads).toHaveLength(5);
  });
});

describe('createConnection', () => {
  it('may return a stream or call back with one', async () => {
    const { port } = await acceptingServer();
    const url = `ws://127.0.0.1:${String(port)}`;
    await open(url, { createConnection: () => connect(port) }).established;
    await open(url, {
      createConnection: (_options, callback) => {
        process.nextTick(callback, null, connect(port));
        return undefined;
      },
    }).established;
  });

  it.each([
    ['an object', {}],
    ['a Promise: is an await missing?', Promise.resolve()],
    ['1', 1],
  ])('that gives %s fails the handshake, and says so', async (shown, given) => {
    for (const createConnection of [
      () => given as never,
      (_options: unknown, callback: (error: null, socket: never) => void) => {
        callback(null, given as never);
        return undefined;
      },
    ]) {
      const error = await open('ws://127.0.0.1', { createConnection }).failure;
      expect(error.message).toContain(`What options.createConnection gives must be a stream.Duplex, but is ${shown}`);
    }
  });

  it('fails the handshake with the error that it calls back with', async () => {
    const error = await open('ws://127.0.0.1', {
      createConnection: (_options, callback) => {
        callback(Object.assign(new Error('None left'), { code: 'NONE' }), undefined as never);
        return undefined;
      },
    }).failure;
    expect(error.code).toBe('NONE');
  });
});
