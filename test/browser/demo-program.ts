/**
 * Runs the demo as its user does: as a program, with PORT in its environment. Knows nothing of its page or messages.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The demo, as a program that is running or has ended. */
export class DemoProgram {
  readonly exited: Promise<Exit>;
  output = '';
  errorOutput = '';
  readonly #process: ChildProcess;
  #port = 0;

  private constructor(port: string) {
    // npm start builds first; this is for a test file that is run by itself in a fresh clone.
    if (!existsSync(`${root}dist/index.js`)) execFileSync('npm', ['run', 'build'], { cwd: root });
    const env = { ...process.env, PORT: port };
    const child = spawn(process.execPath, ['examples/demo/server.js'], { cwd: root, env });
    this.#process = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errorOutput += text));
    // 'close' comes after 'exit', when all output has been read.
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

  /** Starts it, and returns at once: it may be about to refuse. */
  static run(port: string): DemoProgram {
    return new DemoProgram(port);
  }

  /** Starts it, and waits for the address that it prints. */
  static async listening(port = 0): Promise<DemoProgram> {
    const program = new DemoProgram(String(port));
    const printed = new Promise<void>((resolve) => {
      program.#process.stdout?.on('data', () => {
        const match = /http:\/\/localhost:(\d+)\//.exec(program.output);
        if (match === null) return;
        program.#port = Number(match[1]);
        resolve();
      });
    });
    const failed = program.exited.then(() => {
      throw new Error(`The demo ended before it printed its address: ${program.errorOutput}`);
    });
    await Promise.race([printed, failed]);
    // Once it listens, its end is no failure.
    failed.catch(() => undefined);
    return program;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://localhost:${String(this.#port)}/`;
  }

  get socketUrl(): string {
    return `ws://localhost:${String(this.#port)}/socket`;
  }

  /** Sends the signal, and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Exit> {
    this.#process.kill(signal);
    return this.exited;
  }
}
