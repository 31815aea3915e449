/** A whole session between the two ends, step by step: what a first user of the package tries. */
import { describe, expect, it } from 'vitest';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { Watershed, type WatershedConnection } from '../../src/index.js';
import { deferred, listen, next, record } from './ends.js';

/** Sets both ends up with the calls that code for 0.4 makes. */
async function setUp(
  offered?: string,
  supported?: readonly string[],
): Promise<{ server: WatershedConnection; client: WatershedConnection } | Error> {
  const shed = new Watershed();
  const outcome = deferred<WatershedConnection | Error>();
  const port = await listen((req, socket, head) => {
    try {
      outcome.resolve(shed.accept(req, socket, head, false, supported));
    } catch (error) {
      outcome.resolve(error as Error);
      socket.end();
    }
  });
  const key = shed.generateKey();
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    headers: {
      'connection': 'upgrade',
      'upgrade': 'websocket',
      'Sec-WebSocket-Key': key,
      ...(offered !== undefined && { 'Sec-WebSocket-Protocol': offered }),
    },
  });
  const upgraded = deferred<[IncomingMessage, Duplex, Buffer]>();
  request.on('upgrade', (...args) => {
    upgraded.resolve(args);
  });
  // Where the server refuses there is no answer at all, and that is an error of the request.
  request.on('error', () => undefined);
  request.end();
  const server = await outcome.promise;
  if (server instanceof Error) return server;
  const [res, socket, head] = await upgraded.promise;
  return { server, client: shed.connect(res, socket, head, key) };
}

async function open(...args: Parameters<typeof setUp>): Promise<{ server: WatershedConnection; client: WatershedConnection }> {
  const ends = await setUp(...args);
  if (ends instanceof Error) throw ends;
  return ends;
}

describe('a session', () => {
  it('is set up, and both ends are open', async () => {
    const { server, client } = await open();
    expect([server.readyState, client.readyState]).toEqual([1, 1]);
  });

  it('takes pings both ways, each answered with its own payload', async () => {
    const { server, client } = await open();
    for (const [from, to] of [[server, client], [client, server]] as const) {
      const arrived = next(to, 'ping');
      const answered = next(from, 'pong');
      from.ping(Buffer.from('nonce'));
      expect(await arrived).toEqual([Buffer.from('nonce')]);
      expect(await answered).toEqual([Buffer.from('nonce'), expect.any(Number)]);
    }
  });

  it('takes text and binary both ways, in order', async () => {
    const { server, client } = await open();
    for (const [from, to] of [[server, client], [client, server]] as const) {
      const events = record(to);
      const last = next(to, 'binary');
      from.send('Grüße, 世界 🌍');
      from.send('');
      from.send(Buffer.from([0, 1, 2, 255]));
      await last;
      expect(events).toEqual([
        ['text', 'Grüße, 世界 🌍'],
        ['text', ''],
        ['binary', Buffer.from([0, 1, 2, 255])],
      ]);
    }
  });

  it.each(['server', 'client'] as const)('is closed by the %s with a reason, and both ends see name and reason', async (side) => {
    const ends = await open();
    const ended = Promise.all([next(ends.server, 'end'), next(ends.client, 'end')]);
    ends[side].end('that was it');
    expect(await ended).toEqual([['NORMAL', 'that was it'], ['NORMAL', 'that was it']]);
  });

  it('is closed with a code of one’s own', async () => {
    const { server, client } = await open();
    const ended = Promise.all([next(server, 'end'), next(client, 'end')]);
    server.end(1011, 'out of paper');
    expect(await ended).toEqual([['UNEXPECTED_ERROR', 'out of paper'], ['UNEXPECTED_ERROR', 'out of paper']]);
  });

  it('agrees on the first subprotocol of the client that the server has', async () => {
    const { server, client } = await open('chat, superchat, telegraph', ['telegraph', 'superchat']);
    expect([server.getProtocol(), client.getProtocol()]).toEqual(['superchat', 'superchat']);
  });

  it('has no subprotocol when none was asked for', async () => {
    const { server, client } = await open(undefined, ['telegraph']);
    expect([server.getProtocol(), client.getProtocol()]).toEqual([null, null]);
  });

  it.each([
    ['chat', ['Chat'], 'Client and server have no matching sub-protocols'],
    ['chat', undefined, 'Client requested a sub-protocol but no supported sub-protocols were provided to accept()'],
  ])('is refused for the subprotocol %s where the server has %s', async (offered, supported, message) => {
    expect(await setUp(offered, supported)).toMatchObject({ message });
  });
});
