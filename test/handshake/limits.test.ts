// How long an opening handshake may take and how large it may be, at both ends: the server's by the options of
// node:http that docs/authentication.md names, the client's by its own deadline and by whatever reads the answer.
import { once } from 'node:events';
import { Agent as HttpAgent, createServer, type IncomingMessage, maxHeaderSize, type ServerOptions } from 'node:http';
import { type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { Agent } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';

import { Watershed, type WatershedConnection } from '../../src/index.js';
import { binary, encodeFrame } from '../conformance/frames.js';
import { dial, listenOn, requestText } from '../classic/ends.js';
import type { WebSocketOptions } from '../../src/handshake/client-options.js';
import { closed, open, rawServer, switchingProtocols } from './opening.js';

/** A server of node:http, and what its 'upgrade' event has given so far. */
async function upgradeServer(
  options: ServerOptions = {},
): Promise<{ port: number; upgrades: IncomingMessage[]; next: Promise<[IncomingMessage, Duplex, Buffer]> }> {
  const server = createServer(options);
  const upgrades: IncomingMessage[] = [];
  server.on('upgrade', (request: IncomingMessage) => {
    upgrades.push(request);
  });
  const port = await listenOn(server);
  return { port, upgrades, next: once(server, 'upgrade') as Promise<[IncomingMessage, Duplex, Buffer]> };
}

/** Everything that a server answers before it ends the connection: by a reset, if it has not read all that was sent. */
async function answerOn(socket: Socket): Promise<string> {
  let answer = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => { answer += chunk.toString(); });
  socket.on('end', () => { socket.end(); });
  await closed(socket);
  return answer;
}

function answerTo(port: number, request: string): Promise<string> {
  const socket = dial(port);
  socket.write(request);
  return answerOn(socket);
}

/** Writes pieces as fast as they are taken, or one every few milliseconds, until the peer ends the connection. */
function writeOn(socket: Socket, piece: string, interval?: number): void {
  const write = (): void => {
    if (socket.destroyed || !socket.writable) return;
    if (interval !== undefined) {
      socket.write(piece);
      timer = setTimeout(write, interval);
    } else if (socket.write(piece)) {
      setImmediate(write);
    } else {
      socket.once('drain', write);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  onTestFinished(() => {
    clearTimeout(timer);
  });
  write();
}

describe('a handshake that a server receives', () => {
  it('is answered with 408 when its head is not complete in time', async () => {
    const { port, upgrades } = await upgradeServer({ headersTimeout: 100, connectionsCheckingInterval: 20 });
    const socket = dial(port);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
    writeOn(socket, 'X-Slow: yes\r\n', 20);
    expect(await answerOn(socket)).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(upgrades).toEqual([]);
  });

  it.each([
    ['by its size', `X-Large: ${'a'.repeat(8 * 1024)}`],
    ['by its number of fields', `${'a: b\r\n'.repeat(100_000)}c: d`],
  ])('is answered with 431 when its head is too large %s', async (_, lines) => {
    const { port, upgrades } = await upgradeServer({ maxHeaderSize: 8 * 1024 });
    const request = requestText().replace(/\r\n$/, `${lines}\r\n\r\n`);
    expect(await answerTo(port, request)).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    expect(upgrades).toEqual([]);
  });

  it('is refused, and ends no process, when so many fields come first that node:http leaves Upgrade out', async () => {
    const server = createServer({ maxHeaderSize: 64 * 1024 });
    server.maxHeadersCount = 100;
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      let error: unknown;
      try {
        Watershed.accept(request, socket, head);
      } catch (thrown) {
        error = thrown;
      }
      Watershed.reject(socket, error as never);
    });
    const port = await listenOn(server);
    const request = requestText().replace('\r\n', `\r\n${'a: b\r\n'.repeat(100)}`);
    expect(await answerTo(port, request)).toMatch(/^HTTP\/1\.1 4\d\d .*\r\n/);
  });

  it('lets no more be buffered than a stream holds while a check takes its time, and loses none of it', async () => {
    const { port, next } = await upgradeServer();
    const client = dial(port);
    const message = Buffer.alloc(1024 * 1024, 'm');
    const count = 32;
    const frames = Array.from({ length: count }, () => encodeFrame(binary(message), true));
    client.write(requestText());
    for (const frame of frames) client.write(frame);

    const [request, socket, head] = await next;
    Watershed.guard(socket);
    // Until the client gets nothing more off, for many turns of the event loop.
    let sent = 0;
    for (let idle = 0; idle < 100 && socket.readableLength < message.length; idle++) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = client.bytesWritten - client.writableLength;
      if (now !== sent) idle = 0;
      sent = now;
    }
    expect(client.writableLength).toBeGreaterThan(0);
    expect(socket.readableLength + head.length).toBeLessThan(message.length);

    const connection: WatershedConnection = Watershed.accept(request, socket, head);
    let received = 0;
    await new Promise<void>((resolve) => {
      connection.on('binary', (bytes) => {
        expect(bytes.equals(message)).toBe(true);
        if (++received === count) resolve();
      });
    });
    connection.destroy();
  });
});

