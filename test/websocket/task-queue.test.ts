/** The tasks of a WebSocket: between two events all microtasks have run. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTLS, createServer as createTLSServer, TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Watershed, WatershedConnection, WebSocket } from '../../src/index.js';
import { TaskQueue } from '../../src/websocket/task-queue.js';
import { duplexPair } from '../classic/duplex-pair.js';
import { deferred, handMadeRequest, listenOn, turn } from '../classic/ends.js';
import { close, encodeFrame, opcodes, text } from '../conformance/frames.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { switchingProtocols } from '../handshake/opening.js';
import { bothEnds, clientEnd, opened, serverEnd } from './ends.js';

expectNoOpenHandles();

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

/** How deep the chains of `await` are that are to be over before the next event. */
const DEPTH = 50;

/** Records the events, and the end of the chain of microtasks that each of them starts. */
function recordChains(webSocket: WebSocket): string[] {
  const record: string[] = [];
  const start = (event: string): void => {
    record.push(event);
    void chain(event);
  };
  const chain = async (event: string): Promise<void> => {
    for (let index = 0; index < DEPTH; index++) await Promise.resolve();
    record.push(`after ${event}`);
  };
  webSocket.onopen = () => { start('open'); };
  webSocket.onmessage = ({ data }) => { start(String(data)); };
  webSocket.onerror = () => { start('error'); };
  webSocket.onclose = () => { start('close'); };
  return record;
}

/** What is to be recorded of events that come after one another. */
function chainsOf(...events: string[]): string[] {
  return events.flatMap((event) => [event, `after ${event}`]);
}

describe.each(bothEnds)("a %s's microtasks", (_end, makeEnd) => {
  it('run between open and the messages and the CLOSE that came with the handshake', async () => {
    let record: string[] = [];
    const more = [text('1'), text('2'), text('3'), close(1000)];
    const { webSocket, peer } = await makeEnd({}, (webSocket) => { record = recordChains(webSocket); }, more);
    peer.socket.end();
    await once(webSocket, 'close');
    await turn();
    expect(record).toEqual(chainsOf('open', '1', '2', '3', 'close'));
  });

  it('run between the messages of one packet, and those of the next', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const record = recordChains(webSocket);
    const last = new Promise((resolve) => {
      webSocket.addEventListener('message', ({ data }) => {
        if (data === '5') resolve(data);
      });
    });
    peer.send(text('1'), text('2'));
    peer.send(text('3'));
    peer.send(text('4'), text('5'));
    await last;
    await turn();
    expect(record).toEqual(chainsOf('1', '2', '3', '4', '5'));
  });

  it.each([33, 2_000])('run between %i messages of one packet, in the order of the peer', async (count) => {
    const { webSocket, peer } = await opened(makeEnd());
    const record = recordChains(webSocket);
    const names = Array.from({ length: count }, (_, index) => String(index));
    const closed = once(webSocket, 'close');
    peer.send(...names.map((name) => text(name)), close(1000));
    peer.socket.end();
    await closed;
    await turn();
    expect(record).toEqual(chainsOf(...names, 'close'));
  });

  it('leave the other connections their turns, and let what a listener sends out, however many messages come', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    let heardInTurn = 0;
    let most = 0;
    webSocket.onmessage = ({ data }) => {
      // The first of a turn.
      if (heardInTurn++ === 0) {
        setImmediate(() => {
          most = Math.max(most, heardInTurn);
          heardInTurn = 0;
        });
      }
      webSocket.send(String(data));
    };
    const names = Array.from({ length: 3_000 }, (_, index) => String(index));
    peer.send(...names.map((name) => text(name)));
    for (const name of names) expect((await peer.frame()).payload.toString()).toBe(name);
    await turn();
    // The first of a chunk is in a turn already, those that are kept of the chunk come in the next.
    expect(most).toBeLessThanOrEqual(2 * 256);
    peer.socket.destroy();
    await once(webSocket, 'close');
  });

  it('run between error and close', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const record = recordChains(webSocket);
    const closed = once(webSocket, 'close');
    peer.send(text('1'), text('wrong', { rsv: 1 }));
    peer.socket.end();
    await closed;
    await turn();
    expect(record).toEqual(chainsOf('1', 'error', 'close'));
  });

  it('run although the classic face pauses and resumes inside an event', async () => {
    const { webSocket, peer } = await opened(makeEnd());
    const record = recordChains(webSocket);
    const connection = WatershedConnection.from(webSocket);
    const ended = deferred();
    connection.on('text', (message) => {
      connection.pause();
      connection.resume();
      if (message === '3') ended.resolve();
    });
    webSocket.addEventListener('message', () => {
      connection.pause();
      connection.resume();
    });
    peer.send(text('1'), text('2'), text('3'));
    await ended.promise;
    await turn();
    expect(record).toEqual(chainsOf('1', '2', '3'));
  });

  it('run between the chunks that were buffered while the classic face paused', async () => {
    // With an agent of its own a client's socket is a stream too.
    const { webSocket, peer } = await opened(makeEnd(makeEnd === clientEnd ? { agent: false } : {}));
    const record = recordChains(webSocket);
    const connection = WatershedConnection.from(webSocket);
    const socket = connection.socket as Socket;
    connection.pause();
    let buffered = 0;
    for (const message of ['1', '2', '3']) {
      const frame = text(message);
      peer.send(frame);
      // The socket reads on while it is paused, up to its highWaterMark.
      buffered += encodeFrame(frame, makeEnd === serverEnd).length;
      socket.read(0);
      await vi.waitFor(() => { expect(socket.readableLength).toBe(buffered); });
    }
    connection.resume();
    await turn();
    expect(record).toEqual(chainsOf('1', '2', '3'));
  });

  it('may send, and what is sent in one batch of events leaves together', async () => {
    const { webSocket, peer } = await makeEnd({}, (webSocket) => {
      webSocket.onopen = async () => {
        webSocket.send('opened');
        await Promise.resolve();
        webSocket.send('a microtask later');
      };
      webSocket.onmessage = ({ data }) => { webSocket.send(`echo ${String(data)}`); };
    }, [text('1'), text('2')]);
    let chunks = 0;
    peer.socket.on('data', () => chunks++);
    const received: string[] = [];
    for (let index = 0; index < 4; index++) received.push((await peer.frame()).payload.toString());
    expect(received).toEqual(['opened', 'a microtask later', 'echo 1', 'echo 2']);
    expect(chunks).toBeLessThanOrEqual(1);
    peer.socket.destroy();
    await once(webSocket, 'close');
  });
});

