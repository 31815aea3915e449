import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { HandshakeError, Watershed } from '../../src/index.js';
import { everyClient, everyPairing } from './matrix.js';
import { expectNoOpenHandles } from './open-handles.js';
import { undiciWebSocket, undiciWebSocketStream } from './peers/undici.js';
import { wsClient } from './peers/ws.js';
import { type Endpoint, request, tcp, type Transport, transports } from './transport.js';

expectNoOpenHandles();

for (const { title, ourRole, open } of everyPairing) {
  describe(title, () => {
    it('agrees on the subprotocol that both speak', async () => {
      const { ours, peer } = await open({
        requestedProtocols: ['chat.v2', 'chat.v1'],
        spokenProtocols: ['chat.v1', 'chat.v0'],
      });
      expect(ours.getProtocol()).toBe('chat.v1');
      expect(peer.subprotocol).toBe('chat.v1');
    });

    it('uses no subprotocol when none is asked for', async () => {
      const { ours, peer } = await open({ spokenProtocols: ['chat.v1'] });
      expect(ours.getProtocol()).toBeNull();
      expect(peer.subprotocol).toBe('');
    });

    it('uses no extension, whatever the peer offers or could do', async () => {
      const { ours, received, peer } = await open();
      expect(ours.extensions).toBe('');
      expect(peer.extensions).toBe('');
      // A compressed frame would be a protocol error.
      ours.send('a'.repeat(10_000));
      peer.send('b'.repeat(10_000));
      expect(await peer.messages.take()).toBe('a'.repeat(10_000));
      expect(await received.take()).toBe('b'.repeat(10_000));
    });

    if (ourRole === 'client') {
      it('goes on without a subprotocol when the server speaks none that it asked for', async () => {
        const { ours, peer } = await open({ requestedProtocols: ['chat.v2'], spokenProtocols: ['chat.v1'] });
        expect(ours.getProtocol()).toBeNull();
        expect(peer.subprotocol).toBe('');
      });
    }
  });
}

for (const transport of transports) {
  for (const client of everyClient) {
    describe(`our server and ${client.name}, over ${transport.name}`, () => {
      it('refuses a client that speaks none of its subprotocols, and then takes one that does', async () => {
        const { endpoint, refusals } = await listen(transport);
        await expect(client.connect(endpoint, ['chat.v2'])).rejects.toThrow();
        expect(refusals).toEqual([['WATERSHED_SUBPROTOCOL_MISMATCH', 400]]);

        const peer = await client.connect(endpoint, ['chat.v1']);
        expect(peer.subprotocol).toBe('chat.v1');
        peer.close(1000, '');
        await peer.closed;
      });
    });
  }
}

/** A server of ours that speaks chat.v1, with the codes and the statuses of what it refuses. */
async function listen(transport: Transport): Promise<{ readonly endpoint: Endpoint; readonly refusals: unknown[][] }> {
  const { server, endpoint } = await transport.listen();
  const refusals: unknown[][] = [];
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    try {
      Watershed.accept(req, socket, head, { protocols: ['chat.v1'] });
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      refusals.push([error.code, error.statusCode]);
      Watershed.reject(socket, error);
    }
  });
  return { endpoint, refusals };
}

for (const client of [wsClient, undiciWebSocket, undiciWebSocketStream]) {
  it(`declines the permessage-deflate that ${client.name} offers`, async () => {
    const { server, endpoint } = await tcp.listen();
    const offers: unknown[] = [];
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      offers.push(req.headers['sec-websocket-extensions']);
      Watershed.accept(req, socket, head);
    });
    const peer = await client.connect(endpoint, []);
    expect(offers).toEqual([expect.stringContaining('permessage-deflate')]);
    expect(peer.extensions).toBe('');
    peer.close(1000, '');
    await peer.closed;
  });
}

it('refuses a server that chooses a subprotocol that was not asked for', async () => {
  const { server, endpoint } = await tcp.listen();
  const accepted = once(new WebSocketServer({ server, handleProtocols: () => 'chat.v2' }), 'connection');
  const key = Watershed.generateKey();
  const protocols = ['chat.v1'];
  const headers = Watershed.requestHeaders(key, { protocols });
  const [res, socket, head] = (await once(request(endpoint, headers), 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  expect(() => Watershed.connect(res, socket, head, key, { protocols })).toThrow(
    expect.objectContaining({ code: 'WATERSHED_SUBPROTOCOL_MISMATCH' }),
  );
  const [webSocket] = (await accepted) as [WebSocket];
  socket.destroy();
  await once(webSocket, 'close');
});
