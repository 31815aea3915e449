/** Finds and runs servers that come as Debian packages. Knows nothing of what the tests do with them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { describeIfInstalled, isExecutable } from '../installed-program.js';

/** Like vitest's `describe`, with the path of a program, and with what `describeIfInstalled` does where it is missing. */
export function describeWithProgram(program: string, name: string, tests: (path: string) => void): void {
  describeIfInstalled(name, findProgram(program), `No ${program} was found`, tests);
}

/** A directory for a program's configuration, which is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'watershed-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** A port of 127.0.0.1 on which nothing listens: for a program that cannot choose one by itself, or to be refused. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs a server in the foreground until the test is over, and waits until it listens on that port of 127.0.0.1. */
export async function startDaemon(path: string, args: readonly string[], port: number): Promise<void> {
  const daemon = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(daemon.stdout), text(daemon.stderr)]);
  const ended = once(daemon, 'close');
  onTestFinished(async () => {
    daemon.kill('SIGTERM');
    await ended;
  });
  while (!(await accepts(port))) {
    if (hasEnded(daemon)) throw new Error(`${path} has ended: ${(await output).join('\n')}`);
    await delay(10);
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function findProgram(program: string): string | undefined {
  // Debian installs servers where only the superuser's PATH leads.
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return directories.map((directory) => join(directory, program)).find(isExecutable);
}
