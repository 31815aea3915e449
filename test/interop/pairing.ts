/**
 * The matrix: our end of a connection and another implementation's, over a transport. A pairing opens connections for
 * one test each, and closes them when it is finished. It knows no scenario.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { type ConnectionOptions, Watershed, type WatershedConnection } from '../../src/index.js';
import { Inbox } from './inbox.js';
import type { Client, Close, Message, Peer, PeerServer } from './peer.js';
import { type Endpoint, request, type Transport, transports } from './transport.js';

interface OurEnd {
  readonly ours: WatershedConnection;
  /** What came to our end. */
  readonly received: Inbox<Message>;
}

export interface Link<P extends Peer> extends OurEnd {
  readonly peer: P;
}

export interface LinkOptions {
  /** What the client asks for. */
  readonly requestedProtocols?: readonly string[];
  /** What the server speaks. */
  readonly spokenProtocols?: readonly string[];
  /** Sent by the server in the tick in which it accepts. */
  readonly greeting?: string;
  /** The options of our end. */
  readonly connection?: ConnectionOptions;
}

export interface Pairing<P extends Peer> {
  readonly title: string;
  readonly ourRole: 'server' | 'client';
  readonly closeCodes: readonly (number | undefined)[];
  readonly answerTo: (close: Close) => Close;
  readonly open: (options?: LinkOptions) => Promise<Link<P>>;
}

/** Each of the clients with our server, and each of the servers with our client, over each transport. */
export function pairings<P extends Peer>(
  clients: readonly Client<P>[],
  servers: readonly PeerServer<P>[],
): Pairing<P>[] {
  return transports.flatMap((transport) => [
    ...clients.map((client) => withOurServer(client, transport)),
    ...servers.map((server) => withOurClient(server, transport)),
  ]);
}

function withOurServer<P extends Peer>(client: Client<P>, transport: Transport): Pairing<P> {
  return {
    ourRole: 'server',
    closeCodes: client.closeCodes,
    answerTo: client.answerTo,
    title: `our server and ${client.name}, over ${transport.name}`,
    open: async ({ requestedProtocols = [], spokenProtocols = [], greeting, connection } = {}) => {
      const { server, endpoint } = await transport.listen();
      const accepted = new Promise<OurEnd>((resolve) => {
        server.once('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
          const ours = Watershed.accept(req, socket, head, { ...connection, protocols: spokenProtocols });
          if (greeting !== undefined) ours.send(greeting);
          resolve(collect(ours));
        });
      });
      const [ourEnd, peer] = await Promise.all([accepted, client.connect(endpoint, requestedProtocols)]);
      return link({ ...ourEnd, peer });
    },
  };
}

function withOurClient<P extends Peer>(peerServer: PeerServer<P>, transport: Transport): Pairing<P> {
  return {
    ourRole: 'client',
    closeCodes: peerServer.closeCodes,
    answerTo: peerServer.answerTo,
    title: `our client and ${peerServer.name}, over ${transport.name}`,
    open: async ({ requestedProtocols = [], spokenProtocols = [], greeting, connection } = {}) => {
      const { server, endpoint } = await transport.listen();
      const connected = new Promise<P>((resolve) => {
        peerServer.serve(server, spokenProtocols, (peer) => {
          if (greeting !== undefined) peer.send(greeting);
          resolve(peer);
        });
      });
      const [peer, ourEnd] = await Promise.all([connected, connect(endpoint, requestedProtocols, connection)]);
      return link({ ...ourEnd, peer });
    },
  };
}

/** Our client's end, as a program with node:http makes it. */
async function connect(
  endpoint: Endpoint,
  protocols: readonly string[],
  options: ConnectionOptions | undefined,
): Promise<OurEnd> {
  const key = Watershed.generateKey();
  const headers = Watershed.requestHeaders(key, { protocols });
  const req = request(endpoint, headers);
  return await new Promise((resolve, reject) => {
    req.once('error', reject);
    req.once('upgrade', (res, socket, head) => {
      resolve(collect(Watershed.connect(res, socket, head, key, { ...options, protocols })));
    });
  });
}

/** Begins to collect messages in the tick in which the connection was made. */
function collect(ours: WatershedConnection): OurEnd {
  const received = new Inbox<Message>();
  ours.on('text', (text) => {
    received.put(text);
  });
  ours.on('binary', (data) => {
    received.put(data);
  });
  return { ours, received };
}

function link<P extends Peer>(ends: Link<P>): Link<P> {
  onTestFinished(async () => {
    ends.ours.destroy();
    await ends.peer.dispose();
  });
  return ends;
}
