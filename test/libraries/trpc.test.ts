import { createTRPCClient, createWSClient, type WebSocketClientOptions, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { expect, it } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

const t = initTRPC.create();

const router = t.router({
  greeting: t.procedure.input(String).query(({ input }) => `Hello, ${input}`),
  // Counts, and then waits until the client has gone.
  count: t.procedure.subscription(async function* ({ signal }) {
    for (let count = 1; count <= 3; count++) yield count;
    await new Promise<void>((resolve) => {
      signal?.addEventListener('abort', () => {
        resolve();
      });
    });
  }),
});

it('@trpc/client queries and subscribes over one connection', async () => {
  const { url } = await listenTrpc();
  const { recording, wsClient, client } = trpcClient(url);
  expect(await Promise.all(['Zoë', 'World'].map((name) => client.greeting.query(name)))).toEqual([
    'Hello, Zoë',
    'Hello, World',
  ]);
  const counts: number[] = [];
  await new Promise<void>((resolve, reject) => {
    const subscription = client.count.subscribe(undefined, {
      onData: (count) => {
        if (counts.push(count) < 3) return;
        subscription.unsubscribe();
        resolve();
      },
      onError: reject,
    });
  });
  expect(counts).toEqual([1, 2, 3]);
  await wsClient.close();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
});

it('@trpc/client subscribes again after the server has closed', async () => {
  const { server, url } = await listenTrpc();
  const { recording, wsClient, client } = trpcClient(url);
  const counts: number[] = [];
  await new Promise<void>((resolve, reject) => {
    client.count.subscribe(undefined, {
      onData: (count) => {
        counts.push(count);
        if (counts.length === 3) for (const socket of server.clients) socket.close(1012);
        if (counts.length === 6) resolve();
      },
      onError: reject,
    });
  });
  expect(counts).toEqual([1, 2, 3, 1, 2, 3]);
  await wsClient.close();
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 1005'],
  ]);
});

it('@trpc/client connects again when the server asks for it', async () => {
  const { url, handler } = await listenTrpc();
  const { recording, wsClient, client } = trpcClient(url);
  await client.greeting.query('World');
  handler.broadcastReconnectNotification();
  await recording.whenClosed(1);
  expect(await client.greeting.query('Zoë')).toBe('Hello, Zoë');
  await wsClient.close();
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1005'],
    ['open', 'close 1005'],
  ]);
});

it('@trpc/client reports a refused connection, and tries again', async () => {
  let errors = 0;
  let closes = 0;
  const { recording, wsClient } = trpcClient(await refusedUrl(), {
    onError: () => {
      errors++;
    },
    onClose: () => {
      closes++;
      if (closes === 2) void wsClient.close();
    },
  });
  expect(await recording.whenClosed(2)).toEqual([REFUSED, REFUSED]);
  expect({ errors, closes }).toEqual({ errors: 2, closes: 2 });
});

function trpcClient(url: string, options: Partial<WebSocketClientOptions> = {}) {
  const recording = new Recording();
  const wsClient = createWSClient({ url, WebSocket: recording.WebSocket, retryDelayMs: () => 1, ...options });
  const client = createTRPCClient<typeof router>({ links: [wsLink({ client: wsClient })] });
  return { recording, wsClient, client };
}

async function listenTrpc() {
  const { server, url } = await listenWs();
  const handler = applyWSSHandler({ wss: server, router });
  return { server, url, handler };
}
