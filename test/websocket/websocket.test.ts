/** The client's end beyond the standard: its options, what it sends first, what it leaves behind, handlers that throw. */
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket, type WebSocketOptions } from '../../src/index.js';
import { catchUncaught, turn } from '../classic/ends.js';
import { binary, close, encodeFrame, text } from '../conformance/frames.js';
import { acceptingServer, fieldOf, rawServer, switchingProtocols } from '../handshake/opening.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { bothEnds, clientEnd, opened, recordEvents, setGlobal } from './ends.js';

expectNoOpenHandles();

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('the options of a client', () => {
  const headers = { 'X-Test': 'yes' };

  it.each<[string, unknown[], string | undefined]>([
    ['the third argument', [undefined, { headers }], undefined],
    ['the third argument, behind a subprotocol', ['chat', { headers }], 'chat'],
    ['the third argument, whose protocols are ignored', ['chat', { headers, protocols: ['other'] }], 'chat'],
    ['the second argument, a dictionary', [{ headers }], undefined],
    ['the second argument, with a subprotocol', [{ headers, protocols: 'chat' }], 'chat'],
    ['the second argument, with a list of them', [{ headers, protocols: new Set(['chat', 'other']) }], 'chat, other'],
    ['the second argument, with no protocols', [{ headers, protocols: null }], undefined],
    ['both, of which the second goes first', [{ headers }, { headers: { 'X-Test': 'no' }, origin: 'https://a.example' }], undefined],
  ])('can be %s', async (_, args, protocols) => {
    const { port, server } = await rawServer();
    const requested = once(server, 'request');
    const webSocket = Reflect.construct(WebSocket, [`ws://127.0.0.1:${String(port)}/`, ...args]) as WebSocket;
    const [head] = (await requested) as [string];
    expect(fieldOf(head, 'X-Test')).toBe('yes');
    expect(fieldOf(head, 'Sec-WebSocket-Protocol')).toBe(protocols);
    webSocket.close();
    await once(webSocket, 'close');
  });

  it.each<[string, unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ['has an unknown name', { maxpayload: 1 }, TypeError, /maxpayload.*maxPayload/],
    ['is of a wrong type', { handshakeTimeout: '1' }, TypeError, /handshakeTimeout/],
    ['is out of range', { maxRedirects: -1 }, RangeError, /maxRedirects/],
    ['is a header field of the handshake', { headers: { Upgrade: 'h2c' } }, TypeError, /upgrade/i],
    ['has a line break in a header field', { headers: { a: 'b\r\nc: d' } }, RangeError, /header/i],
  ])('throw when one %s, in either place', (_, options, type, message) => {
    for (const args of [[options], [[], options]]) {
      const construct = (): unknown => Reflect.construct(WebSocket, ['ws://127.0.0.1:1/', ...args]);
      expect(construct).toThrow(message);
      expect(construct).toThrow(type);
    }
  });

  it('are looked at after the URL and the subprotocols', () => {
    const options = { maxpayload: 1 } as WebSocketOptions;
    for (const args of [['foo', [], options], ['ws://127.0.0.1:1/', 'no token', options]]) {
      const construct = (): unknown => Reflect.construct(WebSocket, args);
      expect(construct).toThrow(expect.objectContaining({ name: 'SyntaxError' }) as Error);
    }
  });

  it('reach the connection: a message above maxPayload fails it', async () => {
    const { webSocket, peer } = await opened(clientEnd({ maxPayload: 3 }));
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    peer.send(text('four'));
    expect((await peer.frame()).payload).toEqual(close(1009).payload);
    peer.socket.end();
    await closed;
    expect(events).toEqual(['error WATERSHED_MESSAGE_TOO_BIG [3]', 'close 1006 "" not clean [3]']);
  });
});

describe('a ws+unix: URL', () => {
  it('leads to a Unix socket, and its messages have the opaque origin', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'watershed-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, 'a socket');
    const answer = (socket: { write(data: Buffer): unknown }, head: string): void => {
      socket.write(Buffer.concat([Buffer.from(switchingProtocols(head)), encodeFrame(text('hello'), false)]));
    };
    const { heads, sockets } = await rawServer(answer, { path });
    const webSocket = new WebSocket(`ws+unix:${encodeURI(path)}:/chat?q`);
    const [message] = (await once(webSocket, 'message')) as [MessageEvent];
    expect(message).toMatchObject({ data: 'hello', origin: 'null' });
    expect(webSocket.url).toBe(`ws+unix:${encodeURI(path)}:/chat?q`);
    expect(heads[0]).toMatch(/^GET \/chat\?q HTTP\/1\.1/);
    for (const socket of sockets) socket.destroy();
    await once(webSocket, 'close');
  });
});

