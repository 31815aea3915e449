// When a client's socket is read directly, and when it has to be the ordinary one.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

import type { WebSocketOptions } from '../../src/handshake/client-options.js';
import { acceptingServer, closed, open, rawServer, switchingProtocols } from './opening.js';

/** Puts something in the place of a property until the test is finished. */
function replace(target: object, name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
  onTestFinished(() => {
    if (before === undefined) Reflect.deleteProperty(target, name);
    else Object.defineProperty(target, name, before);
  });
}

async function isDirect(options: WebSocketOptions = {}, host = '127.0.0.1'): Promise<boolean> {
  const { port } = await acceptingServer();
  const { readTo } = await open(`ws://${host}:${String(port)}`, options).established;
  return readTo !== undefined;
}

describe('a socket is read directly', () => {
  it('when nothing is said about how the connection is made', async () => {
    expect(await isDirect()).toBe(true);
  });

  it('for a host with several addresses', async () => {
    // The server listens on one of them alone.
    expect(await isDirect({}, 'localhost')).toBe(true);
  });

  it('with a local address and a family, which it has', async () => {
    expect(await isDirect({ localAddress: '127.0.0.2', family: 4 })).toBe(true);
    const { port, sockets } = await acceptingServer();
    await open(`ws://127.0.0.1:${String(port)}`, { localAddress: '127.0.0.2' }).established;
    expect(sockets[0]?.remoteAddress).toBe('127.0.0.2');
  });
});

describe('a socket is the ordinary one', () => {
  it.each<[string, () => WebSocketOptions]>([
    ['an agent', () => ({ agent: new http.Agent() })],
    ['no agent', () => ({ agent: false })],
    ['createConnection', () => ({ createConnection: (options) => net.connect(options as net.TcpNetConnectOpts) })],
    ['lookup', () => ({ lookup: (_host, options, callback) => {
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    } })],
  ])('with the option for %s', async (_name, options) => {
    expect(await isDirect(options(), 'localhost')).toBe(false);
  });

  it.each<[string, () => void]>([
    ['http.request', () => {
      const { request } = http;
      replace(http, 'request', (...args: Parameters<typeof request>) => request(...args));
    }],
    ['http.globalAgent', () => { replace(http, 'globalAgent', new http.Agent()); }],
    ['createConnection of http.globalAgent', () => {
      replace(http.globalAgent, 'createConnection', (options: net.TcpNetConnectOpts) => net.connect(options));
    }],
    ['createConnection of every agent', () => {
      replace(http.Agent.prototype, 'createConnection', (options: net.TcpNetConnectOpts) => net.connect(options));
    }],
    ['addRequest of every agent', () => {
      const addRequest = Reflect.get(http.Agent.prototype, 'addRequest') as (...args: unknown[]) => void;
      replace(http.Agent.prototype, 'addRequest', function (this: http.Agent, ...args: unknown[]) {
        Reflect.apply(addRequest, this, args);
      });
    }],
    ['the limit of http.globalAgent', () => { replace(http.globalAgent, 'maxSockets', 5); }],
    ['the total limit of http.globalAgent', () => { replace(http.globalAgent, 'maxTotalSockets', 5); }],
  ])('when a program has replaced %s', async (_name, change) => {
    expect(await isDirect()).toBe(true);
    change();
    expect(await isDirect()).toBe(false);
  });

  it('over a Unix socket', async () => {
    const path = `\0watershed-direct-${String(process.pid)}`;
    if (process.platform !== 'linux') return;
    await rawServer((socket, head) => socket.write(switchingProtocols(head)), { path });
    const { readTo } = await open('ws://localhost', { socketPath: path }).established;
    expect(readTo).toBeUndefined();
  });
});

