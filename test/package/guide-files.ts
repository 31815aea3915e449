// The files of a guide, taken out of its fenced blocks, in a folder where the built package is installed; and its
// programs, each in a process of its own. A block is a file when its first line is a comment with a file name.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

export class GuideFiles {
  readonly folder = mkdtempSync(join(tmpdir(), 'watershed-guide-'));
  readonly #files: ReadonlyMap<string, string>;
  readonly #taken = new Set<string>();
  readonly #programs: Program[] = [];

  /** `packages` are those that its programs import beside this one. */
  constructor(document: string, packages: readonly string[] = []) {
    const markdown = readFileSync(join(repository, document), 'utf8');
    const blocks = markdown.matchAll(/^```\w+\n((?:\/\/|#) ([\w.-]+\.\w+)\n[\s\S]*?)^```$/gm);
    this.#files = new Map([...blocks].map(([, text = '', name = '']) => [name, text]));
    for (const [name, text] of this.#files) writeFileSync(join(this.folder, name), text);
    mkdirSync(join(this.folder, 'node_modules'));
    symlinkSync(repository, join(this.folder, 'node_modules', 'watershed'));
    for (const name of packages) {
      symlinkSync(join(repository, 'node_modules', name), join(this.folder, 'node_modules', name));
    }
  }

  /** The text of a file. */
  take(name: string): string {
    const text = this.#files.get(name);
    if (text === undefined) throw new Error(`The guide has no file ${name}`);
    this.#taken.add(name);
    return text;
  }

  get filesNotTaken(): string[] {
    return [...this.#files.keys()].filter((name) => !this.#taken.has(name));
  }

  /** Starts a program, on a free port where it listens. */
  start(name: string, args: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Program {
    this.take(name);
    const program = new Program(this.folder, name, args, environment);
    this.#programs.push(program);
    return program;
  }

  /** Ends what still runs, and takes the folder away. */
  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The tests of one guide: they have to take each of its files. */
export function describeGuide(
  document: string,
  packages: readonly string[],
  tests: (guide: GuideFiles) => void,
): void {
  // Many processes, on a machine that may be busy.
  describe(document, { timeout: 60_000 }, () => {
    const guide = new GuideFiles(document, packages);
    afterAll(() => guide.remove());
    tests(guide);
    it('has no file that these tests do not take', () => {
      expect(guide.filesNotTaken).toEqual([]);
    });
  });
}

export class Program {
  readonly #name: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  #output = '';
  #errors = '';

  constructor(folder: string, name: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#name = name;
    const env = { ...process.env, PORT: '0', ...environment };
    this.#process = spawn(process.execPath, [name, ...args], { cwd: folder, env });
    this.#closed = once(this.#process, 'close');
    this.#process.stdout.setEncoding('utf8').on('data', (chunk: string) => { this.#output += chunk; });
    this.#process.stderr.setEncoding('utf8').on('data', (chunk: string) => { this.#errors += chunk; });
  }

  /** Waits until its output matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const { stdout } = this.#process;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      if (stdout.closed) {
        throw new Error(`${this.#name} did not print ${String(pattern)}: ${this.#output}${this.#errors}`);
      }
      await Promise.race([once(stdout, 'data'), this.#closed]);
    }
  }

  /** The address that a server prints when it listens. */
  async address(): Promise<string> {
    return (await this.printed(/^listening on (\S+)\n/m))[1] ?? '';
  }

  /** Waits until it ends by itself, with the status 0 and without a word to stderr; gives what it printed. */
  async end(): Promise<string> {
    await this.#closed;
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== 0 || this.#errors !== '') {
      throw new Error(`${this.#name} has ended with ${String(exitCode ?? signalCode)}: ${this.#output}${this.#errors}`);
    }
    return this.#output;
  }

  /** Interrupts it, as Ctrl+C does; gives what it printed after its address. */
  async stop(): Promise<string> {
    this.#process.kill('SIGINT');
    return (await this.end()).replace(/^listening on .*\n/m, '');
  }

  /** Ends it in any case. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#closed;
  }
}
