/** A connection over Duplex streams that are no net.Socket, with the habits that streams may have. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Watershed, type ConnectionOptions, type WatershedConnection } from '../../src/index.js';
import { encodeFrame, ping, text } from '../conformance/frames.js';
import { HANDSHAKE, handMadeRequest, next, record, responseText, turn } from './ends.js';
import { duplexPair, type PairedDuplex, type PairOptions } from './duplex-pair.js';

const KEY = HANDSHAKE['sec-websocket-key'] as string;

function upgradeResponse(): IncomingMessage {
  const fields = responseText(KEY).split('\r\n').slice(1, -2).map((line) => line.split(': ') as [string, string]);
  return {
    statusCode: 101,
    headers: Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value])),
  } as unknown as IncomingMessage;
}

interface Pair {
  server: WatershedConnection;
  client: WatershedConnection;
  sockets: [PairedDuplex, PairedDuplex];
}

/** Both ends over a pair of streams, the handshake done. */
async function pair(options: PairOptions = {}, connectionOptions: ConnectionOptions = {}): Promise<Pair> {
  const sockets = duplexPair(options);
  const [near, far] = sockets;
  const server = Watershed.accept(handMadeRequest(), near, Buffer.alloc(0), connectionOptions);
  const [head] = (await once(far, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1\.1 101 .*\r\n\r\n$/s);
  far.removeAllListeners('data');
  const client = Watershed.connect(upgradeResponse(), far, Buffer.alloc(0), KEY, connectionOptions);
  return { server, client, sockets };
}

describe.each<[string, PairOptions]>([
  ['an ordinary pair of streams', {}],
  ['streams that deliver before the write has returned', { isSynchronous: true }],
  ['streams that neither destroy themselves nor say that they are closed', { autoDestroy: false, emitClose: false }],
  ['such streams that deliver before the write has returned', { autoDestroy: false, emitClose: false, isSynchronous: true }],
  ['streams that end with their peer', { allowHalfOpen: false }],
  ['streams of a tiny high-water mark', { highWaterMark: 1 }],
])('over %s', (_name, options) => {
  it('carries messages and pings both ways in order, small and large', async () => {
    const { server, client } = await pair(options);
    for (const [from, to] of [[server, client], [client, server]] as const) {
      const events = record(to);
      const large = Buffer.alloc(20_000, 'L');
      const last = next(to, 'text');
      from.ping('p');
      from.send(Buffer.from('small'));
      from.send(large);
      from.send('last');
      await last;
      expect(events).toEqual([
        ['ping', Buffer.from('p')],
        ['binary', Buffer.from('small')],
        ['binary', large],
        ['text', 'last'],
      ]);
    }
  });

  it('echoes within handlers on both sides without losing or mixing anything', async () => {
    const { server, client } = await pair(options);
    server.on('text', (message) => server.send(`${message}!`));
    const heard: string[] = [];
    const done = new Promise<void>((resolve) => {
      client.on('text', (message) => {
        heard.push(message);
        if (heard.length === 100) resolve();
        else client.send(String(heard.length));
      });
    });
    client.send('0');
    await done;
    expect(heard).toEqual(Array.from({ length: 100 }, (_, index) => `${String(index)}!`));
  });

  it('closes cleanly from either end, and every callback has been called', async () => {
    for (const closer of ['server', 'client'] as const) {
      const ends = await pair(options);
      const results: unknown[] = [];
      const ended = Promise.all([next(ends.server, 'end'), next(ends.client, 'end')]);
      ends.server.send('from the server', (error) => results.push(error));
      ends.client.send('from the client', (error) => results.push(error));
      ends[closer].end(3000, 'done');
      expect(await ended).toEqual([['3000', 'done'], ['3000', 'done']]);
      expect(results).toEqual([undefined, undefined]);
      expect(ends.sockets.map((socket) => socket.destroyed)).toEqual([true, true]);
    }
  });

  it('closes cleanly when both ends close at once', async () => {
    const { server, client } = await pair(options);
    const ended = Promise.all([next(server, 'end'), next(client, 'end')]);
    server.end('server');
    client.end('client');
    expect(await ended).toEqual([['NORMAL', 'client'], ['NORMAL', 'server']]);
  });

  it('reports a stream that breaks, and ends', async () => {
    const { server, sockets: [near] } = await pair(options);
    const events = record(server);
    const results: unknown[] = [];
    server.send('does this go out?', (error) => results.push(error instanceof Error));
    near.destroy(new Error('broken'));
    await next(server, 'end');
    expect(events).toEqual([['error', expect.objectContaining({ message: 'broken' })], ['end', null, null]]);
    expect(results).toHaveLength(1);
  });

  it('holds everything back while paused, and delivers it then', async () => {
    const { server, client } = await pair(options);
    server.pause();
    const events = record(server);
    client.send('one');
    client.send('two');
    client.end('three');
    await turn();
    await turn();
    expect(events).toEqual([]);
    server.resume();
    await next(server, 'end');
    expect(events).toEqual([['text', 'one'], ['text', 'two'], ['end', 'NORMAL', 'three']]);
  });

  it('delivers what came before accept, and then tells that the peer had ended', async () => {
    const [near, far] = duplexPair(options);
    far.resume();
    far.end(Buffer.concat([encodeFrame(text('early'), true), encodeFrame(ping('p'), true)]));
    const connection = Watershed.accept(handMadeRequest(), near, encodeFrame(text('in the head'), true));
    const events = record(connection);
    await next(connection, 'end');
    expect(events).toEqual([
      ['text', 'in the head'],
      ['text', 'early'],
      ['ping', Buffer.from('p')],
      ['connectionReset'],
      ['end', null, null],
    ]);
  });

  it('has no address', async () => {
    const { server } = await pair(options);
    expect([server.remote, server.local]).toEqual(['', '']);
    expect(server.ref().unref()).toBe(server);
  });
});

describe('over a stream', () => {
  it('hands over memory that is never written again: the stream may keep it', async () => {
    const [near] = duplexPair();
    const kept: Buffer[] = [];
    near._write = (chunk: Buffer, _encoding, callback) => {
      kept.push(chunk);
      callback();
    };
    const server = Watershed.accept(handMadeRequest(), near, Buffer.alloc(0));
    await turn();
    const copies: Buffer[] = [];
    for (const message of ['first', 'second', 'third']) {
      server.send(message);
      await turn();
      copies.push(Buffer.from(kept.at(-1) as Buffer));
    }
    expect(kept.slice(1)).toEqual(copies);
    expect(copies.map((copy) => copy.subarray(2).toString())).toEqual(['first', 'second', 'third']);
    server.destroy();
  });

  it('fails the callbacks of what a failed write took along, once, though nothing destroys the stream', async () => {
    const [near] = duplexPair({ autoDestroy: false, emitClose: false });
    const server = Watershed.accept(handMadeRequest(), near, Buffer.alloc(0));
    await turn();
    near._write = (_chunk, _encoding, callback) => {
      callback(new Error('no space left'));
    };
    const events = record(server);
    const results: unknown[] = [];
    for (const message of ['a', 'b']) server.send(message, (error) => results.push([message, error instanceof Error]));
    await next(server, 'end');
    expect(results).toEqual([['a', true], ['b', true]]);
    expect(events).toEqual([['error', expect.objectContaining({ message: 'no space left' })], ['end', null, null]]);
  });
});
