/** Bad input from the network: a clear error, and the process and its other connections go on. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { HandshakeError, Watershed, type WatershedConnection } from '../../src/index.js';
import { binary, close, encodeFrame, text } from '../conformance/frames.js';
import { catchUncaught, deferred, dial, dialPeer, listenOn, next, type Peer, readHead, record, requestText } from './ends.js';

/** A server with one connection that is none of the bad input's business. */
interface Site {
  port: number;
  connections: WatershedConnection[];
  refusals: Error[];
  bystander: Peer;
  /** Shows that the process and the bystander have taken no harm. */
  goesOn: () => Promise<void>;
}

let site: Site;
beforeEach(async () => {
  const uncaught = catchUncaught();
  const connections: WatershedConnection[] = [];
  const refusals: Error[] = [];
  // What is no upgrade is an ordinary request to the server.
  const server = createServer((_req, res) => res.writeHead(426, { Upgrade: 'websocket' }).end('Upgrade required'));
  server.on('upgrade', (req, socket, head) => {
    try {
      const connection = Watershed.accept(req, socket, head, { maxPayload: 1_000 });
      connection.on('text', (message) => connection.send(message));
      connections.push(connection);
    } catch (error) {
      refusals.push(error as Error);
      Watershed.reject(socket, error as HandshakeError);
    }
  });
  const port = await listenOn(server);
  const bystander = await dialPeer(port);
  const goesOn = async (): Promise<void> => {
    bystander.send(text('still there?'));
    expect((await bystander.frame()).payload.toString()).toBe('still there?');
    // A new one is let in too.
    const peer = await dialPeer(port);
    peer.send(text('me too'));
    expect((await peer.frame()).payload.toString()).toBe('me too');
    expect(uncaught).toEqual([]);
  };
  site = { port, connections, refusals, bystander, goesOn };
});

describe('a request that is no handshake', () => {
  it('such as a plain GET to the path of the WebSocket is not taken for one', async () => {
    const client = dial(site.port);
    client.write('GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n');
    expect((await readHead(client)).head).toMatch(/^HTTP\/1\.1 426 /);
    expect(site.connections).toHaveLength(1);
    await site.goesOn();
  });

  it.each([
    ['no key', requestText({ 'sec-websocket-key': undefined }), 400, 'Missing Sec-WebSocket-Key Header'],
    ['a key of 15 bytes', requestText({ 'sec-websocket-key': Buffer.alloc(15).toString('base64') }), 400, /is the base64 of 16 bytes/],
    ['a key that is no base64', requestText({ 'sec-websocket-key': '?GhlIHNhbXBsZSBub25jZQ==' }), 400, /is the base64 of 16 bytes/],
    ['an empty key', requestText({ 'sec-websocket-key': '' }), 400, /Sec-WebSocket-Key/],
    ['version 8', requestText({ 'sec-websocket-version': '8' }), 426, 'Unsupported Sec-WebSocket-Version'],
    ['version 13, 8', requestText({ 'sec-websocket-version': '13, 8' }), 426, 'Unsupported Sec-WebSocket-Version'],
    ['the method POST', requestText({}, 'POST / HTTP/1.1'), 405, /the method of the opening handshake is GET/],
    ['HTTP/1.0', requestText({}, 'GET / HTTP/1.0'), 400, /the HTTP version is at least 1\.1/],
    ['an upgrade to something else', requestText({ upgrade: 'h2c' }), 400, 'Missing Upgrade Header'],
    ['an extension named __proto__ with a wrong parameter', requestText({ 'sec-websocket-extensions': '__proto__; =1' }), 400, /Sec-WebSocket-Extensions/],
    ['a subprotocol that is no token', requestText({ 'sec-websocket-protocol': 'a b' }), 400, /Sec-WebSocket-Protocol/],
  ])('for it has %s, is refused', async (_what, request, statusCode, message) => {
    const client = dial(site.port);
    client.write(request);
    const { head, rest } = await readHead(client);
    expect(Number(head.slice(9, 12))).toBe(statusCode);
    expect(head).toMatch(/^Connection: close(, Upgrade)?\r?$/m);
    if (statusCode === 426) expect(head).toMatch(/^Sec-WebSocket-Version: 13\r?$/m);
    if (statusCode === 405) expect(head).toMatch(/^Allow: GET\r?$/m);
    const error = site.refusals[0] as HandshakeError;
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error.statusCode).toBe(statusCode);
    expect(error.message).toMatch(message);
    expect(rest.toString()).toBe(error.message);
    expect(site.connections).toHaveLength(1);
    await site.goesOn();
  });

  it('such as the garbage of a bare TCP client does no harm', async () => {
    const client = dial(site.port);
    client.write(Buffer.from([0x81, 0x85, 0, 1, 2, 3, 255, 254, 253, 13, 10, 13, 10]));
    client.resume();
    await once(client, 'end');
    await site.goesOn();
  });

  it('such as one that stops in the middle does no harm, whether the client waits or goes away', async () => {
    const waiting = dial(site.port);
    waiting.write(requestText().slice(0, -20));
    const leaving = dial(site.port);
    leaving.write(requestText().slice(0, 60), () => leaving.resetAndDestroy());
    await once(leaving, 'close');
    await site.goesOn();
    expect(site.connections).toHaveLength(2);
  });
});

