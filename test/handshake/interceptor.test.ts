// An interceptor that is in place before the library is loaded: it makes a connection as it is told, and uses another.
import http from 'node:http';

import { expect, it, vi } from 'vitest';

import { acceptingServer, open } from './opening.js';

await vi.hoisted(async () => {
  const { default: http } = await import('node:http');
  const { default: net } = await import('node:net');
  const { request } = http;
  http.request = ((options: http.RequestOptions) =>
    request({
      ...options,
      createConnection: (...args) => {
        options.createConnection?.(...args)?.on('error', () => undefined).destroy();
        return net.connect(Number(options.port), '127.0.0.1');
      },
    })) as typeof http.request;
});

it('a socket that is read directly is not taken for the one that a request of somebody else’s has made', async () => {
  const { port } = await acceptingServer();
  const { readTo } = await open(`ws://127.0.0.1:${String(port)}`).established;
  expect(readTo).toBeUndefined();
});
