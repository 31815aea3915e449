import { once } from 'node:events';
import reconnectingWebSocket from 'reconnecting-websocket';
import { expect, it } from 'vitest';
import type { WebSocket as ServerSocket } from 'ws';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

// Its types were written for bundlers: in Node.js the class is what is imported, without a `default`.
const ReconnectingWebSocket = reconnectingWebSocket as unknown as typeof reconnectingWebSocket.default;

it('reconnecting-websocket sends what was queued before the connection was open, and receives', async () => {
  const { server, url } = await listenWs();
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      socket.send(data, { binary: isBinary });
    });
  });
  const { recording, client } = reconnecting(url);
  client.binaryType = 'arraybuffer';
  const received: unknown[] = [];
  const gotAll = new Promise<void>((resolve) => {
    client.addEventListener('message', ({ data }) => {
      if (received.push(data) === 3) resolve();
    });
  });
  client.send('queued');
  await once(client as unknown as EventTarget, 'open');
  client.send(Uint8Array.of(1, 2, 3));
  client.send('last');
  await gotAll;
  expect(received).toEqual(['queued', Uint8Array.of(1, 2, 3).buffer, 'last']);
  client.close(4000, 'Enough');
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 4000']]);
});

it('reconnecting-websocket connects again after the server has closed', async () => {
  const { server, url } = await listenWs();
  const { recording, client } = reconnecting(url);
  for (const end of ['close', 'terminate'] as const) {
    const closed = once(client as unknown as EventTarget, 'close');
    const [socket] = (await once(server, 'connection')) as [ServerSocket];
    if (end === 'close') socket.close(1012);
    else socket.terminate();
    expect(await closed).toMatchObject([{ code: end === 'close' ? 1012 : 1006 }]);
  }
  await once(server, 'connection');
  await once(client as unknown as EventTarget, 'open');
  client.close();
  expect(await recording.whenClosed(3)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 1006'],
    ['open', 'close 1000'],
  ]);
});

it('reconnecting-websocket tries a refused connection again', async () => {
  const { recording } = reconnecting(await refusedUrl(), { maxRetries: 2 });
  expect(await recording.whenClosed(3)).toEqual([REFUSED, REFUSED, REFUSED]);
});

function reconnecting(url: string, options: { maxRetries?: number } = {}) {
  const recording = new Recording();
  const client = new ReconnectingWebSocket(url, [], {
    WebSocket: recording.WebSocket,
    minReconnectionDelay: 1,
    ...options,
  });
  return { recording, client };
}
