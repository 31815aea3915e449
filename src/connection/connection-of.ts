/**
 * Which connection is behind a face. Each class of faces says once how to see it; whoever is handed a face asks here.
 */
import type { Connection } from './connection.js';

/** The connection of a face of one class; undefined for anything else. */
type Reader = (face: object) => Connection | undefined;

const readers: Reader[] = [];

export function addFaces(reader: Reader): void {
  readers.push(reader);
}

export function connectionOf(face: unknown): Connection | undefined {
  if (typeof face !== 'object' || face === null) return undefined;
  for (const reader of readers) {
    const connection = reader(face);
    if (connection !== undefined) return connection;
  }
  return undefined;
}
