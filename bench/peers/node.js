/** The WebSocket class that Node has itself, which is the undici that it carries. Clients alone. */
import { connectStandard } from './connection.js';

/** @type {import('./connection.js').Peer} */
export const peer = {
  connect: (port) => connectStandard(globalThis.WebSocket, port),
};
