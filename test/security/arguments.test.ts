/** What a program hands over by mistake, or hands on from somebody it should not trust. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Watershed, WebSocket } from '../../src/index.js';
import { clientEnd, dial, HANDSHAKE, handMadeRequest, listenOn, serverEnd } from '../classic/ends.js';
import { clientEnd as webSocketClient, opened } from '../websocket/ends.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([['server', serverEnd], ['client', clientEnd]])('a caller\'s number is never a length (%s)', (_, open) => {
  it.each(['ping', 'pong', 'send'] as const)('%s of a number is a TypeError, and sends nothing', async (method) => {
    const { connection, peer } = await open();
    expect(() => { connection[method](1_000 as never); }).toThrow(TypeError);
    connection.send('the next');
    expect((await peer.frame()).payload.toString()).toBe('the next');
  });
});

it('send of a number, by a WebSocket, sends its digits, as Web IDL has it', async () => {
  const { webSocket, peer } = await opened(webSocketClient());
  webSocket.send(1_000 as never);
  expect((await peer.frame()).payload.toString()).toBe('1000');
});

describe('bytes are counted by byteLength, and a reason is a string', () => {
  it.each([['server', serverEnd], ['client', clientEnd]])('a view with wide elements is sent whole (%s)', async (_, open) => {
    const { connection, peer } = await open();
    const view = new Float32Array([1, 2, 3]);
    connection.send(view);
    expect((await peer.frame()).payload).toEqual(Buffer.from(view.buffer));
  });

  it.each([['server', serverEnd], ['client', clientEnd]])('end with a view as the reason is a TypeError (%s)', async (_, open) => {
    const { connection, peer } = await open();
    expect(() => { connection.end(1_000, new Float32Array(20) as never); }).toThrow(TypeError);
    connection.send('still open');
    expect((await peer.frame()).payload.toString()).toBe('still open');
  });

  it('close of a WebSocket makes it a string, as Web IDL has it', async () => {
    const { webSocket, peer } = await opened(webSocketClient());
    webSocket.close(1_000, new Float32Array([1, 2]) as never);
    expect((await peer.frame()).payload).toEqual(Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from('1,2')]));
  });
});

describe('everything that is written into a head is checked', () => {
  const BROKEN = 'a\r\nX-Injected: 1';

  it.each([
    ['a header', { headers: { 'X-Mine': BROKEN } }],
    ['the name of a header', { headers: { [BROKEN]: 'a' } }],
    ['the origin', { origin: BROKEN }],
    ['a subprotocol', { protocols: [BROKEN] }],
  ])('of a WebSocket: %s', async (_, init) => {
    const server = createServer();
    let requests = 0;
    server.on('upgrade', (_request, socket) => { requests++; socket.destroy(); });
    const port = await listenOn(server);
    expect(() => new WebSocket(`ws://127.0.0.1:${String(port)}`, init)).toThrow();
    // Whatever had been sent would be there before this.
    dial(port).end('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n');
    await once(server, 'upgrade');
    expect(requests).toBe(1);
  });

  it('of the classic client\'s request', () => {
    expect(() => Watershed.requestHeaders(Watershed.generateKey(), { origin: BROKEN })).toThrow(RangeError);
    expect(() => Watershed.requestHeaders(Watershed.generateKey(), { protocols: [BROKEN] })).toThrow(RangeError);
  });

  it('of the answers of a server', async () => {
    const server = createServer();
    const port = await listenOn(server);
    const client = dial(port);
    client.write('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    const [, socket, head] = (await once(server, 'upgrade')) as Parameters<typeof Watershed.accept>;
    const request = handMadeRequest(HANDSHAKE);
    expect(() => Watershed.accept(request, socket, head, { headers: { 'X-Mine': BROKEN } })).toThrow(RangeError);
    expect(() => { Watershed.reject(socket, 401, { headers: { 'X-Mine': BROKEN } }); }).toThrow(RangeError);
    Watershed.reject(socket, 401);
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 401 /);
    expect(answer.toString()).not.toContain('X-Injected');
  });
});

describe('masking', () => {
  it.each([1, 100, 1_000, 100_000])('leaves %i bytes of the caller\'s as they are', async (length) => {
    const { connection, peer } = await clientEnd();
    const { webSocket, peer: otherPeer } = await opened(webSocketClient());
    const bytes = Buffer.alloc(length, 'ab');
    connection.send(bytes);
    webSocket.send(bytes);
    const before = Buffer.alloc(length, 'ab');
    for (const each of [(await peer.frame()).payload, (await otherPeer.frame()).payload, bytes]) {
      expect(each.equals(before)).toBe(true);
    }
  });

  it('takes a fresh key for every frame, which no generator of numbers can tell', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { connection, peer } = await clientEnd();
    const count = 2_000;
    let raw = Buffer.alloc(0);
    const frameLength = 7;
    const all = new Promise<void>((resolve) => {
      peer.socket.on('data', (chunk: Buffer) => {
        raw = Buffer.concat([raw, chunk]);
        if (raw.length === count * frameLength) resolve();
      });
    });
    for (let sent = 0; sent < count; sent++) connection.send('x');
    await all;
    const keys = Array.from({ length: count }, (_, index) => raw.readUInt32LE(index * frameLength + 2));
    // Two of 2,000 are the same once in 2,000 runs; three pairs never.
    expect(new Set(keys).size).toBeGreaterThan(count - 3);
    // Each bit is set as often as not: six standard deviations of 22 either way.
    for (let bit = 0; bit < 32; bit++) {
      const set = keys.filter((key) => ((key >>> bit) & 1) === 1).length;
      expect(Math.abs(set - count / 2)).toBeLessThan(135);
    }
  });
});
