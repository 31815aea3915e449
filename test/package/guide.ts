// One document under test: its files, in a folder where the package is installed, and its programs.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { blocksOf } from './markdown.js';
import { repository } from './packed-project.js';
import { Program } from './program.js';

type Environment = Readonly<Record<string, string>>;

/**
 * The tests of one document: they have to take each of its files.
 * @param packages Other packages that its programs import.
 * @param installed Where the package is: the repository, with what was built last, unless another place is given.
 */
export function describeGuide(
  document: string,
  packages: readonly string[],
  tests: (guide: Guide) => void,
  installed: string = repository,
): void {
  describe(document, { timeout: 60_000 }, () => {
    const guide = new Guide(document, packages, installed);
    afterAll(() => guide.remove());
    tests(guide);
    it('has no file that these tests do not take', () => {
      expect(guide.filesNotTaken).toEqual([]);
    });
  });
}

export class Guide {
  /** Where its files are. */
  readonly folder = mkdtempSync(join(tmpdir(), 'watershed-guide-'));
  readonly #document: string;
  readonly #texts = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #programs: Program[] = [];

  constructor(document: string, packages: readonly string[], installed: string) {
    this.#document = document;
    for (const { file, text } of blocksOf(document)) {
      if (file === undefined) continue;
      if (this.#texts.has(file)) throw new Error(`${document} has two files ${file}`);
      this.#texts.set(file, text);
      this.put(file, text);
    }
    mkdirSync(join(this.folder, 'node_modules'));
    symlinkSync(installed, join(this.folder, 'node_modules', 'watershed'));
    for (const name of packages) {
      symlinkSync(join(repository, 'node_modules', name), join(this.folder, 'node_modules', name));
    }
  }

  /** Writes a file that the document does not have. */
  put(file: string, text: string | Buffer): void {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Says that a file of the document is tested, and gives its text. */
  take(file: string): string {
    const text = this.#texts.get(file);
    if (text === undefined) throw new Error(`${this.#document} has no file ${file}`);
    this.#taken.add(file);
    return text;
  }

  /** A file that a program has written. */
  read(file: string): Buffer {
    return readFileSync(join(this.folder, file));
  }

  /** Starts a program of the document, on a free port where it listens. */
  start(file: string, args: readonly string[] = [], environment: Environment = {}): Program {
    this.take(file);
    const program = new Program(this.folder, file, args, environment);
    this.#programs.push(program);
    return program;
  }

  /** Runs a program of the document to its end, and gives what it printed. */
  async run(file: string, args: readonly string[] = [], environment: Environment = {}): Promise<string> {
    return await this.start(file, args, environment).end();
  }

  /** A server, and a client that is given its address: what each printed. */
  async talk(server: string, client: string): Promise<{ client: string; server: string }> {
    const running = this.start(server);
    const clientOutput = await this.run(client, [await running.address()]);
    return { client: clientOutput, server: await running.stop() };
  }

  get filesNotTaken(): string[] {
    return [...this.#texts.keys()].filter((file) => !this.#taken.has(file));
  }

  /** Ends what still runs, and takes the folder away. */
  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
