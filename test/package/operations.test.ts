// The guides to proxying, to scaling out and to the inside: their programs, taken out of the Markdown and run.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { WatershedConnection } from '../../src/index.js';
import { dialPeer, type Peer, requestText } from '../classic/ends.js';
import { close, opcodes, text } from '../conformance/frames.js';
import { describeWithProgram, freePort, startDaemon, temporaryDirectory } from '../interop/daemon.js';
import { Client } from './guide-client.js';
import { describeGuide } from './guide.js';
import { repository } from './packed-project.js';
import type { Program } from './program.js';

describeGuide('docs/proxying.md', [], (guide) => {
  let backend: Program;
  let proxy: Program;
  let url: string;

  beforeAll(async () => {
    backend = guide.start('backend.mjs');
    proxy = guide.start('proxy.mjs', [], { BACKEND: await backend.address() });
    url = await proxy.address();
  });

  const dialProxy = (more = {}): Promise<Peer> => dialPeer(Number(new URL(url).port), requestText(more));

  it('has a proxy that passes on messages, the subprotocol and the close', async () => {
    const client = new Client(url, ['other', 'echo']);
    expect(await client.next()).toBe('you are 127.0.0.1');
    expect(client.webSocket.protocol).toBe('echo');
    const long = 'x'.repeat(1024 * 1024);
    client.webSocket.send(long);
    expect(await client.next()).toBe(long);
    client.webSocket.close(4001, 'bye');
    expect(await client.closed).toMatchObject({ code: 4001, reason: 'bye', wasClean: true });
    await backend.printed(/^ended: 4001 bye\n/m);
  });

  it('has a proxy that tells the client what the backend answers, and 400 to what cannot be asked', async () => {
    expect(await new Client(`${url}/forbidden`).refusal()).toMatchObject({ statusCode: 403 });
    expect(await new Client(url, ['unknown']).refusal()).toMatchObject({ statusCode: 400 });
    await expect(dialProxy({ 'sec-websocket-protocol': 'a b' })).rejects.toThrow('HTTP/1.1 400');
  });

  it('has a proxy that asks its own backend alone', async () => {
    const peer = await dialPeer(Number(new URL(url).port), requestText({}, 'GET //elsewhere.invalid/ HTTP/1.1'));
    expect((await peer.frame()).payload.toString()).toBe('you are 127.0.0.1');
  });

  it('has a proxy that answers 502 when there is no backend', async () => {
    const lonely = guide.start('proxy.mjs', [], { BACKEND: `http://127.0.0.1:${String(await freePort())}` });
    expect(await new Client(await lonely.address()).refusal()).toMatchObject({ statusCode: 502 });
    expect(await lonely.stop()).toBe('no backend: ECONNREFUSED\n');
  });

  it('has a proxy that passes on what was sent before the close to one who reads slowly', async () => {
    const peer = await dialProxy();
    await peer.frame();
    // A slow reader, without a clock: a chunk in each turn of the event loop.
    peer.socket.on('data', () => {
      peer.socket.pause();
      setImmediate(() => peer.socket.resume());
    });
    const large = text(Buffer.alloc(4 * 1024 * 1024, 'x'));
    peer.send(large, close(1000));
    peer.socket.end();
    expect((await peer.rest()).map(({ opcode, payload }) => [opcode, payload.length])).toEqual([
      [opcodes.text, large.payload.length],
      [opcodes.close, 2],
    ]);
  });

  it('has a proxy that reads, and passes on the close as it was', async () => {
    const reading = guide.start('reading-proxy.mjs', [], { BACKEND: await backend.address() });
    const client = new Client(await reading.address());
    client.webSocket.addEventListener('open', () => { client.webSocket.send('hello'); });
    expect([await client.next(), await client.next()]).toEqual(['you are undefined', 'hello']);
    client.webSocket.close(4002, 'bye');
    await client.closed;
    await backend.printed(/^ended: 4002 bye\n/m);
    expect((await reading.stop()).split('\n').sort()).toEqual(['', 'down: 17', 'down: 5', 'up: 5']);
  });

  it('has a proxy that lets each end see that the other was lost', async () => {
    const peer = await dialProxy();
    await peer.frame();
    peer.socket.resetAndDestroy();
    await backend.printed(/^ended: null null\n/m);

    const client = new Client(url);
    await client.next();
    expect(await proxy.stop()).toBe('');
    expect(await client.closed).toMatchObject({ code: 1006 });
    await backend.stop();
  });
});

