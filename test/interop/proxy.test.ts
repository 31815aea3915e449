import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Watershed } from '../../src/index.js';
import { expectSame } from './expect-same.js';
import { expectNoOpenHandles } from './open-handles.js';
import type { LowLevelPeer } from './peer.js';
import { websocketClient, websocketServer } from './peers/websocket.js';
import { wsClient, wsServer } from './peers/ws.js';
import { type Endpoint, request, type Transport, transports } from './transport.js';

expectNoOpenHandles();

for (const transport of transports) {
  for (const { client, server } of [
    { client: wsClient, server: wsServer },
    { client: websocketClient, server: wsServer },
    { client: wsClient, server: websocketServer },
  ]) {
    const title = `a proxy between a ${client.name} client and a ${server.name} server, over ${transport.name}`;
    describe(title, () => {
      it('passes messages on, both ways', async () => {
        const { front, back } = await open();
        const bytes = randomBytes(1024 * 1024);
        front.send('up');
        front.send(bytes);
        expectSame(await back.messages.takeMany(2), ['up', bytes]);
        back.send(bytes);
        back.send('down');
        expectSame(await front.messages.takeMany(2), [bytes, 'down']);
      });

      it('loses nothing that the server behind it sends at once', async () => {
        const { front } = await open('welcome');
        expect(await front.messages.take()).toBe('welcome');
      });

      it('passes pings on: the other end answers them', async () => {
        const { front, back } = await open();
        front.ping('up');
        expect(await front.pongs.take()).toBe('up');
        back.ping('down');
        expect(await back.pongs.take()).toBe('down');
      });

      it('passes the close of either end on', async () => {
        const first = await open();
        first.front.close(3000, 'from the front');
        expect(await first.back.closed).toEqual({ code: 3000, reason: 'from the front' });
        await first.front.closed;

        const second = await open();
        second.back.close(4999, 'from the back');
        expect(await second.front.closed).toEqual({ code: 4999, reason: 'from the back' });
        await second.back.closed;
      });

      it('lets one end see that the other went away', async () => {
        const { front, back } = await open();
        front.terminate();
        expect((await back.closed).code).toBe(1006);
      });
    });

    /** The connection through the proxy, by its two ends. */
    async function open(greeting?: string): Promise<{ readonly front: LowLevelPeer; readonly back: LowLevelPeer }> {
      const upstream = await transport.listen();
      const accepted = new Promise<LowLevelPeer>((resolve) => {
        server.serve(upstream.server, [], (peer) => {
          if (greeting !== undefined) peer.send(greeting);
          resolve(peer);
        });
      });
      const endpoint = await listenAsProxy(transport, upstream.endpoint);
      const [front, back] = await Promise.all([client.connect(endpoint, []), accepted]);
      onTestFinished(async () => {
        await front.dispose();
        await back.dispose();
      });
      return { front, back };
    }
  }
}

/** A proxy that passes each connection on to another server: the handshakes are ours, the frames are left alone. */
async function listenAsProxy(transport: Transport, upstream: Endpoint): Promise<Endpoint> {
  const { server, endpoint } = await transport.listen();
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    Watershed.guard(socket);
    const key = Watershed.generateKey();
    request(upstream, Watershed.requestHeaders(key)).on('upgrade', (res, upstreamSocket, upstreamHead) => {
      join(Watershed.accept(req, socket, head, true), Watershed.connect(res, upstreamSocket, upstreamHead, key, true));
    });
  });
  return endpoint;
}

/** Pipes both ways; when one socket is gone, for whatever reason, so is the other. */
function join(first: Duplex, second: Duplex): void {
  for (const [from, to] of [[first, second], [second, first]] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}
