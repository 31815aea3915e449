/** What may stand in the head of a request or an answer, whoever wrote it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type Duplex, PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HandshakeError, Watershed, WebSocket, type WebSocketErrorEvent } from '../../src/index.js';
import { catchUncaught, deferred, dial, HANDSHAKE, listenOn, readHead, requestText } from '../classic/ends.js';
import { rawServer, switchingProtocols } from '../handshake/opening.js';

/** Either face of a server. */
type Accept = (...args: Parameters<typeof WebSocket.accept>) => unknown;
const faces: [name: string, accept: Accept][] = [
  ['the classic server', (...args) => Watershed.accept(...args)],
  ['the WebSocket of a server', (...args) => WebSocket.accept(...args)],
];

const NOT_ASKED = 'not asked';

/** Answers a request as a server of ours, and gives what it threw, if it did. */
async function answer(
  request: string,
  options: Parameters<typeof createServer>[0] = {},
  accept: Accept = (...args) => Watershed.accept(...args),
): Promise<{ thrown: unknown; head: string }> {
  const server = createServer(options);
  const thrown = deferred<unknown>();
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    try {
      accept(req, socket, head, { perMessageDeflate: true, protocols: ['chat'] });
      thrown.resolve(undefined);
    } catch (error) {
      thrown.resolve(error);
      Watershed.reject(socket, error instanceof HandshakeError ? error : 500);
    }
  });
  const client = dial(await listenOn(server));
  client.write(request, 'latin1');
  const { head } = await readHead(client);
  // Unless node:http has refused it itself.
  thrown.resolve(NOT_ASKED);
  return { thrown: await thrown.promise, head };
}

/** Opens a WebSocket whose handshake is answered so, and gives its error. */
async function failureOf(answerTo: (head: string) => string): Promise<{ code: unknown; message: string }> {
  const { port } = await rawServer((socket, head) => socket.write(answerTo(head), 'latin1'));
  const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`);
  return new Promise((resolve, reject) => {
    webSocket.onerror = ({ error }): void => { resolve(error as Error & { code: unknown }); };
    webSocket.onopen = (): void => { reject(new Error('The answer was taken')); };
  });
}

const NAMES_OF_OBJECTS = ['constructor', '__proto__', 'hasOwnProperty', 'toString'];

describe('names from the network are never keys of an object', () => {
  it.each(NAMES_OF_OBJECTS)('an extension that a client calls %s, or its parameter, is unknown', async (name) => {
    const offers = `${name}; ${name}=1, permessage-deflate; ${name}, ${name}`;
    const { thrown, head } = await answer(requestText({ 'sec-websocket-extensions': offers }));
    expect(thrown).toBeUndefined();
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(head).not.toContain(name);
  });

  it.each(NAMES_OF_OBJECTS)('one that a server calls %s fails the handshake', async (name) => {
    for (const extensions of [`${name}; ${name}=1`, `permessage-deflate; ${name}=1`]) {
      const error = await failureOf((head) => switchingProtocols(head, `Sec-WebSocket-Extensions: ${extensions}`));
      expect(error).toBeInstanceOf(HandshakeError);
    }
  });

  it.each(NAMES_OF_OBJECTS)('a subprotocol that is called %s is not one that the server speaks', async (name) => {
    const { thrown } = await answer(requestText({ 'sec-websocket-protocol': name }));
    expect(thrown).toBeInstanceOf(HandshakeError);
  });
});

// One pass takes milliseconds. What begins anew at each character takes 10,000 million steps for each field, which is
// far beyond the time limit, and what backtracks further never ends.
describe('header values are read in one pass', { timeout: 10_000 }, () => {
  const LENGTH = 100_000;
  const hostile: [name: string, value: string][] = [
    ['spaces between two names', `a${' '.repeat(LENGTH)}b`],
    ['tabs and spaces before a comma', `a${'\t '.repeat(LENGTH / 2)}`],
    ['a quoted string of quoted pairs without an end', `a; b="${'\\"'.repeat(LENGTH / 2)}`],
    ['a quoted string of backslashes', `a; b="${'\\\\'.repeat(LENGTH / 2)}`],
    ['nothing but semicolons', `a${';'.repeat(LENGTH)}`],
    ['nothing but commas', ','.repeat(LENGTH)],
    ['very many parameters', `a${'; b=c'.repeat(LENGTH / 5)}`],
    ['one long name', `${'a'.repeat(LENGTH)}\x80`],
  ];

  it.each(hostile)('of a request: %s', async (_, value) => {
    for (const name of ['sec-websocket-extensions', 'sec-websocket-protocol']) {
      const { head } = await answer(requestText({ [name]: value }), { maxHeaderSize: 2 * LENGTH });
      expect(head).toMatch(/^HTTP\/1.1 (101|400) /);
    }
    // With these wrong, node:http does not see an upgrade.
    for (const name of ['connection', 'upgrade', 'sec-websocket-key', 'sec-websocket-version', 'origin', 'host']) {
      const socket = new PassThrough();
      const headers = { ...HANDSHAKE, [name]: value };
      try {
        Watershed.accept({ headers } as never, socket, Buffer.alloc(0), { origin: 'same-origin' }).destroy();
      } catch (error) {
        expect(error).toBeInstanceOf(HandshakeError);
      }
    }
  });

  it.each(hostile)('of an answer: %s', (_, value) => {
    const response = { statusCode: 101, headers: { ...HANDSHAKE, 'sec-websocket-extensions': value } };
    const key = Watershed.generateKey();
    const socket = dial(1).on('error', () => undefined);
    expect(() => Watershed.connect(response as never, socket, Buffer.alloc(0), key)).toThrow();
  });
});