describe('over a stream that delivers in the middle of a call', () => {
  it("a server's events come in later tasks, with the microtasks between them", async () => {
    const [server, client] = duplexPair({ isSynchronous: true });
    client.resume();
    const webSocket = WebSocket.accept(handMadeRequest(), server, Buffer.alloc(0));
    await once(webSocket, 'open');
    await turn();
    const record = recordChains(webSocket);
    for (const message of ['1', '2']) client.write(encodeFrame(text(message), true));
    client.write(Buffer.concat([encodeFrame(text('3'), true), encodeFrame(close(1000), true)]));
    expect(record).toEqual([]);
    client.end();
    await once(webSocket, 'close');
    await turn();
    expect(record).toEqual(chainsOf('1', '2', '3', 'close'));
  });

  it("a client's events do too, from the ones on that came with the 101", async () => {
    const [client, server] = duplexPair({ isSynchronous: true });
    const webSocket = new WebSocket('ws://in.memory/', { createConnection: () => client });
    const record = recordChains(webSocket);
    const [request] = (await once(server, 'data')) as [Buffer];
    const frames = [text('1'), text('2')].map((frame) => encodeFrame(frame, false));
    server.write(Buffer.concat([Buffer.from(switchingProtocols(request.toString())), ...frames]));
    await once(webSocket, 'open');
    server.write(encodeFrame(text('3'), false));
    server.write(Buffer.concat([encodeFrame(text('4'), false), encodeFrame(close(1000), false)]));
    server.end();
    await once(webSocket, 'close');
    await turn();
    expect(record).toEqual(chainsOf('open', '1', '2', '3', '4', 'close'));
  });

  it('a TLS socket over it is no better, though it is a net.Socket', async () => {
    const options = { key: fixture('server-key.pem'), cert: fixture('server-cert.pem') };
    const tlsServer = createTLSServer(options);
    const port = await listenOn(tlsServer);
    const accepted = once(tlsServer, 'secureConnection');
    // The bytes of a TCP connection as a stream of somebody's own, which holds them back for one delivery.
    const tcp = connect(port, '127.0.0.1');
    const between = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, callback) => { tcp.write(chunk, callback); },
    });
    tcp.on('data', (chunk) => between.push(chunk));
    onTestFinished(() => { tcp.destroy(); });
    const secure = connectTLS({ socket: between, rejectUnauthorized: false });
    const [peer] = (await accepted) as [TLSSocket];
    expect(secure).toBeInstanceOf(Socket);
    secure.on('error', () => undefined);
    const webSocket = WebSocket.accept(handMadeRequest(), secure, Buffer.alloc(0));
    await once(webSocket, 'open');
    const record = recordChains(webSocket);
    const last = once(webSocket, 'close');
    // A message in each of three records, which come in one go.
    peer.cork();
    const filler = 'x'.repeat(16_000);
    for (const name of ['1', '2', '3']) peer.write(encodeFrame(text(name + filler), true));
    peer.uncork();
    await vi.waitFor(() => { expect(record.length).toBe(6); });
    peer.destroy();
    tcp.destroy();
    between.destroy();
    await last;
    expect(record.slice(0, 6)).toEqual(chainsOf(`1${filler}`, `2${filler}`, `3${filler}`));
  });
});

