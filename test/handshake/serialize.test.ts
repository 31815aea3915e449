// Handshakes to one address and port, one after the other: against raw TCP servers.
import { once } from 'node:events';
import { Agent } from 'node:http';
import type { LookupFunction } from 'node:net';

import { describe, expect, it } from 'vitest';

import { Turn } from '../../src/handshake/serialize.js';
import { fieldOf, laterTick, open, rawServer, type RawServer, switchingProtocols } from './opening.js';

const serialize = true;

/** Everything resolves to the loopback address. */
const lookup: LookupFunction = (_host, options, callback) => {
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

/** Answers the request that came as number `index`. */
function answer({ sockets, heads }: RawServer, index: number): void {
  sockets[index]?.write(switchingProtocols(heads[index] ?? ''));
}

async function requests(server: RawServer, count: number): Promise<void> {
  while (server.heads.length < count) await once(server.server, 'request');
  // A further request would have come by then.
  for (let i = 0; i < 20; i++) await laterTick();
  expect(server.heads).toHaveLength(count);
}

describe('serialize', () => {
  it('lets one handshake at a time go to an address and a port', async () => {
    const server = await rawServer();
    const url = `ws://127.0.0.1:${String(server.port)}`;
    const attempts = ['/a', '/b', '/c'].map((path) => open(url + path, { serialize }));
    await requests(server, 1);
    answer(server, 0);
    await attempts[0]?.established;
    await requests(server, 2);
    server.sockets[1]?.destroy();
    await attempts[1]?.failure;
    await requests(server, 3);
    answer(server, 2);
    await attempts[2]?.established;
    expect(server.heads.map((head) => head.slice(0, 6))).toEqual(['GET /a', 'GET /b', 'GET /c']);
  });

  it('is about the address, not the name', async () => {
    const server = await rawServer();
    const first = open(`ws://one.test:${String(server.port)}`, { serialize, lookup });
    const second = open(`ws://two.test:${String(server.port)}`, { serialize, lookup });
    await requests(server, 1);
    answer(server, 0);
    await first.established;
    await requests(server, 2);
    answer(server, 1);
    await second.established;
    expect(server.heads.map((head) => fieldOf(head, 'Host')?.slice(0, 8))).toEqual(['one.test', 'two.test']);
  });

  it('is about the name where an agent may resolve it elsewhere', async () => {
    const server = await rawServer();
    const agent = new Agent();
    const url = (name: string): string => `ws://${name}.test:${String(server.port)}`;
    open(url('one'), { serialize, lookup, agent });
    const second = open(url('two'), { serialize, lookup, agent });
    open(url('two'), { serialize, lookup, agent });
    await requests(server, 2);
    answer(server, 1);
    await second.established;
    await requests(server, 3);
  });

  it('has no effect on other ports, or on handshakes without it', async () => {
    const [server, other] = await Promise.all([rawServer(), rawServer()]);
    const url = `ws://127.0.0.1:${String(server.port)}`;
    open(url, { serialize });
    open(url);
    open(`ws://127.0.0.1:${String(other.port)}`, { serialize });
    await requests(server, 2);
    await requests(other, 1);
  });

  it('passes over one that is aborted while it waits', async () => {
    const server = await rawServer();
    const url = `ws://127.0.0.1:${String(server.port)}`;
    const first = open(`${url}/a`, { serialize });
    const second = open(`${url}/b`, { serialize });
    const third = open(`${url}/c`, { serialize });
    await requests(server, 1);
    second.handshake.abort();
    first.handshake.abort();
    await requests(server, 2);
    answer(server, 1);
    await third.established;
    expect(server.heads[1]).toMatch(/^GET \/c /);
  });

  it('passes the turn on when one is aborted just as it gets it', async () => {
    const server = await rawServer();
    const url = `ws://127.0.0.1:${String(server.port)}`;
    const first = open(`${url}/a`, { serialize, socketPath: undefined });
    const second = open(`${url}/b`, { serialize });
    const third = open(`${url}/c`, { serialize });
    await requests(server, 1);
    first.handshake.abort();
    second.handshake.abort();
    await requests(server, 2);
    expect(server.heads[1]).toMatch(/^GET \/c /);
    answer(server, 1);
    await third.established;
  });

  it('does nothing for one that is aborted while its address is looked up', async () => {
    const server = await rawServer();
    const waiting: (() => void)[] = [];
    const attempt = open(`ws://one.test:${String(server.port)}`, {
      serialize,
      lookup: (host, options, callback) => {
        waiting.push(() => {
          lookup(host, options, callback);
        });
      },
    });
    await laterTick();
    attempt.handshake.abort();
    waiting[0]?.();
    await laterTick();
    expect(server.heads).toEqual([]);
    // Nothing is in the way of the next one.
    open(`ws://127.0.0.1:${String(server.port)}`, { serialize });
    await requests(server, 1);
  });

  it('leaves it to the connection to say that a name has no address', async () => {
    const attempt = open('ws://nowhere.test:8080', {
      serialize,
      lookup: (_host, _options, callback) => {
        callback(Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.test'), { code: 'ENOTFOUND' }), '');
      },
    });
    expect(await attempt.failure).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('takes the name where a lookup gives something else than one address', async () => {
    const server = await rawServer();
    const listing: LookupFunction = (_host, _options, callback) => {
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    };
    open(`ws://one.test:${String(server.port)}`, { serialize, lookup: listing });
    open(`ws://two.test:${String(server.port)}`, { serialize, lookup: listing });
    await requests(server, 2);
  });

  it('reports what a lookup throws', async () => {
    const attempt = open('ws://one.test:8080', {
      serialize,
      lookup: () => {
        throw new Error('no lookup today');
      },
    });
    expect((await attempt.failure).message).toContain('no lookup today');
  });

  it('asks for an address of the family that was given', async () => {
    const asked: unknown[] = [];
    const options = {
      serialize,
      family: 6,
      lookup: ((_host, options) => { asked.push(options); }) satisfies LookupFunction,
    };
    open('ws://one.test:8080', options);
    await laterTick();
    expect(asked).toEqual([{ family: 6 }]);
  });

  it('lets handshakes to other Unix sockets go on', async ({ skip }) => {
    if (process.platform !== 'linux') skip('There are no abstract sockets here');
    const paths = ['one', 'two'].map((name) => `\0watershed-serialize-${name}-${String(process.pid)}`);
    for (const path of paths) {
      const server = await rawServer(undefined, { path });
      open('ws://localhost/', { serialize, socketPath: path });
      await requests(server, 1);
    }
  });

  it('works over a Unix socket too', async () => {
    const options = { serialize, socketPath: '/nowhere/socket' };
    const attempts = [open('ws://one.test/', options), open('ws://two.test/', options)];
    for (const attempt of attempts) expect((await attempt.failure).code).toBe('ENOENT');
  });
});

describe('a turn', () => {
  /** Turns with one key, and the names of those that have begun. */
  function turns(key: string, ...names: string[]): [turns: Turn[], begun: string[]] {
    const begun: string[] = [];
    return [names.map((name) => new Turn(key, () => { begun.push(name); })), begun];
  }

  it('that is given up twice takes no place but its own', async () => {
    const [[first, second], begun] = turns('twice', 'first', 'second', 'third');
    first?.release();
    first?.release();
    await laterTick();
    expect(begun).toEqual(['second']);
    second?.release();
    second?.release();
    await laterTick();
    expect(begun).toEqual(['second', 'third']);
  });

  it('is begun once, whoever behind it gives up', async () => {
    const [[, second, third], begun] = turns('once', 'first', 'second', 'third');
    await laterTick();
    second?.release();
    third?.release();
    await laterTick();
    expect(begun).toEqual(['first']);
  });

  it('is not begun when it is given up at once', async () => {
    const [[only], begun] = turns('none', 'only');
    only?.release();
    await laterTick();
    expect(begun).toEqual([]);
  });
});