describeGuide('docs/scaling-out.md', ['redis'], (guide) => {
  // Where there is no Redis nothing starts them.
  for (const name of ['chat.mjs', 'client.mjs']) guide.take(name);

  describeWithProgram('redis-server', 'with Redis', (redis) => {
    it('has a chat whose clients hear each other over workers and machines, and go on when one stops', async () => {
      const port = await freePort();
      const directory = temporaryDirectory();
      const settings = { port: String(port), bind: '127.0.0.1', save: '', dir: directory };
      await startDaemon(redis, Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), port);
      const environment = { REDIS_URL: `redis://127.0.0.1:${String(port)}`, WORKERS: '2' };
      const machines = [guide.start('chat.mjs', [], environment), guide.start('chat.mjs', [], environment)];
      const [first = '', second = ''] = await Promise.all(machines.map((machine) => machine.address()));

      const clients = [...(await clientsOfBothWorkers(first)), ...(await clientsOfBothWorkers(second))];
      const program = guide.start('client.mjs', [first, 'good evening']);
      expect(await Promise.all(clients.map((client) => client.next()))).toEqual(clients.map(() => 'good evening'));
      expect(await program.end()).toMatch(/^you are at worker \d\ngood evening\n$/);

      const [stopped, running] = [clients.slice(0, 2), clients.slice(2)];
      await machines[0]?.stop();
      for (const client of stopped) {
        expect(await client.closed).toMatchObject({ code: 1001, reason: 'restart', wasClean: true });
      }
      running[0]?.webSocket.send('still there');
      expect(await Promise.all(running.map((client) => client.next()))).toEqual(['still there', 'still there']);
      await machines[1]?.stop();
    });
  });

  /** Connects until each of the two workers has a client, and keeps one of each. */
  async function clientsOfBothWorkers(url: string): Promise<Client[]> {
    const byWorker = new Map<unknown, Client>();
    while (byWorker.size < 2) {
      const client = new Client(url);
      const greeting = await client.next();
      if (byWorker.has(greeting)) WatershedConnection.from(client.webSocket).destroy();
      else byWorker.set(greeting, client);
    }
    return [...byWorker.values()];
  }
});

describe('docs/how-it-works.md', () => {
  const page = readFileSync(join(repository, 'docs/how-it-works.md'), 'utf8');

  it('names files and folders that are there', () => {
    const named = [...page.matchAll(/`((?:src|test|connection|handshake|protocol|websocket)\/[\w./-]*)`/g)].map(
      ([, path = '']) => (/^(src|test)\//.test(path) ? path : `src/${path}`),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
  });

  it('has the phases of a connection, what they lead to, and their ready states', () => {
    const source = readFileSync(join(repository, 'src/connection/closing-handshake.ts'), 'utf8');
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| ([0-3]) \| [^|]* \| ([^|]*) \|$/gm)];
    const [, readyStates = ''] = /readyStates[^{]*\{([^}]*)\}/.exec(source) ?? [];
    expect(rows.map(([, phase, state]) => `${String(phase)}: ${String(state)}`)).toEqual(readyStates.match(/\w+: \d/g));

    const [, transitions = ''] = /const transitions[^=]*= \{([\s\S]*?)\n\};/.exec(source) ?? [];
    // What every phase has is said below the table.
    const always = /giveUp: 'ENDING'|close: 'CLOSED'/g;
    for (const [, phase = '', , leadsTo = ''] of rows) {
      // Here what every phase has is said in the table too.
      if (phase === 'CONNECTING' || phase === 'ENDING') continue;
      const [, declared = ''] = new RegExp(`^  ${phase}: \\{(.*)\\},$`, 'm').exec(transitions) ?? [];
      const targets = declared.replaceAll(always, '').match(/'\w+'/g)?.map((target) => target.replaceAll("'", '`'));
      expect(leadsTo.match(/`[A-Z_]+`/g)?.sort(), phase).toEqual(targets?.sort());
    }
  });
});
