/** The built command as a process of its own, as a shell runs it: its pipes, its status, its signals. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { echo, serve } from './server.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

class Process {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #closed: Promise<unknown[]>;
  #out = '';
  #err = '';

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [main, ...args], { stdio: 'pipe' });
    this.#closed = once(this.child, 'close');
    this.child.stdout.on('data', (chunk: Buffer) => (this.#out += chunk.toString()));
    this.child.stderr.on('data', (chunk: Buffer) => (this.#err += chunk.toString()));
    onTestFinished(() => {
      this.child.kill('SIGKILL');
    });
  }

  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#out);
      if (match !== null) return match;
      await once(this.child.stdout, 'data');
    }
  }

  async end(): Promise<{ status: unknown; out: string; err: string }> {
    const [code, signal] = await this.#closed;
    return { status: code ?? signal, out: this.#out, err: this.#err };
  }
}

it('connect answers a pipe, and ends when the pipe does', async () => {
  const { url } = await serve(echo);
  const program = new Process('connect', url);
  program.child.stdin.end('one\ntwo\n');
  expect(await program.end()).toEqual({ status: 0, out: 'one\ntwo\n', err: '' });
});

it('connect ends when the server closes, though its input is still open', async () => {
  const { url } = await serve((socket) => {
    socket.close(4001, 'enough');
  });
  const err = 'watershed: the server closed the connection (4001 enough)\n';
  expect(await new Process('connect', url).end()).toEqual({ status: 3, out: '', err });
});

it('connect --execute needs no input', async () => {
  const { url } = await serve(echo);
  expect(await new Process('connect', '--execute', 'hello', url).end()).toEqual({ status: 0, out: 'hello\n', err: '' });
});

it('connect closes when nobody reads its output any more', async () => {
  const { url, server } = await serve((socket) => {
    const timer = setInterval(() => {
      socket.send('more');
    }, 5);
    socket.on('close', () => {
      clearInterval(timer);
    });
  });
  const program = new Process('connect', url);
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  await program.shows(/more/);
  program.child.stdout.destroy();
  const [code] = (await once(socket, 'close')) as [number];
  expect(code).toBe(1000);
  expect(await program.end()).toMatchObject({ status: 0, err: '' });
});

it('listen ends all connections with 1001 at SIGINT', async () => {
  const program = new Process('listen', '0');
  const [, url = ''] = await program.shows(/^listening on (\S+)\n/);
  const socket = new WebSocket(url);
  await once(socket, 'open');
  program.child.kill('SIGINT');
  const [code] = (await once(socket, 'close')) as [number];
  expect(code).toBe(1001);
  expect(await program.end()).toMatchObject({ status: 0, err: '' });
});

it('listen --exec leaves no program behind', async () => {
  const program = new Process('listen', '--exec', 'sleep 1000', '0');
  const [, url = ''] = await program.shows(/^listening on (\S+)\n/);
  const socket = new WebSocket(url);
  await once(socket, 'open');
  program.child.kill('SIGINT');
  // It ends only when the program, which reads nothing, is ended.
  expect(await program.end()).toMatchObject({ status: 0, err: '' });
});

it('bench ends at SIGINT with what it has measured', async () => {
  const { url, server } = await serve(echo);
  const program = new Process('bench', '-c', '1', '-d', '1000', '--json', url);
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  await once(socket, 'message');
  program.child.kill('SIGINT');
  const { status, out } = await program.end();
  expect(status).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ connections: 1, unanswered: 0 });
});

it('wrong usage is 2', async () => {
  expect(await new Process('conect').end()).toMatchObject({ status: 2, out: '' });
});
