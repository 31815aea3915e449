/** WebSocket.accept: the server's end of a WebSocket. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as connectTLS } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { HandshakeError, Watershed, WatershedConnection, WebSocket, type WebSocketAcceptOptions } from '../../src/index.js';
import { duplexPair } from '../classic/duplex-pair.js';
import { deferred, dialPeer, handMadeRequest, HANDSHAKE, listen, listenOn, readHead, requestText, turn } from '../classic/ends.js';
import { close, opcodes, ping, text } from '../conformance/frames.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { opened, recordEvents, serverEnd } from './ends.js';

expectNoOpenHandles();

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

describe('a WebSocket that was accepted', () => {
  it('is CONNECTING, then fires open, then what came with the request', async () => {
    let events: string[] = [];
    const states: number[] = [];
    const setUp = (webSocket: WebSocket): void => {
      states.push(webSocket.readyState);
      expect(() => { webSocket.send('too early'); }).toThrow(expect.objectContaining({ name: 'InvalidStateError' }) as Error);
      expect([webSocket.protocol, webSocket.extensions]).toEqual(['', '']);
      events = recordEvents(webSocket);
    };
    const more = [text('one'), ping('?'), text('two'), close(3000, 'done')];
    const { webSocket, peer } = await serverEnd({}, setUp, more);
    expect(webSocket).toBeInstanceOf(WebSocket);
    expect(await peer.rest()).toEqual([
      { opcode: opcodes.pong, payload: Buffer.from('?') },
      { opcode: opcodes.close, payload: close(3000, 'done').payload },
    ]);
    peer.socket.end();
    if (webSocket.readyState !== WebSocket.CLOSED) await once(webSocket, 'close');
    expect(states).toEqual([WebSocket.CONNECTING]);
    expect(events).toEqual(['open [1]', 'message one [1]', 'message two [1]', 'close 3000 "done" clean [3]']);
  });

  it('has the subprotocol and the URL of the request, from open on', async () => {
    const accepted = deferred<WebSocket>();
    const port = await listen((req, socket, head) => {
      accepted.resolve(WebSocket.accept(req, socket, head, { protocols: ['b', 'a'] }));
    });
    const request = requestText({ 'sec-websocket-protocol': 'a, b' }, 'GET /chat?room=1 HTTP/1.1');
    const peer = await dialPeer(port, request);
    const webSocket = await accepted.promise;
    if (webSocket.readyState === WebSocket.CONNECTING) await once(webSocket, 'open');
    expect(webSocket.protocol).toBe('a');
    expect(webSocket.url).toBe('ws://example.com/chat?room=1');
    const message = once(webSocket, 'message');
    peer.send(text('x'));
    expect(await message).toEqual([expect.objectContaining({ origin: 'ws://example.com' })]);
    peer.socket.destroy();
    await once(webSocket, 'close');
  });

  it('has a wss: URL where the socket is TLS', async () => {
    const server = createSecureServer({ key: fixture('server-key.pem'), cert: fixture('server-cert.pem') });
    const accepted = deferred<WebSocket>();
    server.on('upgrade', (req, socket, head) => { accepted.resolve(WebSocket.accept(req, socket, head)); });
    const port = await listenOn(server);
    const client = connectTLS({ port, host: '127.0.0.1', rejectUnauthorized: false });
    client.write(requestText());
    await readHead(client);
    const webSocket = await accepted.promise;
    expect(webSocket.url).toBe('wss://example.com/');
    client.destroy();
    await once(webSocket, 'close');
  });

  it('can be closed before it is open: it never is, and the peer gets the CLOSE', async () => {
    let events: string[] = [];
    const { webSocket, peer } = await serverEnd({}, (webSocket) => {
      events = recordEvents(webSocket);
      webSocket.close(3000, 'not now');
      expect(webSocket.readyState).toBe(WebSocket.CLOSING);
    }, [text('never seen')]);
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(3000, 'not now').payload });
    peer.send(close(3000));
    await peer.ended;
    peer.socket.end();
    if (webSocket.readyState !== WebSocket.CLOSED) await once(webSocket, 'close');
    expect(events).toEqual(['close 3000 "" clean [3]']);
  });

  it('takes the options of a connection', async () => {
    const { webSocket, peer } = await opened(serverEnd({ maxPayload: 3 }));
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    peer.send(text('four'));
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(1009).payload });
    peer.socket.end();
    await closed;
    expect(events).toEqual(['error WATERSHED_MESSAGE_TOO_BIG [3]', 'close 1006 "" not clean [3]']);
  });

  it('works over any stream, with a request that was made by hand', async () => {
    const [server, client] = duplexPair();
    let received = '';
    client.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    const webSocket = WebSocket.accept(handMadeRequest(), server, Buffer.alloc(0));
    await once(webSocket, 'open');
    await turn();
    expect(received).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\n$/);
    client.destroy();
    server.destroy();
    await once(webSocket, 'close');
  });
});

describe('a handshake that is wrong', () => {
  it.each<[string, Record<string, string | undefined>, WebSocketAcceptOptions, number, string]>([
    ['no version', { 'sec-websocket-version': undefined }, {}, 400, 'WATERSHED_INVALID_REQUEST'],
    ['another version', { 'sec-websocket-version': '8' }, {}, 426, 'WATERSHED_UNSUPPORTED_VERSION'],
    ['no Upgrade', { upgrade: undefined }, {}, 426, 'WATERSHED_INVALID_REQUEST'],
    ['another Upgrade', { upgrade: 'h2c' }, {}, 400, 'WATERSHED_INVALID_REQUEST'],
    ['no key', { 'sec-websocket-key': undefined }, {}, 400, 'WATERSHED_INVALID_REQUEST'],
    ['a key that is none', { 'sec-websocket-key': 'abc' }, {}, 400, 'WATERSHED_INVALID_REQUEST'],
    ['a subprotocol that is not spoken', { 'sec-websocket-protocol': 'a' }, { protocols: ['b'] }, 400, 'WATERSHED_SUBPROTOCOL_MISMATCH'],
    ['an Origin that is refused', { origin: 'https://evil.example' }, { origin: 'same-origin' }, 403, 'WATERSHED_ORIGIN_REFUSED'],
  ])('with %s throws, and leaves the socket alone', (_, fields, options, statusCode, code) => {
    const headers = Object.fromEntries(Object.entries({ ...HANDSHAKE, ...fields }).filter(([, value]) => value !== undefined));
    const [socket, client] = duplexPair();
    const chunks: unknown[] = [];
    client.on('data', (chunk) => chunks.push(chunk));
    const before = listenersOf(socket);
    const call = (): unknown => WebSocket.accept(handMadeRequest(headers), socket, Buffer.alloc(0), options);
    expect(call).toThrow(HandshakeError);
    expect(call).toThrow(expect.objectContaining({ statusCode, code }) as Error);
    expect(socket.writableLength).toBe(0);
    expect(listenersOf(socket)).toEqual(before);
  });

  it('is one on a socket that is gone', () => {
    const [socket] = duplexPair();
    socket.destroy();
    const call = (): unknown => WebSocket.accept(handMadeRequest(), socket, Buffer.alloc(0));
    expect(call).toThrow(expect.objectContaining({ code: 'WATERSHED_SOCKET_DESTROYED' }) as Error);
  });

  it.each([
    ['something that is no Watershed', { watershed: {} }],
    ['an option that there is not', { maxpayload: 1 }],
    ['an option of a wrong type', { maxPayload: '1' }],
    ['detached, which would leave no socket to it', { detached: true }],
  ])('or an option that is: %s is a TypeError', (_, options) => {
    const [socket] = duplexPair();
    const call = (): unknown => WebSocket.accept(handMadeRequest(), socket, Buffer.alloc(0), options as WebSocketAcceptOptions);
    expect(call).toThrow(TypeError);
    expect(socket.writableLength).toBe(0);
  });

  function listenersOf(socket: Duplex): unknown[] {
    return socket.eventNames().map((name) => [name, socket.listenerCount(name)]);
  }
});

describe('closeAll', () => {
  it('closes the WebSockets of its instance, and no other', async () => {
    const watershed = new Watershed();
    const mine = await opened(serverEnd({ watershed }));
    const other = await opened(serverEnd());
    const events = recordEvents(mine.webSocket);
    const closed = watershed.closeAll({ code: 4000, reason: 'restart' });
    await turn();
    expect(mine.webSocket.readyState).toBe(WebSocket.CLOSING);
    expect(other.webSocket.readyState).toBe(WebSocket.OPEN);
    mine.peer.send(text('dropped'), close(4000, 'well'));
    mine.peer.socket.end();
    expect(await closed).toEqual({ clean: 1, destroyed: 0 });
    await turn();
    expect(events).toEqual(['close 4000 "well" clean [3]']);
    WatershedConnection.from(other.webSocket).destroy();
    await once(other.webSocket, 'close');
  });

  it('destroys those that do not answer', async () => {
    const watershed = new Watershed();
    const { webSocket } = await opened(serverEnd({ watershed }));
    const events = recordEvents(webSocket);
    expect(await watershed.closeAll({ timeout: 20 })).toEqual({ clean: 0, destroyed: 1 });
    await turn();
    expect(events).toEqual(['close 1006 "" not clean [3]']);
  });
});

it('one set of handlers serves both ends', async () => {
  const events: string[] = [];
  const converse = (name: string, webSocket: WebSocket): Promise<unknown> => {
    webSocket.onopen = () => { webSocket.send(`from the ${name}`); };
    webSocket.onmessage = ({ data }) => {
      events.push(`${name}: ${String(data)}`);
      if (name === 'server') webSocket.close(3000);
    };
    webSocket.onerror = ({ error }) => events.push(String(error));
    return once(webSocket, 'close');
  };
  const serverClosed = deferred<unknown>();
  const port = await listen((req, socket, head) => {
    void converse('server', WebSocket.accept(req, socket, head)).then(serverClosed.resolve);
  });
  await converse('client', new WebSocket(`ws://127.0.0.1:${String(port)}`));
  await serverClosed.promise;
  expect(events.sort()).toEqual(['client: from the server', 'server: from the client']);
});
