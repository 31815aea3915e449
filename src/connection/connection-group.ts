/**
 * The open connections of one `Watershed`, so that they can all be closed together.
 */
import type { Connection } from './connection.js';

/** How the connections ended that were closed together. */
export interface CloseAllResult {
  /** Those that completed the closing handshake (RFC 6455 section 7.1.4). */
  readonly clean: number;
  /** Those that were given up, or whose peer went away without a CLOSE. */
  readonly destroyed: number;
}

interface Closing {
  readonly remaining: Set<Connection>;
  clean: number;
  destroyed: number;
  readonly resolve: (result: CloseAllResult) => void;
  readonly timer: NodeJS.Timeout;
}

export class ConnectionGroup {
  readonly #connections = new Set<Connection>();
  readonly #closings = new Set<Closing>();

  add(connection: Connection): void {
    this.#connections.add(connection);
  }

  /** A connection has ended. */
  ended(connection: Connection, wasClean: boolean): void {
    this.#connections.delete(connection);
    for (const closing of this.#closings) {
      if (!closing.remaining.delete(connection)) continue;
      closing[wasClean ? 'clean' : 'destroyed']++;
      if (closing.remaining.size === 0) this.#complete(closing);
    }
  }

  /** Starts the closing handshake on each connection, and destroys those that are still there after `timeout` ms. */
  closeAll(code: number, reason: string, timeout: number): Promise<CloseAllResult> {
    const remaining = new Set(this.#connections);
    if (remaining.size === 0) return Promise.resolve({ clean: 0, destroyed: 0 });
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const connection of [...remaining]) connection.destroy();
      }, timeout);
      this.#closings.add({ remaining, clean: 0, destroyed: 0, resolve, timer });
      for (const connection of [...remaining]) connection.close(code, reason);
    });
  }

  #complete(closing: Closing): void {
    const { clean, destroyed, resolve, timer } = closing;
    this.#closings.delete(closing);
    clearTimeout(timer);
    resolve({ clean, destroyed });
  }
}

const groups = new WeakMap<object, ConnectionGroup>();

/** Says which group an instance of `Watershed` has. */
export function setGroupOf(watershed: object, group: ConnectionGroup): void {
  groups.set(watershed, group);
}

export function groupOf(watershed: object): ConnectionGroup | undefined {
  return groups.get(watershed);
}