describe('every header may be absent', () => {
  const many = 'a: b\r\n'.repeat(2_000);

  it.each(faces)('because so many came before it that Node kept none of the others (%s)', async (_, accept) => {
    const uncaught = catchUncaught();
    const request = requestText().replace(`host: ${HANDSHAKE['host'] ?? ''}\r\n`, (host) => host + many);
    const { thrown, head } = await answer(request, { maxHeaderSize: 64 * 1_024 }, accept);
    // From version 26 on, node:http refuses it itself.
    if (thrown !== NOT_ASKED) {
      expect(thrown).toMatchObject({ code: 'WATERSHED_INVALID_REQUEST', message: 'Missing Upgrade Header' });
    }
    expect(head).toMatch(thrown === NOT_ASKED ? /^HTTP\/1.1 431 / : /^HTTP\/1.1 426 /);
    expect(uncaught).toEqual([]);
  });

  it('in an answer, too', async () => {
    const first = `\r\nConnection: Upgrade\r\n${many}`;
    const error = await failureOf((head) => switchingProtocols(head).replace('\r\n', first));
    expect(error).toMatchObject({ code: 'WATERSHED_INVALID_RESPONSE', message: 'Missing Upgrade Header' });
  });

  it.each(Object.keys(HANDSHAKE))('and without %s nothing but a HandshakeError is thrown', async (name) => {
    if (name === 'connection' || name === 'upgrade') {
      const headers = { ...HANDSHAKE, [name]: undefined };
      expect(() => Watershed.accept({ headers } as never, dial(1).on('error', () => undefined), Buffer.alloc(0)))
        .toThrow(HandshakeError);
      return;
    }
    const { thrown } = await answer(requestText({ [name]: undefined }));
    if (thrown !== undefined) expect(thrown).toBeInstanceOf(HandshakeError);
  });
});

describe('every negotiated parameter is checked', () => {
  const wrong = ['7', '16', '08', '0', '1000', '-9', '9.5', 'x', '""', '99999999999999999999'];

  it.each(wrong)('window bits of %s that a client offers make no codec', async (bits) => {
    const uncaught = catchUncaught();
    for (const parameter of ['server_max_window_bits', 'client_max_window_bits']) {
      const offer = `permessage-deflate; ${parameter}=${bits}`;
      const { head } = await answer(requestText({ 'sec-websocket-extensions': offer }));
      expect(head.toLowerCase()).not.toContain('sec-websocket-extensions');
    }
    expect(uncaught).toEqual([]);
  });

  it.each(wrong)('window bits of %s that a server answers fail the handshake', async (bits) => {
    const uncaught = catchUncaught();
    for (const parameter of ['server_max_window_bits', 'client_max_window_bits']) {
      const extensions = `Sec-WebSocket-Extensions: permessage-deflate; ${parameter}=${bits}`;
      expect(await failureOf((head) => switchingProtocols(head, extensions))).toBeInstanceOf(HandshakeError);
    }
    expect(uncaught).toEqual([]);
  });
});