const MASK_BIT = 0x80;

describe('on an open connection', () => {
  it.each([
    ['an announced length of 2^63', Buffer.from([0x82, MASK_BIT | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 'WATERSHED_INVALID_LENGTH', 1002],
    ['an announced length of 2^63 - 1', Buffer.from([0x82, MASK_BIT | 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]), 'WATERSHED_MESSAGE_TOO_BIG', 1009],
    ['an announced length of 2^53', Buffer.from([0x82, MASK_BIT | 127, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 'WATERSHED_MESSAGE_TOO_BIG', 1009],
    ['a message over maxPayload', encodeFrame(binary(Buffer.alloc(1_001)), true), 'WATERSHED_MESSAGE_TOO_BIG', 1009],
    ['fragments that are over maxPayload together', Buffer.concat([
      encodeFrame(text('x'.repeat(600), { fin: false }), true),
      encodeFrame({ ...text('x'.repeat(401)), opcode: 0 }, true),
    ]), 'WATERSHED_MESSAGE_TOO_BIG', 1009],
    ['a frame that is not masked', encodeFrame(text('bare'), false), 'WATERSHED_UNMASKED_FRAME', 1002],
    ['text that is not UTF-8', encodeFrame(text(Buffer.from([0xc3, 0x28])), true), 'WATERSHED_INVALID_UTF8', 1007],
    ['HTTP once more', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'WATERSHED_RESERVED_BITS', 1002],
    ['a CLOSE with the code 1005', encodeFrame(close(1005), true), 'WATERSHED_INVALID_CLOSE_CODE', 1002],
  ])('%s fails that connection, and no other', async (_what, bytes, code, closeCode) => {
    const peer = await dialPeer(site.port);
    const connection = site.connections[1] as WatershedConnection;
    const events = record(connection);
    peer.socket.write(bytes);
    const frame = await peer.frame();
    expect([frame.opcode, frame.payload.readUInt16BE()]).toEqual([8, closeCode]);
    await peer.ended;
    const ended = next(connection, 'end');
    peer.socket.end();
    await ended;
    expect(events).toEqual([['error', expect.objectContaining({ code, closeCode })], ['end', null, null]]);
    await site.goesOn();
  });

  it('a message of just maxPayload is right', async () => {
    const peer = await dialPeer(site.port);
    peer.send(text('x'.repeat(1_000)));
    expect((await peer.frame()).payload).toHaveLength(1_000);
  });

  it('a client that stops in the middle of a frame header is waited for, and its end is a reset', async () => {
    const peer = await dialPeer(site.port);
    const connection = site.connections[1] as WatershedConnection;
    const events = record(connection);
    peer.socket.write(Buffer.from([0x82, MASK_BIT | 127, 0, 0]));
    await site.goesOn();
    expect(connection.readyState).toBe(1);
    peer.socket.end();
    await next(connection, 'end');
    expect(events).toEqual([['connectionReset'], ['end', null, null]]);
    await site.goesOn();
  });

  it.each([
    ['send(42)', (connection: WatershedConnection) => { connection.send(42 as never); }, TypeError, /^data must be .* but is 42$/],
    ['end(1005)', (connection: WatershedConnection) => { connection.end(1005); }, RangeError, /^code must be .* but is 1005$/],
    ['a reason of 124 bytes', (connection: WatershedConnection) => { connection.end('é'.repeat(62)); }, RangeError, /^reason must be at most 123 bytes .* but has 124$/],
  ])('%s throws, and leaves the connection as it was', async (_what, act, type, message) => {
    const peer = await dialPeer(site.port);
    const connection = site.connections[1] as WatershedConnection;
    expect(() => { act(connection); }).toThrow(type);
    expect(() => { act(connection); }).toThrow(message);
    peer.send(text('unharmed'));
    expect((await peer.frame()).payload.toString()).toBe('unharmed');
    await site.goesOn();
  });

  it('an option of the wrong type throws from accept, and the socket is still the caller’s', async () => {
    const server = createServer();
    const thrown = deferred<unknown>();
    server.on('upgrade', (req, socket, head) => {
      try {
        Watershed.accept(req, socket, head, { maxPayload: '1 MB' as never });
      } catch (error) {
        thrown.resolve(error);
        Watershed.reject(socket, 500);
      }
    });
    const client = dial(await listenOn(server));
    client.write(requestText());
    expect((await readHead(client)).head).toMatch(/^HTTP\/1\.1 500 /);
    expect(await thrown.promise).toMatchObject({ name: 'TypeError', message: 'options.maxPayload must be a number, but is "1 MB"' });
    await site.goesOn();
  });
});