describe('an attribute', () => {
  it('protocol and extensions are empty until open, and stay when it is closed', async () => {
    const { port, sockets } = await acceptingServer('Sec-WebSocket-Protocol: b');
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`, ['a', 'b']);
    expect([webSocket.protocol, webSocket.extensions]).toEqual(['', '']);
    await once(webSocket, 'open');
    expect([webSocket.protocol, webSocket.extensions]).toEqual(['b', '']);
    for (const socket of sockets) socket.destroy();
    await once(webSocket, 'close');
    expect(webSocket.protocol).toBe('b');
  });
});

describe.each(bothEnds)("a %s's handlers", (_end, makeEnd) => {
  it('that throw are uncaught exceptions, and everything else is delivered', async () => {
    const uncaught = catchUncaught();
    let events: string[] = [];
    const { webSocket, peer } = await makeEnd({}, (webSocket) => {
      for (const type of ['open', 'message', 'error', 'close']) {
        webSocket.addEventListener(type, () => { throw new Error(`in a listener of ${type}`); });
        Reflect.set(webSocket, `on${type}`, () => { throw new Error(`in the handler of ${type}`); });
      }
      events = recordEvents(webSocket);
    }, [text('1'), text('2')]);
    peer.send(text('3'), text('wrong', { rsv: 1 }));
    peer.socket.end();
    if (webSocket.readyState !== WebSocket.CLOSED) await once(webSocket, 'close');
    await turn();
    expect(events).toEqual([
      ...['open [1]', 'message 1 [1]', 'message 2 [1]', 'message 3 [1]'],
      ...['error WATERSHED_RESERVED_BITS [3]', 'close 1006 "" not clean [3]'],
    ]);
    const thrown = uncaught.map((error) => (error as Error).message);
    expect(thrown).toEqual(
      ['open', 'message', 'message', 'message', 'error', 'close'].flatMap((type) => [
        `in a listener of ${type}`,
        `in the handler of ${type}`,
      ]),
    );
  });

  it('are called though a program has replaced the methods of its target', async () => {
    class Replaced extends WebSocket {
      override addEventListener(): void {
        throw new Error('addEventListener was called');
      }

      override dispatchEvent(): boolean {
        throw new Error('dispatchEvent was called');
      }
    }
    const { webSocket, peer } = await opened(makeEnd());
    Object.setPrototypeOf(webSocket, Replaced.prototype);
    const messages: unknown[] = [];
    webSocket.onmessage = ({ data }) => messages.push(data);
    peer.send(text('1'), text('2'));
    await vi.waitFor(() => { expect(messages).toEqual(['1', '2']); });
    webSocket.onmessage = null;
    peer.socket.destroy();
    await vi.waitFor(() => { expect(webSocket.readyState).toBe(WebSocket.CLOSED); });
  });

  it('get binary messages by the binaryType at the time of the event', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const types: unknown[] = [];
    const last = new Promise<void>((resolve) => {
      webSocket.onmessage = async ({ data }: { data: unknown }) => {
        types.push(Object.prototype.toString.call(data));
        await Promise.resolve();
        webSocket.binaryType = webSocket.binaryType === 'blob' ? 'arraybuffer' : 'blob';
        if (types.length === 4) resolve();
      };
    });
    const size = 100_000;
    peer.send(...[1, 2, size, size].map((length) => binary(Buffer.alloc(length, 7))));
    await last;
    expect(types).toEqual(['[object Blob]', '[object ArrayBuffer]', '[object Blob]', '[object ArrayBuffer]']);
    peer.socket.destroy();
    await once(webSocket, 'close');
  });
});

describe('the class', () => {
  it('may be the global one', async () => {
    setGlobal('WebSocket', WebSocket);
    const webSocket = new globalThis.WebSocket('ws://127.0.0.1:1/');
    expect(webSocket).toBeInstanceOf(WebSocket);
    await once(webSocket, 'close');
  });

  it('leaves nothing behind of 10,000 that were opened and closed', async () => {
    // npm test builds first; this is for a test file that is run by itself in a fresh clone.
    if (!existsSync(`${root}dist/index.js`)) execFileSync('npm', ['run', 'build'], { cwd: root });
    const args = ['--expose-gc', 'test/websocket/open-and-close.js'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    expect(stdout).toBe('0 true\n');
  });
});