describe('the async context of the handlers', () => {
  const storage = new AsyncLocalStorage<string>();

  it("is that of the constructor, and of the call of accept", async () => {
    const seen: unknown[] = [];
    const note = (webSocket: WebSocket): void => {
      for (const type of ['open', 'message', 'close']) {
        webSocket.addEventListener(type, () => { seen.push(`${type} in ${String(storage.getStore())}`); });
      }
    };
    const server = createServer();
    const accepted = deferred<WebSocket>();
    server.on('upgrade', (req, socket, head) => {
      storage.run('accept', () => {
        const webSocket = WebSocket.accept(req, socket, head);
        note(webSocket);
        webSocket.onmessage = () => { webSocket.send('answer'); };
        accepted.resolve(webSocket);
      });
    });
    const port = await listenOn(server);
    const client = storage.run('constructor', () => new WebSocket(`ws://127.0.0.1:${String(port)}/`));
    note(client);
    await once(client, 'open');
    const webSocket = await accepted.promise;
    const answered = once(client, 'message');
    storage.run('send', () => { client.send('question'); });
    await answered;
    const closed = Promise.all([once(client, 'close'), once(webSocket, 'close')]);
    storage.run('close', () => { client.close(); });
    await closed;
    expect(seen.sort()).toEqual([
      ...['close in accept', 'close in constructor', 'message in accept', 'message in constructor'],
      ...['open in accept', 'open in constructor'],
    ]);
  });

  it('is the connection’s where the face was made later', async () => {
    const [server, client] = duplexPair();
    client.resume();
    const connection = storage.run('accept', () => Watershed.accept(handMadeRequest(), server, Buffer.alloc(0)));
    const webSocket = storage.run('from', () => WebSocket.from(connection));
    const seen: unknown[] = [];
    webSocket.onopen = () => seen.push(storage.getStore());
    await once(webSocket, 'open');
    expect(seen).toEqual(['accept']);
    connection.destroy();
  });
});

describe('TaskQueue', () => {
  it('runs tasks in order, each by itself, between one hold and one release', async () => {
    const record: string[] = [];
    const released = deferred();
    const scope = {
      hold: () => record.push('hold'),
      run: (begin: () => void) => { begin(); },
      pause: () => undefined,
      resume: () => undefined,
      release: () => {
        record.push('release');
        released.resolve();
      },
    };
    const queue = new TaskQueue(scope, (task: () => void) => { task(); });
    expect(queue.isIdle).toBe(true);
    queue.push(() => {
      record.push('first');
      queue.push(() => record.push('third'));
      queueMicrotask(() => record.push('microtask'));
    });
    queue.push(() => record.push('second'));
    expect(queue.isIdle).toBe(false);
    expect(record).toEqual(['hold']);
    await released.promise;
    expect(queue.isIdle).toBe(true);
    expect(record).toEqual(['hold', 'first', 'microtask', 'second', 'third', 'release']);
  });

  it('takes a hundred thousand tasks one by one as easily as ten', async () => {
    const released = deferred();
    const run = vi.fn((begin: () => void) => { begin(); });
    const pause = vi.fn();
    const resume = vi.fn();
    const scope = { hold: () => undefined, run, pause, resume, release: () => { released.resolve(); } };
    const perform = vi.fn((task: number) => { sum += task; });
    const queue = new TaskQueue(scope, perform);
    let sum = 0;
    for (let index = 0; index < 100_000; index++) queue.push(index);
    await released.promise;
    expect(sum).toBe(4_999_950_000);
    expect(perform).toHaveBeenCalledTimes(100_000);
    // What comes after the first runs in its scope.
    expect(run).toHaveBeenCalledTimes(1);
    // It had enough, and then no more.
    expect(pause).toHaveBeenCalledTimes(1);
    expect(resume).toHaveBeenCalledTimes(1);
  });
});

it('control frames between the messages of one packet change nothing', async () => {
  const { webSocket, peer } = await opened(serverEnd());
  const record = recordChains(webSocket);
  const closed = once(webSocket, 'close');
  peer.send(text('1'), { ...text('ping'), opcode: opcodes.ping }, text('2'), { ...text('pong'), opcode: opcodes.pong });
  peer.send(close());
  peer.socket.end();
  await closed;
  await turn();
  expect(record).toEqual(chainsOf('1', '2', 'close'));
});
