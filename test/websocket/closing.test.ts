/** The end of a WebSocket, on both ends: close() in every state and handler, failures, and the loss of the transport. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WatershedConnection, WebSocket, type WebSocketErrorEvent } from '../../src/index.js';
import { duplexPair } from '../classic/duplex-pair.js';
import { fill, handMadeRequest, record, turn } from '../classic/ends.js';
import { close, encodeFrame, frame, opcodes, text } from '../conformance/frames.js';
import { acceptingServer, rawServer, switchingProtocols } from '../handshake/opening.js';
import { freePort } from '../interop/daemon.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { answerClose, bothEnds, opened, recordEvents } from './ends.js';

expectNoOpenHandles();

describe.each(bothEnds)("a %s's close()", (_end, makeEnd) => {
  it.each<[string, [(number | undefined)?, string?], Buffer]>([
    ['no arguments', [], close().payload],
    ['a code', [4000], close(4000).payload],
    ['a code and a reason', [1000, 'żółw'], close(1000, 'żółw').payload],
    ['a reason alone, which takes 1000 with it', [undefined, 'bye'], close(1000, 'bye').payload],
    ['a reason that is empty', [undefined, ''], close().payload],
    ['a lone surrogate in the reason', [3000, '\ud800'], close(3000, '\ufffd').payload],
  ])('with %s sends what the standard says, and changes the ready state alone', async (_, args, payload) => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const events = recordEvents(webSocket);
    webSocket.close(...args);
    expect(webSocket.readyState).toBe(WebSocket.CLOSING);
    expect(events).toEqual([]);
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload });
    peer.send(text('dropped'));
    await answerClose(ends, 3333);
    expect(events).toEqual(['close 3333 "" clean [3]']);
  });

  it('does nothing a second time, while CLOSING or when CLOSED', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const events = recordEvents(webSocket);
    webSocket.close(3000, 'first');
    webSocket.close(3001, 'second');
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(3000, 'first').payload });
    await answerClose(ends);
    webSocket.close(3002);
    await turn();
    expect(events).toEqual(['close 1000 "" clean [3]']);
    expect(await peer.rest()).toEqual([]);
  });

  it.each(['open', 'message'])('in the handler of %s drops what came behind it', async (type) => {
    let events: string[] = [];
    const ends = await makeEnd({}, (webSocket) => {
      events = recordEvents(webSocket);
      webSocket.addEventListener(type, () => { webSocket.close(3000); });
    }, [text('1'), text('2'), close(3001)]);
    const { webSocket, peer } = ends;
    peer.socket.end();
    if (webSocket.readyState !== WebSocket.CLOSED) await once(webSocket, 'close');
    const delivered = type === 'open' ? [] : ['message 1 [1]'];
    expect(events).toEqual(['open [1]', ...delivered, 'close 3001 "" clean [3]']);
    expect((await peer.rest()).map(({ opcode }) => opcode)).toEqual([opcodes.close]);
  });

  it.each(['error', 'close'])('in the handler of %s does nothing', async (type) => {
    const { webSocket, peer } = await opened(makeEnd());
    const events = recordEvents(webSocket);
    webSocket.addEventListener(type, () => {
      webSocket.close(3000);
      webSocket.send('dropped');
    });
    const closed = once(webSocket, 'close');
    peer.send(frame(0x3, ''));
    peer.socket.end();
    await closed;
    await turn();
    expect(events).toEqual(['error WATERSHED_RESERVED_OPCODE [3]', 'close 1006 "" not clean [3]']);
    expect(webSocket.bufferedAmount).toBe(7);
  });

  it('at the same time as the peer’s is clean, with the code of the peer', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    peer.send(close(3001, 'theirs'));
    webSocket.close(3002, 'ours');
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(3002, 'ours').payload });
    peer.socket.end();
    await closed;
    expect(events).toEqual(['close 3001 "theirs" clean [3]']);
    expect(await peer.rest()).toEqual([]);
  });

  it('that is not answered ends after closeTimeout: 1006, not clean, and no error', async () => {
    const { webSocket, peer } = await opened(makeEnd({ closeTimeout: 20 }));
    const events = recordEvents(webSocket);
    webSocket.close(3000);
    await once(webSocket, 'close');
    expect(events).toEqual(['close 1006 "" not clean [3]']);
    await peer.ended;
  });

  it('has the ready state of the other face follow, whichever face it was', async () => {
    const ends = await opened(makeEnd());
    const { webSocket, peer } = ends;
    const events = recordEvents(webSocket);
    WatershedConnection.from(webSocket).end(4000);
    expect(webSocket.readyState).toBe(WebSocket.OPEN);
    await turn();
    expect(webSocket.readyState).toBe(WebSocket.CLOSING);
    peer.send(text('dropped'));
    await answerClose(ends, 4000);
    expect(events).toEqual(['close 4000 "" clean [3]']);
  });
});

describe.each(bothEnds)("a %s's connection", (_end, makeEnd) => {
  it('is CLOSING when the peer’s CLOSE has come, and CLOSED when TCP has ended', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    peer.send(close(1001, 'going'));
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(1001, 'going').payload });
    await turn();
    expect(webSocket.readyState).toBe(WebSocket.CLOSING);
    expect(events).toEqual([]);
    peer.socket.end();
    await closed;
    expect(events).toEqual(['close 1001 "going" clean [3]']);
  });

  it('is closed with 1005 where the peer’s CLOSE is empty', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const closed = once(webSocket, 'close');
    peer.send(close());
    peer.socket.end();
    expect(await closed).toMatchObject([{ code: 1005, reason: '', wasClean: true }]);
  });

  it('that the peer fails is CLOSING at once, then fires error and close', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    peer.send(text('1'), text(Buffer.of(0xff)), text('never seen'));
    expect(await peer.frame()).toEqual({ opcode: opcodes.close, payload: close(1007).payload });
    await turn();
    expect(webSocket.readyState).toBe(WebSocket.CLOSING);
    peer.socket.end();
    await closed;
    expect(events).toEqual(['message 1 [1]', 'error WATERSHED_INVALID_UTF8 [3]', 'close 1006 "" not clean [3]']);
  });

  it.each(['ends', 'is reset'])('whose TCP %s is closed with 1006 alone, and the reason is told elsewhere', async (how) => {
    const reasons = observeErrors();
    const { webSocket, peer } = await opened(makeEnd());
    const connection = WatershedConnection.from(webSocket);
    const classic = record(connection);
    const messages = connection[Symbol.asyncIterator]();
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    if (how === 'ends') peer.socket.end();
    else peer.socket.resetAndDestroy();
    await closed;
    expect(events).toEqual(['close 1006 "" not clean [3]']);
    const cause: unknown = expect.objectContaining({ code: 'ECONNRESET' });
    const reason: unknown = expect.objectContaining({
      code: 'WATERSHED_CONNECTION_LOST',
      ...(how === 'is reset' && { cause }),
    });
    expect(reasons).toEqual([[connection.id, reason]]);
    expect(classic).toEqual([['connectionReset'], ['end', null, null]]);
    await expect(messages.next()).rejects.toEqual(reason);
  });

  it('that is reset with messages under way delivers them first', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    const delivered = once(webSocket, 'message');
    peer.send(text('1'), text('2'));
    await delivered;
    peer.socket.resetAndDestroy();
    await closed;
    expect(events).toEqual(['message 1 [1]', 'message 2 [1]', 'close 1006 "" not clean [3]']);
  });

  it('above maxBufferedAmount counts as full: error, and close 1006', async () => {
    const { webSocket, peer } = await opened(makeEnd({ maxBufferedAmount: 1000 }));
    const events = recordEvents(webSocket);
    webSocket.send('x'.repeat(1000));
    webSocket.send('y');
    webSocket.send('z');
    expect(webSocket.readyState).toBe(WebSocket.OPEN);
    expect(webSocket.bufferedAmount).toBe(1002);
    expect(events).toEqual([]);
    await once(webSocket, 'close');
    expect(events).toEqual(['error WATERSHED_BUFFER_LIMIT [3]', 'close 1006 "" not clean [3]']);
    await peer.ended;
  });

  it('that does not answer the heartbeat is lost: close 1006 alone', async () => {
    const { webSocket } = await opened(makeEnd({ heartbeat: { interval: 10, timeout: 10 } }));
    const events = recordEvents(webSocket);
    await once(webSocket, 'close');
    expect(events).toEqual(['close 1006 "" not clean [3]']);
  });

  it('can be closed while the peer reads nothing: closeTimeout ends it', async () => {
    const { webSocket, peer } = await opened(makeEnd({ closeTimeout: 20 }));
    peer.socket.pause();
    await fill(WatershedConnection.from(webSocket));
    const events = recordEvents(webSocket);
    webSocket.close();
    await once(webSocket, 'close');
    expect(events).toEqual(['close 1006 "" not clean [3]']);
    expect(webSocket.bufferedAmount).toBeGreaterThan(0);
  });
});

describe('a transport that breaks', () => {
  it.each(['ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH'])('with %s loses the connection and does not fail it', async (code) => {
    const reasons = observeErrors();
    const [server, client] = duplexPair();
    client.resume();
    const webSocket = WebSocket.accept(handMadeRequest(), server, Buffer.alloc(0));
    await once(webSocket, 'open');
    const events = recordEvents(webSocket);
    const error = Object.assign(new Error('The network is gone'), { code });
    server.destroy(error);
    await once(webSocket, 'close');
    expect(events).toEqual(['close 1006 "" not clean [3]']);
    const [[, reason] = []] = reasons;
    expect([reason, (reason as Error).cause]).toContain(error);
    client.destroy();
  });

  it('behind the peer’s CLOSE does not make it unclean', async () => {
    const [server, client] = duplexPair();
    client.resume();
    const webSocket = WebSocket.accept(handMadeRequest(), server, Buffer.alloc(0));
    await once(webSocket, 'open');
    const events = recordEvents(webSocket);
    const closed = once(webSocket, 'close');
    client.write(encodeFrame(close(3000, 'done'), true));
    await vi.waitFor(() => { expect(webSocket.readyState).toBe(WebSocket.CLOSING); });
    server.destroy(Object.assign(new Error('Reset'), { code: 'ECONNRESET' }));
    await closed;
    expect(events).toEqual(['close 3000 "done" clean [3]']);
    client.destroy();
  });
});

describe('a client that is CONNECTING', () => {
  it.each<[string, (webSocket: WebSocket) => void]>([
    ['at once', () => undefined],
    ['with a code and a reason', (webSocket) => { webSocket.close(3000, 'never mind'); }],
  ])('is failed by close() %s: error, then close 1006, after the call', async (_, closeIt) => {
    const { port, sockets } = await rawServer();
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`);
    const events = recordEvents(webSocket);
    closeIt(webSocket);
    webSocket.close();
    expect(webSocket.readyState).toBe(WebSocket.CLOSING);
    webSocket.send('dropped');
    expect(events).toEqual([]);
    await once(webSocket, 'close');
    expect(events).toEqual(['error WATERSHED_CLOSED_EARLY [3]', 'close 1006 "" not clean [3]']);
    expect(webSocket.bufferedAmount).toBe(7);
    expect(sockets.length).toBeLessThanOrEqual(1);
  });

  it('is closed when the request is under way, and the server’s answer is not looked at', async () => {
    const { port, server, sockets } = await rawServer();
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/`);
    const events = recordEvents(webSocket);
    const [head] = (await once(server, 'request')) as [string];
    webSocket.close();
    sockets[0]?.write(switchingProtocols(head));
    await once(webSocket, 'close');
    await turn();
    expect(events).toEqual(['error WATERSHED_CLOSED_EARLY [3]', 'close 1006 "" not clean [3]']);
  });

  it.each<[string, () => Promise<WebSocket>, object]>([
    ['nobody listens', async () => connectTo(await freePort()), { code: 'ECONNREFUSED' }],
    ['the server answers 401', () => connectTo(answering('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\nWho are you?')), {
      code: 'WATERSHED_UNEXPECTED_STATUS',
      statusCode: 401,
      headers: expect.objectContaining({ 'www-authenticate': 'Basic' }) as unknown,
    }],
    ['the server answers 200', () => connectTo(answering('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')), {
      code: 'WATERSHED_UNEXPECTED_STATUS',
      statusCode: 200,
    }],
    ['the server redirects', () => connectTo(answering('HTTP/1.1 301 Moved\r\nLocation: /other\r\n\r\n')), {
      statusCode: 301,
      headers: expect.objectContaining({ location: '/other' }) as unknown,
    }],
    ['the server answers garbage', () => connectTo(answering('hello there\r\n\r\n')), { code: 'HPE_INVALID_CONSTANT' }],
    ['the server answers nothing', () => connectTo(rawServer(), { handshakeTimeout: 20 }), { code: 'WATERSHED_HANDSHAKE_TIMEOUT' }],
    ['the server ends TCP', () => connectTo(rawServer((socket) => socket.end())), { code: 'ECONNRESET' }],
    ['the server resets TCP half-way', () => connectTo(rawServer((socket) => {
      socket.write('HTTP/1.1 101 Sw');
      setImmediate(() => socket.resetAndDestroy());
    })), { code: 'ECONNRESET' }],
    ['the accept value is wrong', () => connectTo(rawServer((socket) => socket.write(switchingProtocols('')))), {
      code: 'WATERSHED_INVALID_RESPONSE',
      statusCode: 101,
    }],
    ['there are two accept values', () => connectTo(rawServer((socket, head) => socket.write(
      switchingProtocols(head, 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='),
    ))), { code: 'WATERSHED_INVALID_RESPONSE' }],
    ['there is an extension that was not offered', () => connectTo(acceptingServer('Sec-WebSocket-Extensions: x-unknown')), {
      code: 'WATERSHED_EXTENSION_MISMATCH',
    }],
    ['there is a subprotocol that was not offered', () => connectTo(acceptingServer('Sec-WebSocket-Protocol: chat')), {
      code: 'WATERSHED_SUBPROTOCOL_MISMATCH',
    }],
    ['the port is blocked', () => connectTo(1), { code: 'WATERSHED_BLOCKED_PORT' }],
    ['its signal is aborted', () => connectTo(rawServer(), { signal: AbortSignal.timeout(20) }), {
      code: 'WATERSHED_HANDSHAKE_ABORTED',
      cause: expect.objectContaining({ name: 'TimeoutError' }) as unknown,
    }],
  ])('fails when %s: one error event that says why, then close 1006', async (_, make, expected) => {
    const webSocket = await make();
    const events = recordEvents(webSocket);
    const errors: WebSocketErrorEvent[] = [];
    webSocket.onerror = (event) => errors.push(event);
    await once(webSocket, 'close');
    await turn();
    expect(events).toEqual([expect.stringMatching(/^error .* \[3\]$/), 'close 1006 "" not clean [3]']);
    const [event] = errors;
    expect(event?.error).toBeInstanceOf(Error);
    expect(event?.error).toMatchObject(expected);
    expect(event?.message).toBe(event?.error.message);
    expect(event?.message).not.toBe('');
  });

  async function connectTo(
    server: number | Promise<{ readonly port: number }>,
    options: ConstructorParameters<typeof WebSocket>[2] = {},
  ): Promise<WebSocket> {
    const port = typeof server === 'number' ? server : (await server).port;
    return new WebSocket(`ws://127.0.0.1:${String(port)}/`, [], options);
  }

  function answering(response: string): ReturnType<typeof rawServer> {
    return rawServer((socket: Socket) => socket.write(response));
  }
});

/** Each connection's id, with what the channel for errors says of it. */
function observeErrors(): [number, unknown][] {
  const errors: [number, unknown][] = [];
  const observe = (message: unknown): void => {
    const { id, error } = message as { id: number; error: unknown };
    errors.push([id, error]);
  };
  subscribe('watershed:error', observe);
  onTestFinished(() => { unsubscribe('watershed:error', observe); });
  return errors;
}
