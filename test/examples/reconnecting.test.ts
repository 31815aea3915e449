/** The reconnecting example: its client and its server, with a network between them that fails. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { refusedPort } from './refused-port.js';
import { expectToStop, Program } from './program.js';

/** Passes connections on to a server, until it is told to break them. */
class Network {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((near) => {
    const far = connect(this.#port, '127.0.0.1');
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      // A reset is an end as well.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  #port: number;

  private constructor(port: number) {
    this.#port = port;
  }

  static async to(port: number): Promise<Network> {
    const network = new Network(port);
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    onTestFinished(() => {
      network.break();
      network.#server.close();
    });
    return network;
  }

  get url(): string {
    return `ws://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}/`;
  }

  /** From now on it leads to another server. */
  leadTo(port: number): void {
    this.#port = port;
  }

  /** Breaks every connection off, without a word. */
  break(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

/** The lines that name an event: its run and its number. */
function eventsIn(output: string): { run: string; number: number }[] {
  return [...output.matchAll(/^(\w+)-(\d+) event \2 at /gm)].map(([, run = '', number]) => ({ run, number: Number(number) }));
}

describe('the reconnecting client', () => {
  it('prints every event once and in order, though its connections break', async () => {
    const server = await Program.listening('reconnecting/server.mjs', { INTERVAL: '5' });
    const network = await Network.to(server.port);
    const client = Program.start('reconnecting/client.mjs', [network.url]);
    for (let breaks = 0; breaks < 3; breaks++) {
      const { length } = eventsIn(client.output);
      await client.printed(new RegExp(`-${String(length + 10)} event`));
      network.break();
      await client.printed(new RegExp(`(next attempt[^]*){${String(breaks + 1)}}`));
    }
    const { length } = eventsIn(client.output);
    await client.printed(new RegExp(`-${String(length + 10)} event`));

    expect(await client.stop('SIGINT')).toEqual({ code: 0, signal: null });
    expect(client.output).toMatch(/\nstopped\n$/);
    const numbers = eventsIn(client.output).map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    await expectToStop(server);
  });

  it('waits longer after each failure, and takes up a server that has begun again', async () => {
    const first = await Program.listening('reconnecting/server.mjs', { INTERVAL: '5' });
    const network = await Network.to(first.port);
    const client = Program.start('reconnecting/client.mjs', [network.url]);
    const [, run = ''] = await client.printed(/^(\w+)-10 event/m);
    network.leadTo(await refusedPort());
    await expectToStop(first);
    await client.printed(/(next attempt[^]*){3}/);
    const delays = [...client.errorOutput.matchAll(/in (\d+) ms/g)].map(([, delay]) => Number(delay));
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeGreaterThanOrEqual(125 * 2 ** index);
      expect(delay).toBeLessThanOrEqual(250 * 2 ** index);
    }
    expect(client.errorOutput).toContain('the server closed the connection; ');
    expect(client.errorOutput).toContain('closed the connection before its answer (ECONNRESET)');

    const second = await Program.listening('reconnecting/server.mjs', { INTERVAL: '5' });
    network.leadTo(second.port);
    const [, newRun] = await client.printed(new RegExp(`^(?!${run})(\\w+)-5 event`, 'm'));
    const numbers = eventsIn(client.output).flatMap((event) => (event.run === newRun ? [event.number] : []));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(await client.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    await expectToStop(second);
  });

  it('can be stopped while it waits', async () => {
    const client = Program.start('reconnecting/client.mjs', [`ws://127.0.0.1:${String(await refusedPort())}`]);
    await client.printed(/Nothing listens at .* next attempt/);
    expect(await client.stop('SIGINT')).toEqual({ code: 0, signal: null });
    expect(client.output).toBe('stopped\n');
  });

  it('gives up when the server refuses it for good', async () => {
    const server = createHttpServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = Program.start('reconnecting/client.mjs', [`ws://127.0.0.1:${String(port)}`]);
    expect(await client.exited).toEqual({ code: 1, signal: null });
    expect(client.errorOutput).toMatch(/^The server answered 404 Not Found instead of 101/);
    server.close();
  });
});
