/** Programs that take the constructor from the global scope. */
import { firstValueFrom } from 'rxjs';
import { webSocket } from 'rxjs/webSocket';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

let recording: Recording;

beforeEach(() => {
  recording = new Recording();
  vi.stubGlobal('WebSocket', recording.WebSocket);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

it('rxjs uses the global WebSocket', async () => {
  const { url } = await listenEcho();
  const subject = webSocket(url);
  const first = firstValueFrom(subject);
  subject.next({ tide: 'high' });
  expect(await first).toEqual({ tide: 'high' });
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
});

it('methods that are assigned to an instance take the place of its own', async () => {
  const { url } = await listenEcho();
  const socket = new WebSocket(url);
  const close = socket.close.bind(socket);
  const calls: string[] = [];
  const rpc = Object.assign(socket, {
    close() {
      calls.push('close');
      close(1000, 'Done');
    },
    ping() {
      if (socket.readyState !== socket.OPEN) throw new Error('Not open');
      socket.send('ping');
    },
    request(body: object) {
      socket.send(JSON.stringify(body));
    },
  });
  expect(() => {
    rpc.ping();
  }).toThrow('Not open');
  const messages: unknown[] = [];
  socket.onopen = () => {
    rpc.ping();
    rpc.request({ method: 'eth_blockNumber' });
  };
  socket.onmessage = ({ data }) => {
    if (messages.push(data) === 2) rpc.close();
  };
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1000']]);
  expect(messages).toEqual(['ping', '{"method":"eth_blockNumber"}']);
  expect(calls).toEqual(['close']);
});

it('properties of any name can be set on an instance', async () => {
  const { url } = await listenEcho();
  const socket = Object.assign(new WebSocket(url), { timeout: 10_000, identifier: 'a', _heartbeat: null });
  socket.onopen = () => {
    socket.close();
  };
  await recording.whenClosed(1);
  expect(Object.entries(socket)).toEqual([
    ['timeout', 10_000],
    ['identifier', 'a'],
    ['_heartbeat', null],
  ]);
});

it('a promise for an instance resolves with the instance itself', async () => {
  const socket = await Promise.resolve(new WebSocket(await refusedUrl()));
  expect(socket).toBeInstanceOf(WebSocket);
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
});

it('the constants stand on the constructor and on an instance', async () => {
  const socket = new WebSocket(await refusedUrl());
  for (const { CONNECTING, OPEN, CLOSING, CLOSED } of [WebSocket, socket]) {
    expect([CONNECTING, OPEN, CLOSING, CLOSED]).toEqual([0, 1, 2, 3]);
  }
  expect(WebSocket.name).toBe('WebSocket');
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
});

async function listenEcho() {
  const { server, url } = await listenWs();
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      socket.send(data, { binary: isBinary });
    });
  });
  return { url };
}
