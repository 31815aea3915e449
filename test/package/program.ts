// A program of a guide, in a process of its own. Knows nothing of what it does.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

export class Program {
  readonly #name: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #output = '';
  #errors = '';

  /** Starts it in a folder, on a free port where it listens. */
  constructor(folder: string, name: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#name = name;
    const env = { ...process.env, PORT: '0', ...environment };
    this.#process = spawn(process.execPath, [name, ...args], { cwd: folder, env });
    this.#ended = once(this.#process, 'close');
    this.#process.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#output += chunk;
    });
    this.#process.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors += chunk;
    });
  }

  /** Waits until its output matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const { stdout } = this.#process;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      if (stdout.closed) throw this.#failure(`has not printed ${String(pattern)}`);
      await Promise.race([once(stdout, 'data'), this.#ended]);
    }
  }

  /** The address that a server prints when it listens. */
  async address(): Promise<string> {
    const [, address = ''] = await this.printed(/^listening on (\S+)\n/m);
    return address;
  }

  /** Writes a line to its standard input. */
  type(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Waits until it ends by itself, with the status 0 and without a word to stderr, and gives what it printed. */
  async end(): Promise<string> {
    await this.#ended;
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== 0 || this.#errors !== '') throw this.#failure(`has ended with ${String(exitCode ?? signalCode)}`);
    return this.#output;
  }

  /** Interrupts it, as Ctrl+C does, and gives what it printed after its address. */
  async stop(): Promise<string> {
    this.#process.kill('SIGINT');
    return (await this.end()).replace(/^listening on .*\n/m, '');
  }

  /** Ends it in any case. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  #failure(what: string): Error {
    return new Error(`${this.#name} ${what}:\n${this.#output}${this.#errors}`);
  }
}
