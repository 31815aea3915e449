// A program of a guide, in a process of its own. Knows nothing of what it does.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

export class Program {
  readonly #name: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #output = '';
  #errors = '';
  #onOutput: () => void = () => undefined;

  /** Starts a program in a folder, with a free port where it wants one. */
  constructor(folder: string, name: string, args: readonly string[], environment: Record<string, string>) {
    this.#name = name;
    const env = { ...process.env, PORT: '0', ...environment };
    this.#process = spawn(process.execPath, [name, ...args], { cwd: folder, env, timeout: 30_000 });
    this.#ended = once(this.#process, 'close');
    this.#process.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#output += chunk;
      this.#onOutput();
    });
    this.#process.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors += chunk;
    });
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Waits until its output matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const ended = this.#ended.then(() => {
      throw new Error(`${this.#name} has ended and not printed ${String(pattern)}:\n${this.#output}${this.#errors}`);
    });
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found !== null) {
        ended.catch(() => undefined);
        return found;
      }
      await Promise.race([ended, new Promise<void>((resolve) => (this.#onOutput = resolve))]);
    }
  }

  /** The address that a server prints first. */
  async address(): Promise<string> {
    const [address] = await this.printed(/\b(?:https?|wss?):\/\/\S+(?=\n)/);
    return address;
  }

  /** Writes a line to its standard input. */
  type(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Waits until it ends by itself, and gives its output. A status other than 0 throws, and so does a word to stderr. */
  async end(): Promise<string> {
    await this.#ended;
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== 0 || this.#errors !== '') {
      const end = String(exitCode ?? signalCode);
      throw new Error(`${this.#name} has ended with ${end}:\n${this.#output}${this.#errors}`);
    }
    return this.#output;
  }

  /** Interrupts it, as Ctrl+C does, and waits for its end. */
  async stop(): Promise<string> {
    this.#process.kill('SIGINT');
    return await this.end();
  }

  /** Ends it in any case. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