/** A right answer but for its empty line. */
const withoutEnd = (head: string): string => switchingProtocols(head).slice(0, -2);

/** What can read the answer: each with the code that says that its head is too large. */
const readers: { name: string; overflow: string; make: () => WebSocketOptions }[] = [
  { name: 'node:http', overflow: 'HPE_HEADER_OVERFLOW', make: () => ({}) },
  {
    name: 'node:http with an agent',
    overflow: 'HPE_HEADER_OVERFLOW',
    make: () => {
      const agent = new HttpAgent();
      onTestFinished(() => { agent.destroy(); });
      return { agent };
    },
  },
  {
    name: 'a dispatcher',
    overflow: 'UND_ERR_HEADERS_OVERFLOW',
    make: () => {
      const dispatcher = new Agent();
      onTestFinished(() => dispatcher.destroy());
      return { dispatcher };
    },
  },
];

describe.each(readers)('an answer that $name reads', ({ overflow, make }) => {
  it.each([
    ['a field that does not end', (head: string) => `${withoutEnd(head)}X-Endless: `, 'a'.repeat(1024)],
    ['fields without end', withoutEnd, 'a: b\r\n'.repeat(100)],
    ['fields without end in a refusal', () => 'HTTP/1.1 403 Forbidden\r\n', 'a: b\r\n'.repeat(100)],
  ])('fails when its head is too large: %s', async (_, start, piece) => {
    const { port, sockets } = await rawServer((socket, head) => {
      socket.write(start(head));
      writeOn(socket, piece);
    });
    const attempt = open(`ws://127.0.0.1:${String(port)}`, make());
    expect((await attempt.failure).code).toBe(overflow);
    await closed(sockets[0]);
  });

  it('may have a head just below the limit', async () => {
    const { port } = await rawServer((socket, head) => {
      socket.write(switchingProtocols(head, `X-Large: ${'a'.repeat(maxHeaderSize - 1024)}`));
    });
    await open(`ws://127.0.0.1:${String(port)}`, make()).established;
  });

  it.each([
    ['a field every few milliseconds', () => 'HTTP/1.1 101 Switching Protocols\r\n', 'a: b\r\n', 20],
    ['provisional answers without end', () => '', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', undefined],
    ['a status line that does not end', () => 'HTTP/1.1 101 ', 'a', 20],
  ])('fails when it is not complete in time: %s', async (_, start, piece, interval) => {
    const { port, sockets } = await rawServer((socket) => {
      socket.write(start());
      writeOn(socket, piece, interval);
    });
    const attempt = open(`ws://127.0.0.1:${String(port)}`, { ...make(), handshakeTimeout: 200 });
    expect((await attempt.failure).code).toBe('WATERSHED_HANDSHAKE_TIMEOUT');
    await closed(sockets[0]);
  });
});

describe('a client whose TLS handshake is not answered', () => {
  it.each([readers[0], readers[2]])('fails in time, by $name', async (reader) => {
    const sockets: Socket[] = [];
    const { server, port } = await rawServer();
    server.on('connection', (socket: Socket) => { sockets.push(socket); });
    const attempt = open(`wss://127.0.0.1:${String(port)}`, { ...reader?.make(), handshakeTimeout: 200 });
    expect((await attempt.failure).code).toBe('WATERSHED_HANDSHAKE_TIMEOUT');
    expect(sockets).toHaveLength(1);
  });
});
