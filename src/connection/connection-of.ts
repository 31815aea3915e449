/**
 * Which connection is behind a face. A face says so once, when it is made; whoever is handed a face asks here.
 */
import type { Connection } from './connection.js';

const connections = new WeakMap<object, Connection>();

export function setConnectionOf(face: object, connection: Connection): void {
  connections.set(face, connection);
}

export function connectionOf(face: object): Connection | undefined {
  return connections.get(face);
}
