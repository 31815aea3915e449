import { once } from 'node:events';
import { createServer } from 'node:http';
// By its file: vitest would take another build of the package than graphql-ws does, and a schema belongs to one build.
import { buildSchema } from 'graphql/index.js';
import { createClient, GRAPHQL_TRANSPORT_WS_PROTOCOL, makeServer } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { expect, it } from 'vitest';
import { WebSocket } from '../../src/index.js';
import { listenOn } from '../classic/ends.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

const schema = buildSchema(`
  type Query { greeting(name: String!): String! }
  type Subscription { count(to: Int!): Int!, connections: Int! }
`);

it('graphql-ws queries and subscribes over one connection', async () => {
  const { url } = await listenGraphQL();
  const recording = new Recording();
  const client = createClient({ url, webSocketImpl: recording.WebSocket, lazy: false });
  const results = [];
  for await (const { data } of client.iterate({ query: '{ greeting(name: "Zoë") }' })) results.push(data);
  for await (const { data } of client.iterate({ query: 'subscription { count(to: 3) }' })) results.push(data);
  expect(results).toEqual([{ greeting: 'Hello, Zoë' }, { count: 1 }, { count: 2 }, { count: 3 }]);
  await client.dispose();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1000']]);
});

it('graphql-ws subscribes again after the server has closed', async () => {
  const { url } = await listenGraphQL();
  const recording = new Recording();
  const client = createClient({
    url,
    webSocketImpl: recording.WebSocket,
    retryWait: () => Promise.resolve(),
  });
  const results = [];
  for await (const { data } of client.iterate({ query: 'subscription { connections }' })) {
    results.push(data);
    if (results.length === 2) break;
  }
  expect(results).toEqual([{ connections: 1 }, { connections: 2 }]);
  await client.dispose();
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 1000'],
  ]);
});

it('graphql-ws serves on our server end', async () => {
  const httpServer = createServer();
  const server = makeServer({ schema, roots: { query: { greeting } } });
  const closes: number[] = [];
  httpServer.on('upgrade', (request, socket, head) => {
    const webSocket = WebSocket.accept(request, socket, head, { protocols: [GRAPHQL_TRANSPORT_WS_PROTOCOL] });
    webSocket.onopen = () => {
      const { protocol } = webSocket;
      const closed = server.opened(
        {
          protocol,
          send: (data) => {
            webSocket.send(data);
          },
          close: (code, reason) => {
            webSocket.close(code, reason);
          },
          onMessage: (listener) => {
            webSocket.onmessage = ({ data }) => listener(data as string);
          },
        },
        {},
      );
      webSocket.onclose = ({ code, reason }) => {
        closes.push(code);
        void closed(code, reason);
      };
    };
  });
  const port = await listenOn(httpServer);
  const recording = new Recording();
  const client = createClient({ url: `ws://127.0.0.1:${String(port)}`, webSocketImpl: recording.WebSocket });
  const results = [];
  for await (const { data } of client.iterate({ query: '{ greeting(name: "Zoë") }' })) results.push(data);
  expect(results).toEqual([{ greeting: 'Hello, Zoë' }]);
  await client.dispose();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1000']]);
  expect(closes).toEqual([1000]);
});

it('graphql-ws reports a refused connection', async () => {
  const recording = new Recording();
  const client = createClient({ url: await refusedUrl(), webSocketImpl: recording.WebSocket, retryAttempts: 0 });
  const results = client.iterate({ query: '{ greeting(name: "nobody") }' });
  await expect(results.next()).rejects.toMatchObject({ type: 'error' });
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
});

function greeting({ name }: { name: string }): string {
  return `Hello, ${name}`;
}

async function listenGraphQL(): Promise<{ url: string }> {
  const { server, url } = await listenWs();
  let connections = 0;
  const roots = {
    query: { greeting },
    subscription: {
      async *count({ to }: { to: number }) {
        for (let count = 1; count <= to; count++) {
          await Promise.resolve();
          yield { count };
        }
      },
      async *connections(_arguments: object, { socket }: Extra) {
        connections++;
        yield { connections };
        if (connections === 1) socket.close(1012, 'Service restart');
        await once(socket, 'close');
      },
    },
  };
  // The server's sockets are closed with it.
  useServer({ schema, roots, context: ({ extra }) => extra }, server);
  return { url };
}