describe('what was there before the library', () => {
  async function isDirectAfter(prepare: () => void): Promise<boolean> {
    vi.resetModules();
    prepare();
    onTestFinished(() => { vi.resetModules(); });
    const { isAgentDispensable } = await import('../../src/handshake/direct-socket.js');
    return isAgentDispensable();
  }

  it('is nothing', async () => {
    expect(await isDirectAfter(() => undefined)).toBe(true);
  });

  it.each(['HTTP_PROXY', 'http_proxy'])('may be a proxy in %s', async (name) => {
    for (const other of ['HTTP_PROXY', 'http_proxy']) vi.stubEnv(other, undefined);
    onTestFinished(() => { vi.unstubAllEnvs(); });
    expect(await isDirectAfter(() => { vi.stubEnv(name, 'http://127.0.0.1:1'); })).toBe(false);
  });

  it('may be an agent with a proxy of its own', async () => {
    expect(await isDirectAfter(() => {
      const agent = new http.Agent();
      // As Node 22.21 and 24 keep it.
      Object.assign(Reflect.get(agent, 'options') as object, { proxyEnv: { http_proxy: 'http://127.0.0.1:1' } });
      replace(http, 'globalAgent', agent);
    })).toBe(false);
  });

  it('may be an agent of another class', async () => {
    expect(await isDirectAfter(() => { replace(http, 'globalAgent', new (class extends http.Agent {})()); })).toBe(false);
  });

  it('may be an agent with another createConnection', async () => {
    expect(await isDirectAfter(() => {
      const agent = Object.assign(new http.Agent(), { createConnection: () => undefined });
      replace(http, 'globalAgent', agent);
    })).toBe(false);
  });

  it('may be an agent without options', async () => {
    expect(await isDirectAfter(() => {
      const agent = new http.Agent();
      Reflect.set(agent, 'options', undefined);
      replace(http, 'globalAgent', agent);
    })).toBe(true);
  });
});

describe('a socket that is read directly', () => {
  it('is a net.Socket without listeners, and is said to be read when data comes', async () => {
    const server = await rawServer((socket, head) => socket.write(switchingProtocols(head)));
    const { socket, readTo } = await open(`ws://127.0.0.1:${String(server.port)}`).established;
    expect(socket).toBeInstanceOf(net.Socket);
    expect(socket.listenerCount('data')).toBe(0);
    const received = new Promise<string>((resolve) => {
      readTo?.((chunk) => { resolve(chunk.toString()); });
    });
    server.sockets[0]?.write('abc');
    expect(await received).toBe('abc');
    expect(socket.listenerCount('data')).toBe(0);
  });

  it('is made as an agent makes its own: without delay, and kept alive', async () => {
    const connect = vi.spyOn(net, 'connect');
    onTestFinished(() => { connect.mockRestore(); });
    expect(await isDirect()).toBe(true);
    expect(connect).toHaveBeenCalledWith(expect.objectContaining({ noDelay: true, keepAlive: true }));
  });

  it('gives a head that stays as it is while others read', async () => {
    const { port } = await rawServer((socket, head) => socket.write(`${switchingProtocols(head)}frames`));
    const { head } = await open(`ws://127.0.0.1:${String(port)}`).established;
    for (let i = 0; i < 3; i++) {
      const { port } = await rawServer((socket, head) => socket.write(switchingProtocols(head).replaceAll(' ', '  ')));
      await open(`ws://127.0.0.1:${String(port)}`).failure;
    }
    expect(head.toString()).toBe('frames');
  });

  it('takes an answer that comes in pieces', async () => {
    const { port } = await rawServer((socket, head) => {
      const bytes = Buffer.from(switchingProtocols(head));
      const writeFrom = (start: number): void => {
        if (start === bytes.length) return;
        socket.write(bytes.subarray(start, start + 1));
        setImmediate(writeFrom, start + 1);
      };
      writeFrom(0);
    });
    const { socket } = await open(`ws://127.0.0.1:${String(port)}`).established;
    expect(socket.destroyed).toBe(false);
  });

  it('is destroyed when the answer is a refusal, and takes a body no further', async () => {
    const server = await rawServer((socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\nno');
    });
    const error = await open(`ws://127.0.0.1:${String(server.port)}`).failure;
    expect(error.statusCode).toBe(403);
    await closed(server.sockets[0]);
  });
});

describe('a proxy from the environment', () => {
  const program = `
    import { WebSocket } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const webSocket = new WebSocket('ws://192.0.2.1/', { handshakeTimeout: 5000 });
    webSocket.onerror = () => undefined;
  `;
  let supported = false;
  beforeAll(() => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    supported = major >= 24 || (major === 22 && minor >= 21);
  });

  it('is asked where Node itself would ask it', async ({ skip }) => {
    if (!supported) skip('This version of Node.js knows no proxy');
    const proxy = net.createServer((socket) => socket.on('error', () => undefined).end());
    const asked = once(proxy, 'connection');
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    onTestFinished(() => { proxy.close(); });
    const { port } = proxy.address() as net.AddressInfo;
    const env = { ...process.env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: `http://127.0.0.1:${String(port)}`, NO_PROXY: '' };
    await Promise.all([asked, promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env })]);
  });
});
