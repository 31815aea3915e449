/**
 * The mistakes of the first minutes, made for real: what the program says has to be what docs/first-minutes.md says.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HandshakeError, Watershed, WatershedConnection, WebSocket, type WebSocketErrorEvent } from '../src/index.js';
import { refusedPort } from './examples/refused-port.js';

const page = readFileSync(new URL('../docs/first-minutes.md', import.meta.url), 'utf8');

/** The messages of the page's tables, by the mistake. */
const documented = new Map(
  [...page.matchAll(/^\| (.+?) \| `([^`]+)`[^|]* \| .+ \|$/gm)].map(([, mistake = '', message = '']) => [mistake, message]),
);
const made = new Set<string>();

function expectMessage(mistake: string, message: string, port = 0): void {
  made.add(mistake);
  expect(message.replaceAll(`:${String(port)}`, ':8080')).toBe(documented.get(mistake));
}

/** A server that is closed when the test is finished, with the connections that are left. */
async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function fixture(name: string): Buffer {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url));
}

/** What the error event says, when a connection cannot be made. */
async function failureOf(url: string, options = {}): Promise<string> {
  const webSocket = new WebSocket(url, options);
  const event = await new Promise<WebSocketErrorEvent>((resolve) => {
    webSocket.onerror = resolve;
  });
  expect(event.error.message).toBe(event.message);
  return event.message;
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It did not throw');
}

/** The next warning of the process. */
async function warning(): Promise<string> {
  const [{ name, message }] = (await once(process, 'warning')) as [Error];
  expect(name).toBe('WatershedWarning');
  return message;
}

/** Both ends of an open connection, in both faces, of a server of its own. */
async function openBoth(): Promise<{ server: WatershedConnection; client: WebSocket }> {
  const server = createServer();
  const accepted = new Promise<WatershedConnection>((resolve) => {
    server.on('upgrade', (request, socket, head) => {
      resolve(Watershed.accept(request, socket, head));
    });
  });
  const client = new WebSocket(`ws://127.0.0.1:${String(await listen(server))}`);
  const opened = once(client, 'open');
  const connection = await accepted;
  await opened;
  onTestFinished(() => {
    connection.destroy();
  });
  return { server: connection, client };
}

/** As from JavaScript, where no compiler looks at the arguments. */
const untyped = Watershed.accept as unknown as (...args: unknown[]) => unknown;

