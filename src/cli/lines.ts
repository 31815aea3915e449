/** Lines that are sent as messages, no faster than the connection takes them. */
import type { Interface } from 'node:readline';
import type { WatershedConnection } from '../index.js';

export function sendLines(lines: Interface, connection: WatershedConnection): void {
  // The lines of a chunk come one after the other, also after a pause or an end.
  let isOpen = true;
  lines.on('close', () => { isOpen = false; });
  lines.on('line', (line) => {
    if (!connection.send(line) && isOpen && connection.readyState === 1) lines.pause();
  });
  connection.on('drain', () => {
    if (isOpen) lines.resume();
  });
}
