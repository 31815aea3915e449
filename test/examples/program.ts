/**
 * Runs an example as its user does: as a program, with settings in its environment. Knows nothing of what they do.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

/** The root of the repository. */
export const repository = fileURLToPath(new URL('../..', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** An example that is running or has ended. */
export class Program {
  readonly #process: ChildProcessWithoutNullStreams;
  /** When it has ended and all of its output has been read. */
  readonly exited: Promise<Exit>;
  output = '';
  errorOutput = '';

  /** @param path Of the program, in `examples/`. */
  constructor(path: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    // npm test builds first; this is for a test file that is run by itself in a fresh clone.
    if (!existsSync(`${repository}dist/index.js`)) execFileSync('npm', ['run', 'build'], { cwd: repository });
    const child = spawn(process.execPath, [`examples/${path}`, ...args], {
      cwd: repository,
      env: { ...process.env, ...env },
    });
    this.#process = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errorOutput += text));
    child.stdin.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        process.off('exit', kill);
        resolve({ code, signal });
      });
    });
    // What a failed test left running does not outlive the tests.
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
  }

  /** Starts a server on a free port, and waits for the address that it prints. */
  static async listening(path: string, env: Readonly<Record<string, string>> = {}): Promise<Program> {
    const program = new Program(path, [], { PORT: '0', ...env });
    await program.printed(/:\d+\//);
    return program;
  }

  /** Starts a program, which is killed when the test is finished, if it is still there. */
  static start(path: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Program {
    const program = new Program(path, args, env);
    onTestFinished(async () => {
      await program.stop('SIGKILL');
    });
    return program;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The first address in what a server has printed. */
  get port(): number {
    return Number(/:(\d+)\//.exec(this.output)?.[1]);
  }

  /** With a path that begins with a slash. */
  socketUrl(path = '/'): string {
    return `ws://localhost:${String(this.port)}${path}`;
  }

  pageUrl(path = '/'): string {
    return `http://localhost:${String(this.port)}${path}`;
  }

  /** Waits until it has printed, on either output, what the pattern says. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      const look = (): void => {
        const match = pattern.exec(this.output) ?? pattern.exec(this.errorOutput);
        if (match === null) return;
        this.#process.stdout.off('data', look);
        this.#process.stderr.off('data', look);
        resolve(match);
      };
      this.#process.stdout.on('data', look);
      this.#process.stderr.on('data', look);
      look();
    });
    const ended = this.exited.then(() => {
      throw new Error(`It ended before it printed ${String(pattern)}:\n${this.output}\n${this.errorOutput}`);
    });
    ended.catch(() => undefined);
    return Promise.race([found, ended]);
  }

  /** Types on its standard input. */
  type(text: string): void {
    this.#process.stdin.write(text);
  }

  /** Ends its standard input, as Ctrl-D does. */
  endInput(): void {
    this.#process.stdin.end();
  }

  /** Sends the signal, and waits for the end. */
  async stop(signal: NodeJS.Signals): Promise<Exit> {
    this.#process.kill(signal);
    return this.exited;
  }
}

/** A server for the tests of a suite. After them it is stopped as Ctrl-C does it, and ends by itself. */
export function useServer(path: string, env: Readonly<Record<string, string>> = {}): () => Program {
  let program: Program | undefined;
  beforeAll(async () => {
    program = await Program.listening(path, env);
  });
  afterAll(async () => {
    if (program !== undefined) await expectToStop(program);
  });
  return () => {
    if (program === undefined) throw new Error('The server is there in tests and hooks alone.');
    return program;
  };
}

/** Stops a program: it ends by itself, in order. */
export async function expectToStop(program: Program, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  expect(await program.stop(signal)).toEqual({ code: 0, signal: null });
}
