/** `watershed listen`, with clients that are not ours. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { Program } from './program.js';

async function start(...args: string[]): Promise<{ program: Program; url: string }> {
  const program = new Program(['listen', ...args, '0']);
  const [, url = ''] = await program.shows(/^listening on (\S+)\n/);
  return { program, url };
}

async function dial(url: string, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols);
  onTestFinished(() => { socket.terminate(); });
  await once(socket, 'open');
  return socket;
}

/** The next message, as text. */
async function next(socket: WebSocket): Promise<string> {
  const [data] = (await once(socket, 'message')) as [Buffer];
  return data.toString();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('watershed listen', () => {
  it('sends each message back, shows what passes, and ends all with 1001 at Ctrl-C', async () => {
    const { program, url } = await start();
    const socket = await dial(`${url}/path`);
    socket.send('hello\nthere');
    expect(await next(socket)).toBe('hello\nthere');
    socket.send(Buffer.from([1, 2, 3]));
    expect(await next(socket)).toBe('\u0001\u0002\u0003');
    const closed = once(socket, 'close');
    program.interrupt();
    const [code] = (await closed) as [number];
    expect(code).toBe(1001);
    const { status, out, err } = await program.end();
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out.replace(/#\d+/g, '#N').replace(/:\d{4,5}/g, ':PORT')).toBe(
      'listening on ws://127.0.0.1:PORT\n' +
        '#N + 127.0.0.1:PORT /path\n#N < hello\\nthere\n#N < binary, 3 bytes\n#N - GOING_AWAY\n',
    );
  });

  it('--broadcast sends each message to all', async () => {
    const { program, url } = await start('--broadcast', '--quiet');
    const [one, two] = [await dial(url), await dial(url)];
    const all = [next(one), next(two)];
    one.send('to all');
    expect(await Promise.all(all)).toEqual(['to all', 'to all']);
    program.interrupt();
    expect((await program.end()).out).toMatch(/^listening on \S+\n$/);
  });

  it('--exec gives each connection a program', async () => {
    const upper =
      "console.log('ready'); process.stdin.on('data', (text) => process.stdout.write(String(text).toUpperCase()));";
    const { program, url } = await start('--exec', `"${process.execPath}" -e "${upper}"`);
    const socket = await dial(url);
    expect(await next(socket)).toBe('ready');
    socket.send('hello');
    expect(await next(socket)).toBe('HELLO');
    program.interrupt();
    expect((await program.end()).status).toBe(0);
  });

  it('--exec reads no faster than its program does, and loses nothing', async () => {
    const { program, url } = await start('--quiet', '--exec', 'sleep 0.2; cat');
    const socket = await dial(url);
    const lines = Array.from({ length: 3_000 }, (_, index) => String(index).padEnd(500, '.'));
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        if (received.push(data.toString()) === 2 * lines.length) resolve();
      });
    });
    for (const line of lines) socket.send(line);
    for (const line of lines) socket.send(Buffer.from(`${line}\n`));
    await all;
    expect(received).toEqual([...lines, ...lines]);
    program.interrupt();
    expect((await program.end()).status).toBe(0);
  });

  it('--exec ends a program that outlives its connection', async () => {
    const { program, url } = await start('--exec', 'echo $$; exec sleep 1000');
    const socket = new WebSocket(url);
    const pid = Number(await next(socket));
    socket.close();
    await expect.poll(() => isAlive(pid), { timeout: 15_000 }).toBe(false);
    program.interrupt();
    expect((await program.end()).status).toBe(0);
  });

  it.each([
    ['exit 0', 1000],
    ['exit 3', 1011],
  ])('closes when the program ends: %s gives %i', async (command, expected) => {
    const { program, url } = await start('--exec', command);
    const socket = new WebSocket(url);
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(expected);
    program.interrupt();
    await program.end();
  });

  it('speaks whichever subprotocol is asked for, or those that it is told', async () => {
    const any = await start();
    expect((await dial(any.url, ['a', 'b'])).protocol).toBe('a');
    any.program.interrupt();
    await any.program.end();
    const told = await start('-p', 'b');
    expect((await dial(told.url, ['a', 'b'])).protocol).toBe('b');
    const refused = new WebSocket(told.url, ['c']);
    const [error] = (await once(refused, 'error')) as [Error];
    expect(error.message).toContain('400');
    await told.program.shows(/refused: /);
    told.program.interrupt();
    await told.program.end();
  });

  it('says what a browser finds there', async () => {
    const { program, url } = await start();
    const response = await fetch(url.replace('ws', 'http'));
    expect(response.status).toBe(426);
    expect(await response.text()).toBe('This address speaks WebSocket.\n');
    program.interrupt();
    await program.end();
  });

  it('says that a port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = String((server.address() as AddressInfo).port);
    const { status, err } = await new Program(['listen', port]).end();
    server.close();
    expect(status).toBe(1);
    expect(err).toContain(`port ${port} is in use: take another, or 0 for a free one`);
  });

  it('says that an address is none of this machine', async () => {
    const { status, err } = await new Program(['listen', '--host', '192.0.2.1', '0']).end();
    expect(status).toBe(1);
    expect(err).toContain('192.0.2.1 is no address of this machine');
  });
});
