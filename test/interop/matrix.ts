/** The peers that the tests run against, by what they can do. */
import type { Client, LowLevelPeer, Peer, PeerServer, PingingPeer } from './peer.js';
import { pairings } from './pairing.js';
import { undiciWebSocket, undiciWebSocketStream } from './peers/undici.js';
import { websocketClient, websocketServer } from './peers/websocket.js';
import { wsClient, wsServer } from './peers/ws.js';

export const everyClient: readonly Client<Peer>[] = [wsClient, undiciWebSocket, undiciWebSocketStream, websocketClient];
const everyServer: readonly PeerServer<Peer>[] = [wsServer, websocketServer];

export const everyPairing = pairings(everyClient, everyServer);

export const pingingPairings = pairings<PingingPeer>(
  [wsClient, undiciWebSocket, websocketClient],
  [wsServer, websocketServer],
);

export const lowLevelPairings = pairings<LowLevelPeer>([wsClient, websocketClient], [wsServer, websocketServer]);
