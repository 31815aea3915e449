// The guides on running Watershed with other programs: their programs and configurations, taken out of the Markdown and
// run, with nginx, HAProxy and Redis where the guide has them, and with the libraries that one moves from.
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type CloseEvent,
  HandshakeError,
  type MessageEvent,
  WatershedConnection,
  WebSocket,
  type WebSocketOptions,
} from '../../src/index.js';
import { deferred, dialPeer, type Peer, requestText } from '../classic/ends.js';
import { close, opcodes, text } from '../conformance/frames.js';
import { describeWithProgram, freePort, startDaemon, temporaryDirectory } from '../interop/daemon.js';
import { GuideFiles, type Program } from './guide-files.js';

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
const ca = fixture('ca-cert.pem');

function describeGuide(document: string, packages: readonly string[], tests: (guide: GuideFiles) => void): void {
  describe(document, () => {
    const guide = new GuideFiles(document, packages);
    afterAll(() => guide.remove());
    tests(guide);
  });
}

function hasNoOtherFile(guide: GuideFiles): void {
  it('has no file that these tests do not take', () => {
    expect(guide.filesNotTaken).toEqual([]);
  });
}

/** A client that writes down what it hears. It is closed when the test is over. */
class Client {
  readonly webSocket: WebSocket;
  readonly closed: Promise<CloseEvent>;
  readonly #messages: unknown[] = [];
  #error: Error | undefined;
  #wake = deferred();

  constructor(url: string, protocols: string[] = [], options: WebSocketOptions = {}) {
    this.webSocket = new WebSocket(url, protocols, options);
    this.webSocket.binaryType = 'arraybuffer';
    this.webSocket.addEventListener('message', ({ data }: MessageEvent) => {
      this.#messages.push(data);
      this.#wake.resolve();
    });
    this.webSocket.addEventListener('error', ({ error }) => { this.#error = error; });
    this.closed = once(this.webSocket, 'close').then(([event]: CloseEvent[]) => event as CloseEvent);
    void this.closed.then(() => { this.#wake.resolve(); });
    onTestFinished(() => { WatershedConnection.from(this.webSocket).destroy(); });
  }

  /** The next message. */
  async next(): Promise<unknown> {
    while (this.#messages.length === 0) {
      if (this.webSocket.readyState === WebSocket.CLOSED) throw this.#error ?? new Error('closed, and no message came');
      await this.#wake.promise;
      this.#wake = deferred();
    }
    return this.#messages.shift();
  }

  /** Why it did not open. */
  async refusal(): Promise<{ code: unknown; statusCode: unknown }> {
    await this.closed;
    const { code, statusCode } = this.#error as HandshakeError;
    return { code, statusCode };
  }
}

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
    peer.socket.pause();
    const large = text(Buffer.alloc(4 * 1024 * 1024, 'x'));
    peer.send(large, close(1000));
    peer.socket.end();
    // The backend has sent all that it will.
    await backend.printed(/^ended: NORMAL \n/m);
    peer.socket.resume();
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

  hasNoOtherFile(guide);
});

/** Puts what a test needs in the place of what a reader will have. Each has to be there. */
function substitute(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`There is no ${from} to be replaced`);
    return result.replaceAll(from, to);
  }, text);
}

