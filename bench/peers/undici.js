/** undici's WebSocket class. It has clients alone. */
import { WebSocket } from 'undici';
import { connectStandard } from './connection.js';

/** @type {import('./connection.js').Peer} */
export const peer = {
  connect: (port) => connectStandard(WebSocket, port),
};
