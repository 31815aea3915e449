/** Finds and runs servers that come as Debian packages. Knows nothing of what the tests do with them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it, onTestFinished } from 'vitest';
import { isContinuousIntegration } from '../continuous-integration.js';

/**
 * Like vitest's `describe`, for tests of a program that has to be installed. Where it is not, one test stands in: it
 * fails if `CI` is set, and otherwise says in a line that this part did not run.
 */
export function describeWithProgram(program: string, name: string, tests: (path: string) => void): void {
  const path = findProgram(program);
  if (path === undefined) {
    it(`${name}: needs ${program}`, () => {
      const message = `Not run: ${name}. No ${program} was found.`;
      if (isContinuousIntegration()) throw new Error(message);
      console.warn(message);
    });
    return;
  }
  describe(name, () => {
    tests(path);
  });
}

/** A directory for a program's configuration, which is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'watershed-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** A port of 127.0.0.1 that was free a moment ago, for a program that cannot choose one by itself. */
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
