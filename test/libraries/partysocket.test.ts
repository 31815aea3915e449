import { once } from 'node:events';
import { PartySocket } from 'partysocket';
import { expect, it } from 'vitest';
import type { WebSocket as ServerSocket } from 'ws';
import { freePort } from '../interop/daemon.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

it('partysocket joins a room, and sends and receives text and binary messages', async () => {
  const { server, port } = await listenWs();
  server.on('connection', (socket, { url }) => {
    socket.send(url ?? '');
    socket.on('message', (data, isBinary) => {
      socket.send(data, { binary: isBinary });
    });
  });
  const { recording, client } = partySocket(port);
  client.binaryType = 'arraybuffer';
  const received: unknown[] = [];
  const gotAll = new Promise<void>((resolve) => {
    client.addEventListener('message', (event) => {
      expect(event).toBeInstanceOf(MessageEvent);
      if (received.push(event.data) === 3) resolve();
    });
  });
  client.send('queued');
  client.send(Uint8Array.of(1, 2, 3));
  await gotAll;
  expect(received).toEqual([
    expect.stringMatching('^/parties/main/lounge\\?_pk='),
    'queued',
    Uint8Array.of(1, 2, 3).buffer,
  ]);
  client.close();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1000']]);
});

it('partysocket connects again after the server has closed', async () => {
  const { server, port } = await listenWs();
  const { recording, client } = partySocket(port);
  const closed = once(client, 'close');
  const [socket] = (await once(server, 'connection')) as [ServerSocket];
  socket.close(1012, 'Service restart');
  expect(await closed).toMatchObject([{ type: 'close', code: 1012, reason: 'Service restart' }]);
  await once(server, 'connection');
  await once(client, 'open');
  client.close(4000, 'Enough');
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 4000'],
  ]);
});

it('partysocket reports a refused connection, and tries again', async () => {
  const { recording, client } = partySocket(await freePort(), { maxRetries: 1 });
  const messages: string[] = [];
  client.addEventListener('error', ({ message }) => messages.push(message));
  expect(await recording.whenClosed(2)).toEqual([REFUSED, REFUSED]);
  expect(messages).toEqual([expect.stringContaining('ECONNREFUSED'), expect.stringContaining('ECONNREFUSED')]);
});

function partySocket(port: number, options: { maxRetries?: number } = {}) {
  const recording = new Recording();
  const client = new PartySocket({
    host: `127.0.0.1:${String(port)}`,
    room: 'lounge',
    WebSocket: recording.WebSocket,
    minReconnectionDelay: 1,
    ...options,
  });
  return { recording, client };
}