describeGuide('docs/reverse-proxies.md', [], (guide) => {
  /** How a proxy is started in front of a server; `changes` are made to the configuration of the guide. */
  type StartProxy = (backend: number, changes?: Readonly<Record<string, string>>) => Promise<number>;

  /** The ports of two servers: one as it stands there, and one with a faster heartbeat. */
  let still: number;
  let beating: number;

  beforeAll(async () => {
    const servers = [guide.start('server.mjs'), guide.start('server.mjs', [], { HEARTBEAT: '100' })];
    const addresses = await Promise.all(servers.map((server) => server.address()));
    [still = 0, beating = 0] = addresses.map((address) => Number(new URL(address).port));
  });

  function behind(startProxy: StartProxy, timeout: string, unavailable: number): void {
    it('knows the client, and takes pages of its own origin alone', async () => {
      const port = await startProxy(still);
      const host = `127.0.0.1:${String(port)}`;
      const headers = { 'X-Forwarded-For': '192.0.2.1' };
      const client = new Client(`wss://${host}`, [], { ca, origin: `https://${host}`, headers });
      expect(JSON.parse(String(await client.next()))).toEqual({ client: '127.0.0.1', host, scheme: 'https' });
      client.webSocket.close(4001, 'bye');
      expect(await client.closed).toMatchObject({ code: 4001, reason: 'bye', wasClean: true });

      const stranger = new Client(`wss://${host}`, [], { ca, origin: 'https://elsewhere.example' });
      expect(await stranger.refusal()).toMatchObject({ statusCode: 403 });
    });

    it('keeps an idle connection that has a heartbeat, and no other', async () => {
      const changes = { [timeout]: timeout.replace('60s', '1s') };
      const alive = new Client(`wss://127.0.0.1:${String(await startProxy(beating, changes))}`, [], { ca });
      await alive.next();
      const lost = new Client(`wss://127.0.0.1:${String(await startProxy(still, changes))}`, [], { ca });
      await lost.next();
      expect(await lost.closed).toMatchObject({ code: 1006, wasClean: false });
      alive.webSocket.send('still there');
      expect(await alive.next()).toBe('still there');
    });

    it('says that the server is away', async () => {
      const port = await startProxy(await freePort());
      const client = new Client(`wss://127.0.0.1:${String(port)}`, [], { ca });
      expect(await client.refusal()).toMatchObject({ statusCode: unavailable });
    });
  }

  describeWithProgram('nginx', 'behind nginx', (nginx) => {
    const startNginx: StartProxy = async (backend, changes = {}) => {
      const directory = temporaryDirectory();
      const port = await freePort();
      writeFileSync(join(directory, 'cert.pem'), fixture('server-cert.pem'));
      writeFileSync(join(directory, 'key.pem'), fixture('server-key.pem'));
      const configuration = substitute(guide.take('nginx.conf'), {
        'listen 443 ssl': `listen 127.0.0.1:${String(port)} ssl`,
        '127.0.0.1:8080': `127.0.0.1:${String(backend)}`,
        '/etc/ssl/example.com.pem': join(directory, 'cert.pem'),
        '/etc/ssl/example.com.key': join(directory, 'key.pem'),
        ...changes,
      });
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${join(directory, name)};`,
      );
      writeFileSync(join(directory, 'watershed.conf'), configuration);
      // What a package of nginx has in its own nginx.conf.
      writeFileSync(
        join(directory, 'main.conf'),
        `daemon off; master_process off; pid ${join(directory, 'pid')}; error_log stderr crit; events {}
        http { access_log off; ${paths.join(' ')} include ${join(directory, 'watershed.conf')}; }`,
      );
      await startDaemon(nginx, ['-e', 'stderr', '-p', directory, '-c', join(directory, 'main.conf')], port);
      return port;
    };
    behind(startNginx, 'proxy_read_timeout 60s', 502);

    it('does not pass the upgrade on without its two fields', async () => {
      const port = await startNginx(still, {
        'proxy_set_header Upgrade $http_upgrade;': '',
        'proxy_set_header Connection $connection_upgrade;': '',
      });
      const client = new Client(`wss://127.0.0.1:${String(port)}`, [], { ca });
      expect(await client.refusal()).toEqual({ code: 'WATERSHED_UNEXPECTED_STATUS', statusCode: 426 });
    });

    it.each(['$host', '$proxy_host'])('refuses its own pages when Host is %s', async (host) => {
      const port = await startNginx(still, { 'Host $http_host': `Host ${host}` });
      const origin = `https://127.0.0.1:${String(port)}`;
      const client = new Client(`wss://127.0.0.1:${String(port)}`, [], { ca, origin });
      expect(await client.refusal()).toMatchObject({ statusCode: 403 });
    });
  });

  describeWithProgram('haproxy', 'behind HAProxy', (haproxy) => {
    behind(async (backend, changes = {}) => {
      const directory = temporaryDirectory();
      const port = await freePort();
      writeFileSync(join(directory, 'server.pem'), fixture('server-cert.pem') + fixture('server-key.pem'));
      const configuration = substitute(guide.take('haproxy.cfg'), {
        'maxconn 4000': 'maxconn 100',
        'bind :443': `bind 127.0.0.1:${String(port)}`,
        '127.0.0.1:8080': `127.0.0.1:${String(backend)}`,
        '/etc/haproxy/example.com.pem': join(directory, 'server.pem'),
        ...changes,
      });
      writeFileSync(join(directory, 'haproxy.cfg'), configuration);
      await startDaemon(haproxy, ['-db', '-f', join(directory, 'haproxy.cfg')], port);
      return port;
    }, 'timeout tunnel 60s', 503);
  });

});

describeGuide('docs/scaling-out.md', ['redis'], (guide) => {
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

describeGuide('docs/moving.md', ['ws', 'undici'], (guide) => {
  it('has a program for 0.4 that runs unchanged', async () => {
    const output = await guide.start('classic.cjs').end();
    expect(output.replace(/^listening on .*\n/, '')).toBe('received text: Hi there!\nend: NORMAL that was all\n');
  });

  const heard = 'hello\n<Buffer 01 02 03>\nclosed: 1000 bye\n';

  it.each(['ws-server.mjs', 'server.mjs'])('has %s, and clients of before and after, which print the same', async (name) => {
    const server = guide.start(name);
    const url = await server.address();
    for (const client of ['ws-client.mjs', 'client.mjs']) {
      expect(await guide.start(client, [url]).end()).toBe(heard);
      expect(await guide.start(client, [url, '/elsewhere']).end()).toBe('refused: 400\nclosed: 1006 \n');
    }
    const client = new Client(`${url}/chat`, ['chat']);
    await once(client.webSocket, 'open');
    expect(await server.stop()).toMatch(/^\/chat: bye\n\/chat: bye\n\/chat: \n$/);
    expect(await client.closed).toMatchObject({ code: 1001, wasClean: true });
  });

  it('has clients of undici, before and after, which print the same', async () => {
    const url = await guide.start('server.mjs').address();
    const printed = 'speaks chat\nArrayBuffer { [Uint8Contents]: <01 02 03>, byteLength: 3 }\n4000 bye true\n';
    for (const client of ['undici-client.mjs', 'standard-client.mjs']) {
      expect(await guide.start(client, [url]).end()).toBe(printed);
      expect(await guide.start(client, [url, '/elsewhere']).end()).toMatch(/^error\n1006 .*false\n$/);
    }
  });

  it('has two programs for undici that differ in the import alone', () => {
    const [before, after] = ['undici-client.mjs', 'standard-client.mjs'].map((name) => guide.take(name).split('\n').slice(2));
    expect(before).toEqual(after);
  });

  hasNoOtherFile(guide);
});
