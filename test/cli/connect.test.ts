/** `watershed connect` with pipes, and as a script uses it, against servers that are not ours. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, describe, it, onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { explain } from '../../src/cli/explain.js';
import { HandshakeError } from '../../src/index.js';
import { rawServer } from '../handshake/opening.js';
import { Program } from './program.js';
import { echo, serve } from './server.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

describe('with a pipe', () => {
  it('each line is a message, each answer a line, and the end of the pipe closes', async () => {
    const program = new Program(['connect', (await serve(echo)).url]);
    program.stdin.end('one\ntwo\n{"a":1}\n');
    expect(await program.end()).toEqual({ status: 0, out: 'one\ntwo\n{"a":1}\n', err: '' });
  });

  it('100,000 lines arrive, in order', async () => {
    const program = new Program(['connect', (await serve(echo)).url]);
    const lines = Array.from({ length: 100_000 }, (_, index) => String(index)).join('\n');
    program.stdin.end(lines);
    expect((await program.end()).out).toBe(`${lines}\n`);
  });

  it('--wait waits for answers that take their time', async () => {
    const { url } = await serve((socket) => {
      socket.on('message', () => setTimeout(() => { socket.send('late'); socket.close(1000); }, 50));
    });
    const program = new Program(['connect', '--wait', '1000', url]);
    program.stdin.end('hello\n');
    expect(await program.end()).toEqual({ status: 0, out: 'late\n', err: '' });
  });

  it('--wait waits no longer than that', async () => {
    const { url } = await serve(() => undefined);
    const program = new Program(['connect', '--wait', '0.05', url]);
    program.stdin.end('hello\n');
    expect(await program.end()).toEqual({ status: 0, out: '', err: '' });
  });

  it('a host and a port are enough', async () => {
    const { url } = await serve(echo);
    const program = new Program(['connect', url.replace('ws://127.0.0.1:', 'localhost:')], {});
    program.stdin.end('hello\n');
    expect((await program.end()).out).toBe('hello\n');
  });
});

describe('--execute', () => {
  it('shows the first answer and closes', async () => {
    const { url } = await serve((socket) => {
      socket.on('message', (data) => { socket.send(`${(data as Buffer).toString()} 1`); socket.send('2'); });
    });
    const { status, out } = await new Program(['connect', '-x', 'answer', url]).end();
    expect(status).toBe(0);
    expect(out).toMatch(/^answer 1\n/);
  });

  it('with --wait shows all that comes', async () => {
    const { url } = await serve((socket) => {
      socket.on('message', () => { socket.send('1'); socket.send('2'); socket.close(1000); });
    });
    const program = new Program(['connect', '-x', 'go', '--wait', '1000', url]);
    expect(await program.end()).toEqual({ status: 0, out: '1\n2\n', err: '' });
  });

  it('with --wait ends after that time, with or without an answer', async () => {
    const { url } = await serve(() => undefined);
    const program = new Program(['connect', '-x', 'go', '--wait', '0.05', url]);
    expect(await program.end()).toEqual({ status: 0, out: '', err: '' });
  });

  it('fails when the server closes instead of answering', async () => {
    const { url } = await serve((socket) => { socket.on('message', () => { socket.close(1000, 'no'); }); });
    const { status, err } = await new Program(['connect', '-x', 'go', url]).end();
    expect(status).toBe(1);
    expect(err).toContain('closed the connection before it answered (1000 no)');
  });
});

describe('what is asked for', () => {
  it('header fields, credentials, origin and subprotocol are in the request', async () => {
    const seen: NodeJS.Dict<string | string[]>[] = [];
    const onConnection = (socket: WebSocket, { headers }: IncomingMessage): void => {
      seen.push(headers);
      socket.close(1000);
    };
    const { url } = await serve(onConnection, { handleProtocols: () => 'b' });
    const fields = ['-H', 'X-One: 1', '-H', 'X-Two: a: b', '--auth', 'ada:secret', '--origin', 'https://example.com'];
    const args = [...fields, '-p', 'a', '-p', 'b'];
    expect(await new Program(['connect', ...args, url]).end()).toEqual({ status: 0, out: '', err: '' });
    expect(seen[0]).toMatchObject({
      'x-one': '1', 'x-two': 'a: b', origin: 'https://example.com', 'sec-websocket-protocol': 'a, b',
      authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}`,
    });
  });

  it('--ping sends pings, and shows how long the pong took', async () => {
    const program = new Program(['connect', '--ping', '0.02', (await serve(echo)).url]);
    await program.shows(/pong after \d+\.\d ms/);
    program.interrupt();
    expect((await program.end()).status).toBe(0);
  });
});

describe('a binary message', () => {
  const bytes = Buffer.from(Array.from({ length: 40 }, (_, index) => index + 60));

  it('is shown as a hex dump', async () => {
    const { url } = await serve((socket) => { socket.send(bytes); socket.close(1000); });
    expect((await new Program(['connect', url]).end()).out).toBe(
      '00000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK\n' +
        '00000010  4c 4d 4e 4f 50 51 52 53 54 55 56 57 58 59 5a 5b  LMNOPQRSTUVWXYZ[\n' +
        '00000020  5c 5d 5e 5f 60 61 62 63                          \\]^_`abc\n',
    );
  });

  it('is cut off when it is long', async () => {
    const { url } = await serve((socket) => { socket.send(Buffer.alloc(2_000)); socket.close(1000); });
    expect((await new Program(['connect', url]).end()).out).toMatch(/… 976 bytes more: --save DIR keeps them\n$/);
  });

  it('goes into a file with --save', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watershed-cli-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { url } = await serve((socket) => { socket.send(bytes); socket.send(Buffer.from('2')); socket.close(1000); });
    expect(await new Program(['connect', '--save', folder, url]).end()).toMatchObject({ status: 0, out: '' });
    expect(await readFile(join(folder, 'message-1.bin'))).toEqual(bytes);
    expect(await readFile(join(folder, 'message-2.bin'), 'utf8')).toBe('2');
  });

  it('never takes the place of a file that is there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watershed-cli-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'message-1.bin'), 'mine');
    const { url } = await serve((socket) => { socket.send(bytes); socket.close(1000); });
    const { err } = await new Program(['connect', '--save', folder, url]).end();
    expect(err).toBe(`binary, 40 bytes, written to ${join(folder, 'message-2.bin')}\n`);
    expect(await readFile(join(folder, 'message-1.bin'), 'utf8')).toBe('mine');
  });

  it('that cannot be saved is an error', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watershed-cli-'));
    const { url } = await serve((socket) => {
      void rm(folder, { recursive: true }).then(() => { socket.send(bytes); });
    });
    const { status, err } = await new Program(['connect', '--save', folder, url]).end();
    expect(status).toBe(1);
    expect(err).toContain('--save: ENOENT');
  });
});

describe('the status says how it ended', () => {
  it.each([[1000, 0], [1001, 0], [1011, 3], [4000, 3]])('a close with %i is %i', async (code, expected) => {
    const { url } = await serve((socket) => { socket.close(code, 'why'); });
    const { status, err } = await new Program(['connect', url]).end();
    expect(status).toBe(expected);
    if (expected !== 0) expect(err).toContain(`the server closed the connection (${String(code)} why)`);
  });

  it('a connection that is lost is 1', async () => {
    const { url } = await serve((socket) => { socket.terminate(); });
    const { status, err } = await new Program(['connect', url]).end();
    expect(status).toBe(1);
    expect(err).toContain('the connection was lost (1006)');
  });

  it('Ctrl-C closes with 1000', async () => {
    const { url, server } = await serve((socket) => { socket.send('hello'); });
    const closed = once(server, 'connection').then(([socket]) => once(socket as WebSocket, 'close'));
    const program = new Program(['connect', url]);
    await program.shows(/hello/);
    program.interrupt();
    expect((await program.end()).status).toBe(0);
    expect((await closed)[0]).toBe(1000);
  });

  it('Ctrl-C before it is open gives up', async () => {
    const { port, server } = await rawServer();
    const program = new Program(['connect', `ws://127.0.0.1:${String(port)}`]);
    await new Promise((resolve) => server.once('request', resolve));
    program.interrupt();
    expect(await program.end()).toMatchObject({ status: 1, err: expect.stringContaining('given up') as string });
  });
});

describe('why a connection could not be opened, and what to do', () => {
  const answers: [number, string, RegExp][] = [
    [401, 'Unauthorized', /--auth USER:PASSWORD/],
    [403, 'Forbidden', /--origin/],
    [404, 'Not Found', /is the path typed right/],
    [426, 'Upgrade Required', /proxy/],
    [200, 'OK', /is this the address of a WebSocket/],
    [502, 'Bad Gateway', /is the server behind this proxy running/],
  ];

  it.each(answers)('an answer of %i', async (status, text, expected) => {
    const answer = `HTTP/1.1 ${String(status)} ${text}\r\nContent-Length: 0\r\n\r\n`;
    const { port } = await rawServer((socket) => socket.end(answer));
    const { status: exit, err } = await new Program(['connect', `ws://127.0.0.1:${String(port)}`]).end();
    expect(exit).toBe(1);
    expect(err).toContain(`the server answered ${String(status)} ${text}: `);
    expect(err).toMatch(expected);
  });

  it('nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const { status, err } = await new Program(['connect', `ws://127.0.0.1:${String(port)}`]).end();
    expect(status).toBe(1);
    expect(err).toContain('is the server running');
  });

  describe('TLS', () => {
    async function tlsServer(name: string): Promise<string> {
      const [cert, key] = await Promise.all(['cert', 'key'].map((each) => readFile(fixture(`${name}-${each}.pem`))));
      const server = createTlsServer({ cert, key });
      new WebSocketServer({ server }).on('connection', echo);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(() => {
        server.closeAllConnections();
        server.close();
      });
      return `wss://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    }

    it.each([
      ['self-signed', 'localhost', /its certificate is self-signed: .* --ca FILE, or any with --insecure\n$/],
      ['of an unknown authority', 'server', /nobody known here has signed .* --ca FILE, or trust any with --insec/],
    ])('a certificate that is %s is refused, and the line says how to trust it', async (_, name, expected) => {
      const { status, err } = await new Program(['connect', await tlsServer(name)]).end();
      expect(status).toBe(1);
      expect(err).toMatch(expected);
    });

    it.each([
      ['localhost', '--ca', fixture('localhost-cert.pem')],
      ['server', '--ca', fixture('ca-cert.pem')],
      ['server', '--insecure'],
    ])('that of %s is trusted with %s', async (name, ...trust) => {
      const program = new Program(['connect', ...trust, '-x', 'hello', await tlsServer(name)]);
      expect(await program.end()).toEqual({ status: 0, out: 'hello\n', err: '' });
    });
  });

  it('TLS where there is none', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => { server.close(); });
    const { port } = server.address() as AddressInfo;
    const { status, err } = await new Program(['connect', `wss://127.0.0.1:${String(port)}`]).end();
    expect(status).toBe(1);
    expect(err).toContain('it does not speak TLS: type ws:// in the place of wss://');
  });

  it('a connection that is closed without an answer', async () => {
    const { port } = await rawServer((socket) => socket.destroy());
    const { status, err } = await new Program(['connect', `ws://127.0.0.1:${String(port)}`]).end();
    expect(status).toBe(1);
    expect(err).toContain('closed the connection before it answered: does it want TLS? Then type wss://');
  });

  it('a redirect', async () => {
    const { port } = await rawServer((socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n'));
    const { err } = await new Program(['connect', `ws://127.0.0.1:${String(port)}`]).end();
    expect(err).toContain('the server answered 302 Found: type the address that it leads to, /there');
  });

  it.each<[unknown, string, string]>([
    [undefined, 'ws://a', 'ws://a: the connection failed'],
    [new Error('of its own'), 'ws://a', 'ws://a: of its own'],
    [{ message: '', code: 'constructor' }, 'ws://a', 'ws://a: '],
    [{ code: 'ECONNRESET' }, 'wss://a', 'wss://a: it closed the connection before it answered: does it speak TLS'],
    [{ message: 'ssl:wrong version number:' }, 'wss://a', 'wss://a: it does not speak TLS'],
    [new HandshakeError('WATERSHED_UNEXPECTED_STATUS', 599, ''), 'ws://a', 'ws://a: the server answered 599: is this'],
    [new HandshakeError('WATERSHED_UNEXPECTED_STATUS', 304, ''), 'ws://a', 'ws://a: the server answered 304 Not Mod'],
  ])('%o at %s', (error, url, expected) => {
    expect(explain(error, url)).toContain(expected);
  });

  it('a server that does not speak HTTP', async () => {
    const { port } = await rawServer((socket) => socket.end('220 mail.example.com ESMTP\r\n'));
    const { err } = await new Program(['connect', `ws://127.0.0.1:${String(port)}`]).end();
    expect(err).toContain('what answers does not speak HTTP');
  });

  it('an answer that is no right handshake, in the words of the library', async () => {
    const { port } = await rawServer((socket) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    });
    const { status, err } = await new Program(['connect', `ws://127.0.0.1:${String(port)}`]).end();
    expect(status).toBe(1);
    expect(err).toContain('Sec-WebSocket-Accept');
  });
});