describe('the client', () => {
  it.each([
    ['A scheme that there is not: `htp://localhost:8080`', 'htp://localhost:8080'],
    ['No scheme: `localhost:8080`', 'localhost:8080'],
    ['No scheme: `127.0.0.1:8080`', '127.0.0.1:8080'],
  ])('%s', (mistake, url) => {
    expectMessage(mistake, messageOf(() => new WebSocket(url)));
  });

  it('a Promise for the URL', () => {
    expectMessage('A Promise for the URL', messageOf(() => new WebSocket(Promise.resolve('ws://localhost') as never)));
  });

  it('ws:// given to http.request', () => {
    const mistake = '`ws://` given to `http.request`, in the classic face';
    expectMessage(mistake, messageOf(() => httpRequest('ws://localhost')));
  });

  it('wss:// to a server without TLS', async () => {
    const port = await listen(createServer());
    expectMessage('`wss://` to a server without TLS', await failureOf(`wss://127.0.0.1:${String(port)}`), port);
  });

  it('ws:// to a server with TLS', async () => {
    const server = createTlsServer({ key: fixture('localhost-key.pem'), cert: fixture('localhost-cert.pem') });
    const port = await listen(server);
    expectMessage('`ws://` to a server with TLS', await failureOf(`ws://127.0.0.1:${String(port)}`), port);
  });

  it('the server is not running', async () => {
    const port = await refusedPort();
    const message = await failureOf(`ws://127.0.0.1:${String(port)}`);
    expectMessage('The server is not running, or has another port', message, port);
  });

  it("the host's name is misspelt", async () => {
    // RFC 6761 section 6.4: nobody has it, and nothing is sent to find out.
    const lookup = (host: string, _options: unknown, callback: (error: Error) => void): void => {
      callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }));
    };
    expectMessage("The host's name is misspelt", await failureOf('ws://no-such-host.invalid', { lookup }));
  });

  it('the certificate is self-signed', async () => {
    const server = createTlsServer({ key: fixture('localhost-key.pem'), cert: fixture('localhost-cert.pem') });
    const port = await listen(server);
    expectMessage('The certificate is self-signed', await failureOf(`wss://127.0.0.1:${String(port)}`), port);
  });

  it('sending before open', async () => {
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(await listen(createServer()))}`);
    const connection = WatershedConnection.from(webSocket);
    expectMessage('Sending before open', messageOf(() => { webSocket.send('early'); }));
    const mistake = 'Sending before open, in the classic face of a WebSocket';
    expectMessage(mistake, messageOf(() => connection.send('early')));
    webSocket.close();
    await once(webSocket, 'close');
  });

  it('taking a binary message for text', async () => {
    const { server, client } = await openBoth();
    server.send(Buffer.from('{}'));
    const [{ data }] = (await once(client, 'message')) as [{ data: string }];
    const mistake = 'Taking a binary message for text: `JSON.parse(event.data)`';
    expectMessage(mistake, messageOf(() => JSON.parse(data) as unknown));
  });
});

describe('the server', () => {
  it.each([200, 404, 426])("no listener for 'upgrade', where requests are answered with %s", async (status) => {
    const port = await listen(createServer((_request, response) => response.writeHead(status).end()));
    const message = await failureOf(`ws://127.0.0.1:${String(port)}`);
    const asDocumented = message.replace(/answered \d{3} [\w ]+ instead/, 'answered 404 Not Found instead');
    expectMessage("No listener for `'upgrade'`, where requests are answered", asDocumented);
  });

  it("no listener for 'upgrade', where nobody answers", async () => {
    const port = await listen(createServer());
    const message = await failureOf(`ws://127.0.0.1:${String(port)}`, { handshakeTimeout: 100 });
    expectMessage("No listener for `'upgrade'`, where nobody answers", message.replace('100 ms', '1000 ms'));
  });

  /** A proxy that passes a plain request on, as one does that knows nothing of Upgrade. */
  function proxyTo(port: number): RequestListener {
    return (request, response) => {
      const onward = httpRequest({ host: '127.0.0.1', port, path: request.url, agent: false });
      onward.on('response', (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 0)));
      onward.on('error', () => response.writeHead(502).end());
      onward.end();
    };
  }

  it('a proxy that drops the Upgrade header', async () => {
    const server = createServer((_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end());
    server.on('upgrade', (request, socket, head) => Watershed.accept(request, socket, head));
    const proxy = await listen(createServer(proxyTo(await listen(server))));
    expectMessage('A proxy that drops the Upgrade header', await failureOf(`ws://127.0.0.1:${String(proxy)}`));
  });

  it('the server behind the proxy is not running', async () => {
    const proxy = await listen(createServer(proxyTo(await refusedPort())));
    const message = await failureOf(`ws://127.0.0.1:${String(proxy)}`);
    expectMessage('The server behind the proxy is not running', message);
  });

  it("two listeners for 'upgrade'", async () => {
    const server = createServer();
    const second: string[] = [];
    server.on('upgrade', (request, socket, head) => {
      const connection = Watershed.accept(request, socket, head);
      connection.on('text', (text) => connection.send(text));
    });
    server.on('upgrade', (request, socket, head) => {
      try {
        WebSocket.accept(request, socket, head);
      } catch (error) {
        second.push((error as Error).message);
        Watershed.reject(socket, error instanceof HandshakeError ? error : 500);
      }
    });
    const warned = warning();
    const client = new WebSocket(`ws://127.0.0.1:${String(await listen(server))}`);
    await once(client, 'open');
    expectMessage("Two listeners for `'upgrade'`, and both accept", second.join());
    expectMessage("Two listeners for `'upgrade'`, and the second one rejects", await warned);

    // The first one's connection has come to no harm.
    client.send('still here');
    const [{ data }] = (await once(client, 'message')) as [{ data: string }];
    expect(data).toBe('still here');
    client.close();
    await once(client, 'close');
  });

  it("two listeners for 'upgrade', the first of which rejects", async () => {
    const server = createServer();
    const second: string[] = [];
    server.on('upgrade', (_request, socket) => {
      Watershed.reject(socket, 403);
    });
    server.on('upgrade', (request, socket, head) => {
      second.push(messageOf(() => Watershed.accept(request, socket, head)));
    });
    const message = await failureOf(`ws://127.0.0.1:${String(await listen(server))}`);
    expect(message).toMatch(/^The server answered 403 Forbidden instead of 101: it does not let this client in/);
    expectMessage("Two listeners for `'upgrade'`, and both accept", second.join());
  });

  it('the port is in use', async () => {
    const port = await listen(createServer());
    const other = createServer().listen(port, '127.0.0.1');
    const [error] = (await once(other, 'error')) as [Error];
    expectMessage('The port is in use', error.message, port);
  });

  it('not the arguments of upgrade', async () => {
    const messages: string[] = [];
    const port = await listen(
      createServer((request, response) => {
        messages.push(messageOf(() => untyped(request, response)));
        messages.push(messageOf(() => untyped(response, request)));
        response.end();
      }),
    );
    await (await fetch(`http://127.0.0.1:${String(port)}`)).text();
    for (const message of messages) {
      expectMessage("`accept(request, response)`: not the arguments of `'upgrade'`", message);
    }
    expect(messages).toHaveLength(2);
  });

  it('a Promise for the request, or for the options', async () => {
    const server = createServer();
    const thrown = new Promise<[string, string]>((resolve) => {
      server.on('upgrade', (request, socket, head) => {
        resolve([
          messageOf(() => untyped(Promise.resolve(request), socket, head)),
          messageOf(() => untyped(request, socket, head, Promise.resolve({}))),
        ]);
        Watershed.accept(request, socket, head).end();
      });
    });
    const client = new WebSocket(`ws://127.0.0.1:${String(await listen(server))}`);
    const closed = once(client, 'close');
    const [request, options] = await thrown;
    expectMessage('A Promise for the request', request);
    expectMessage('A Promise for the options', options);
    // Nothing was done to the socket.
    expect(await closed).toMatchObject([{ code: 1000 }]);
  });

  it('wrong options', () => {
    expectMessage('A misspelt option', messageOf(() => new Watershed({ maxpayload: 1 } as object)));
    const mistake = 'A string where an array is meant: `{ protocols: \'chat\' }` to `accept`';
    expectMessage(mistake, messageOf(() => untyped({}, {}, null, { protocols: 'chat' })));
  });
});

describe('messages', () => {
  it.each([
    ['A Promise to `send`', Promise.resolve('late'), '[object Promise]'],
    ['An object to `send`', { key: 'value' }, '[object Object]'],
  ])('%s', async (mistake, message, text) => {
    const { server, client } = await openBoth();
    const warned = warning();
    client.send(message as never);
    expect(await once(server, 'text')).toEqual([text]);
    expectMessage(mistake, await warned);
  });

  it('wrong types, in the classic face', async () => {
    const { server } = await openBoth();
    const send = (data: unknown) => messageOf(() => server.send(data as string));
    expectMessage('A Promise to `send`, in the classic face', send(Promise.resolve('late')));
    expectMessage('An object to `send`, in the classic face', send({ key: 'value' }));
    expectMessage('A number where bytes are meant: `ping(1)`', messageOf(() => { server.ping(1 as never); }));
  });
});

// The last one: by then all the others have been made.
it('the page has no mistake that was not made here', () => {
  expect([...documented.keys()].filter((mistake) => !made.has(mistake))).toEqual([]);
});
