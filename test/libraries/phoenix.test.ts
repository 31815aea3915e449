import { type Channel, type MessageRef, Socket, type SocketConnectOption } from 'phoenix';
import { expect, it } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

it('phoenix joins a channel, pushes and is answered', async () => {
  const { url } = await listenPhoenix();
  const { recording, socket } = phoenixSocket(url);
  const channel = socket.channel('tides');
  expect(await joined(channel)).toEqual({ event: 'phx_join' });
  expect(await answer(channel)).toEqual({ event: 'measure', at: 'noon' });
  await disconnected(socket);
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1000']]);
});

it('phoenix connects again after the server has closed, and joins again', async () => {
  const { server, url } = await listenPhoenix();
  const { recording, socket } = phoenixSocket(url);
  const channel = socket.channel('tides');
  await joined(channel);
  for (const client of server.clients) client.close(1012);
  await recording.whenClosed(1);
  // It waits until the channel has been joined again.
  expect(await answer(channel)).toEqual({ event: 'measure', at: 'noon' });
  await disconnected(socket);
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 1000'],
  ]);
});

it('phoenix reports a refused connection, and tries again', async () => {
  const { recording, socket } = phoenixSocket(await refusedUrl());
  let errors = 0;
  socket.onError(() => {
    errors++;
    if (errors === 2) socket.disconnect();
  });
  expect(await recording.whenClosed(2)).toEqual([REFUSED, REFUSED]);
  expect(errors).toBe(2);
});

function phoenixSocket(url: string) {
  const recording = new Recording();
  const options: Partial<SocketConnectOption> = { transport: recording.WebSocket, reconnectAfterMs: () => 1 };
  const socket = new Socket(url, options);
  socket.connect();
  return { recording, socket };
}

function joined(channel: Channel): Promise<unknown> {
  return new Promise((resolve) => {
    channel.join().receive('ok', resolve);
  });
}

function answer(channel: Channel): Promise<unknown> {
  return new Promise((resolve) => {
    channel.push('measure', { at: 'noon' }).receive('ok', resolve);
  });
}

function disconnected(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.disconnect(resolve, 1000);
  });
}

/** A server of Phoenix channels: it answers every message with the event and the payload. */
async function listenPhoenix() {
  const { server, url } = await listenWs();
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => {
      const [joinRef, ref, topic, event, payload] = JSON.parse(data.toString()) as [
        MessageRef,
        MessageRef,
        string,
        string,
        object,
      ];
      const response = { event, ...payload };
      socket.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'ok', response }]));
    });
  });
  return { server, url };
}
