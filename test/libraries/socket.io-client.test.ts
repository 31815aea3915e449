import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io as connectSocketIo, WebSocket as WebSocketTransport } from 'socket.io-client';
import { expect, it, onTestFinished } from 'vitest';
import { listenOn } from '../classic/ends.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

it('socket.io-client sends and receives events', async () => {
  const { url } = await listenSocketIo();
  const { recording, socket } = connect(url);
  expect(await socket.emitWithAck('echo', 'Zoë', [1, 2, 3])).toEqual(['Zoë', [1, 2, 3]]);
  // Not the other way round: in Node.js it asks for the 'nodebuffer' of the ws package, which no standard class has.
  expect(await socket.emitWithAck('sizes', Uint8Array.of(1, 2, 3), Buffer.alloc(200_000))).toEqual([3, 200_000]);
  socket.disconnect();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
});

it('socket.io-client connects again after the server has closed', async () => {
  const { io, url } = await listenSocketIo();
  const { recording, socket } = connect(url);
  expect(await socket.emitWithAck('echo', 1)).toEqual([1]);
  for (const { conn } of io.sockets.sockets.values()) conn.close();
  await recording.whenClosed(1);
  expect(await socket.emitWithAck('echo', 2)).toEqual([2]);
  socket.disconnect();
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1005'],
    ['open', 'close 1005'],
  ]);
});

it('socket.io-client reports a refused connection', async () => {
  const { recording, socket } = connect(await refusedUrl());
  const error = await new Promise<Error>((resolve) => {
    socket.on('connect_error', resolve);
  });
  socket.disconnect();
  expect(error.message).toBe('websocket error');
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
});

function connect(url: string) {
  const recording = new Recording();
  // Its own transport for standard classes, which would take the constructor from the global scope.
  class Transport extends WebSocketTransport {
    override createSocket(uri: string, protocols: string | string[] | undefined) {
      return new recording.WebSocket(uri, protocols);
    }
  }
  const httpUrl = url.replace('ws:', 'http:');
  const socket = connectSocketIo(httpUrl, { transports: [Transport], forceNew: true, reconnectionDelay: 1 });
  return { recording, socket };
}

async function listenSocketIo() {
  const httpServer = createServer();
  const io = new Server(httpServer);
  io.on('connection', (socket) => {
    socket.on('echo', (...args: unknown[]) => {
      const acknowledge = args.pop() as (values: unknown[]) => void;
      acknowledge(args);
    });
    socket.on('sizes', (...args: unknown[]) => {
      const acknowledge = args.pop() as (sizes: unknown[]) => void;
      acknowledge((args as Buffer[]).map(({ length }) => length));
    });
  });
  const port = await listenOn(httpServer);
  onTestFinished(() => {
    io.engine.close();
  });
  return { io, url: `ws://127.0.0.1:${String(port)}` };
}
