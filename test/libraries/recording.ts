/**
 * The class under test as a library is given it: a subclass that notes which sockets the library has made, and how each
 * of them has opened and closed. An exception that nobody catches fails the test run by itself.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket } from '../../src/index.js';

interface Socket {
  /** `open`, `error` and `close` with its code, in the order of the events. */
  readonly events: string[];
  isClosed: boolean;
}

export class Recording {
  readonly WebSocket: typeof WebSocket;
  readonly #sockets: Socket[] = [];
  #onClose: () => void = () => undefined;

  constructor() {
    const add = (socket: WebSocket): void => {
      this.#add(socket);
    };
    // Some libraries read the name.
    const Recorded = class WebSocket extends Base {
      constructor(...args: ConstructorParameters<typeof Base>) {
        super(...args);
        add(this);
      }
    };
    this.WebSocket = Recorded;
  }

  /**
   * What happened to each socket, in the order in which they were made, once `count` of them have been closed and
   * whatever was due then has happened.
   */
  async whenClosed(count: number): Promise<string[][]> {
    while (this.#sockets.filter(({ isClosed }) => isClosed).length < count) {
      await new Promise<void>((resolve) => {
        this.#onClose = resolve;
      });
    }
    for (let turns = 0; turns < 5; turns++) await turn();
    return this.#sockets.map(({ events }) => events);
  }

  #add(webSocket: WebSocket): void {
    const socket: Socket = { events: [], isClosed: false };
    this.#sockets.push(socket);
    webSocket.addEventListener('open', () => socket.events.push('open'));
    webSocket.addEventListener('error', () => socket.events.push('error'));
    webSocket.addEventListener('close', ({ code }) => {
      socket.events.push(`close ${String(code)}`);
      socket.isClosed = true;
      this.#onClose();
    });
  }
}

const Base = WebSocket;