describe('the handshake is bounded in size and time', () => {
  it('an answer whose head does not end is given up when it is too long', async () => {
    const { port, sockets } = await rawServer((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n');
      const more = (): void => {
        if (socket.writable) socket.write('x-endless: yes\r\n', more);
      };
      more();
    });
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`);
    const [event] = (await once(webSocket, 'error')) as [WebSocketErrorEvent];
    expect(event.error).toMatchObject({ code: 'HPE_HEADER_OVERFLOW' });
    // Node reads 64 KiB at a time.
    expect(sockets[0]?.bytesWritten).toBeLessThan(8 * 1_024 * 1_024);
  });

  it('one that comes byte by byte is given up after handshakeTimeout', async () => {
    const { port } = await rawServer((socket, head) => {
      const bytes = switchingProtocols(head);
      let offset = 0;
      const timer = setInterval(() => { socket.write(bytes[offset++ % 17] ?? 'x'); }, 5);
      onTestFinished(() => { clearInterval(timer); });
    });
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`, { handshakeTimeout: 100 });
    const [event] = (await once(webSocket, 'error')) as [WebSocketErrorEvent];
    expect(event.error).toMatchObject({ code: 'WATERSHED_HANDSHAKE_TIMEOUT' });
    await once(webSocket, 'close');
  });
});

describe('version 13 alone', () => {
  it.each(['0', '4', '6', '7', '8', '12', '14'])('a request of version %s is refused, with the version to take', async (version) => {
    const { thrown, head } = await answer(requestText({ 'sec-websocket-version': version }));
    expect(thrown).toBeInstanceOf(HandshakeError);
    expect(head).toMatch(/^HTTP\/1.1 426 /);
    expect(head.toLowerCase()).toContain('sec-websocket-version: 13');
  });

  it.each(['8', '14'])('an answer of version %s fails the handshake', async (version) => {
    const error = await failureOf((head) => switchingProtocols(head, `Sec-WebSocket-Version: ${version}`));
    expect(error).toMatchObject({ code: 'WATERSHED_UNSUPPORTED_VERSION' });
  });

  it('one of the drafts before versions is refused', async () => {
    const keys = { 'sec-websocket-key': undefined, 'sec-websocket-key1': '4 @1  46546xW%0l 1 5', 'sec-websocket-key2': '12998 5 Y3 1  .P00' };
    const { thrown, head } = await answer(requestText({ 'sec-websocket-version': undefined, ...keys }));
    expect(thrown).toBeInstanceOf(HandshakeError);
    expect(head).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe.each(faces)('an origin policy is one option away (%s)', (_, accept) => {
  it.each([
    ['a list', ['https://example.com'], 'https://example.com', 'https://evil.example'],
    ['same-origin', 'same-origin', 'http://example.com', 'http://example.com.evil.example'],
    ['a function', (origin: string | undefined) => origin === 'https://example.com', 'https://example.com', 'https://evil.example'],
  ] as const)('%s keeps pages of other sites out', async (_, origin, good, evil) => {
    const server = createServer();
    server.on('upgrade', (req, socket: Duplex, head) => {
      try {
        accept(req, socket, head, { origin });
      } catch (error) {
        Watershed.reject(socket, error as HandshakeError);
      }
    });
    const port = await listenOn(server);
    for (const [value, status] of [[good, 101], [evil, 403], ['null', 403]] as const) {
      const client = dial(port);
      client.write(requestText({ origin: value, cookie: 'session=1' }));
      expect((await readHead(client)).head).toMatch(new RegExp(`^HTTP/1.1 ${String(status)} `));
    }
  });
});
