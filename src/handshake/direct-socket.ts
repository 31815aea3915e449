/**
 * A TCP socket whose bytes are read into one buffer of the process, by the `onread` option of `net.connect`: a chunk
 * costs no buffer and no turn of a stream. It knows no HTTP; when it may take the place of an agent's socket is said
 * here too.
 */

// As objects, not by name: what a program puts in the place of `http.request` or `net.connect` is seen.
import type { Agent } from 'node:http';
import net, { type Socket, type TcpNetConnectOpts } from 'node:net';
import { http } from './node-http.js';

/**
 * Has what a socket reads given to `take`, chunk by chunk, instead of being emitted as `'data'`. The memory of a chunk
 * is used again as soon as `take` has returned.
 */
export type ReadTo = (take: (chunk: Buffer) => void) => void;

/**
 * One for all sockets: each read is followed by its callback, and nothing is read meanwhile. With a quarter of this size
 * messages of 16 to 64 KiB took 1.2 to 1.9 times the CPU.
 */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

export class DirectSocket {
  readonly socket: Socket;
  #take: ((chunk: Buffer) => void) | undefined;

  constructor(options: Omit<TcpNetConnectOpts, 'onread'>) {
    this.socket = net.connect({
      ...options,
      // As an agent's sockets have them.
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          const chunk = readBuffer.subarray(0, length);
          if (this.#take !== undefined) this.#take(chunk);
          // Until the answer is there node:http listens, and keeps what comes behind it.
          else this.socket.emit('data', Buffer.from(chunk));
          return true;
        },
      },
    });
  }

  readonly readTo: ReadTo = (take) => {
    this.#take = take;
  };
}

const initial = { request: http.request, ...methodsOf(http.globalAgent), agent: http.globalAgent };

/** What was there first may be somebody's already: an agent of another class, with a proxy or with limits. */
const isPlainAgent =
  Object.getPrototypeOf(initial.agent) === http.Agent.prototype &&
  initial.createConnection === Reflect.get(http.Agent.prototype, 'createConnection') &&
  (process.env['HTTP_PROXY'] ?? process.env['http_proxy'] ?? '') === '' &&
  !hasProxy(initial.agent);

/**
 * Whether Node's own agent would do nothing but make a connection: nobody has put anything in the place of it, of its
 * methods or of `http.request`, and it has no proxy and no limits.
 */
export function isAgentDispensable(): boolean {
  const agent = http.globalAgent;
  const { addRequest, createConnection } = methodsOf(agent);
  return (
    isPlainAgent &&
    agent === initial.agent &&
    addRequest === initial.addRequest &&
    createConnection === initial.createConnection &&
    agent.maxSockets === Infinity &&
    agent.maxTotalSockets === Infinity &&
    http.request === initial.request
  );
}

function methodsOf(agent: Agent): { readonly addRequest: unknown; readonly createConnection: unknown } {
  return { addRequest: Reflect.get(agent, 'addRequest'), createConnection: Reflect.get(agent, 'createConnection') };
}

/** An agent made by `http.setGlobalProxyFromEnv` is like any other but for this. */
function hasProxy(agent: Agent): boolean {
  const options = Reflect.get(agent, 'options') as { readonly proxyEnv?: unknown } | undefined;
  return options?.proxyEnv !== undefined;
}
