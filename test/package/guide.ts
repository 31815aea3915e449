// One document under test: its files, written where the packed package is installed, and its programs.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blocksOf, type Block } from './markdown.js';
import { type PackedProject, repository } from './packed-project.js';
import { Program } from './program.js';

export class Guide {
  /** Where its files are. */
  readonly folder: string;
  readonly #document: string;
  #files = new Map<string, Block>();
  readonly #taken = new Set<string>();
  readonly #programs: Program[] = [];

  constructor(project: PackedProject, document: string) {
    this.#document = document;
    this.folder = join(project.root, document.replace(/\W+/g, '-'));
  }

  /** Writes every file of the document into the folder. */
  async write(): Promise<void> {
    for (const block of await blocksOf(repository, this.#document)) {
      if (block.file === undefined) continue;
      if (this.#files.has(block.file)) throw new Error(`${this.#document} has two files ${block.file}`);
      this.#files.set(block.file, block);
      await this.put(block.file, block.text);
    }
  }

  /** Writes a file that the document does not have. */
  async put(file: string, text: string | Buffer): Promise<void> {
    const path = join(this.folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** Says that a file of the document is used, and gives its path. */
  take(file: string): string {
    if (!this.#files.has(file)) throw new Error(`${this.#document} has no file ${file}`);
    this.#taken.add(file);
    return join(this.folder, file);
  }

  /** Starts a program of the document. It is ended with the test, if not before. */
  start(file: string, args: readonly string[] = [], environment: Record<string, string> = {}): Program {
    this.take(file);
    return this.startOther(file, args, environment);
  }

  /** Starts a program that was put there. */
  startOther(file: string, args: readonly string[] = [], environment: Record<string, string> = {}): Program {
    const program = new Program(this.folder, file, args, environment);
    this.#programs.push(program);
    return program;
  }

  /** Runs a program of the document to its end, and gives what it printed. */
  async run(file: string, args: readonly string[] = [], environment: Record<string, string> = {}): Promise<string> {
    return await this.start(file, args, environment).end();
  }

  /** A server, and a client that is given its address: what the client prints, and what the server prints after it. */
  async talk(server: string, client: string): Promise<{ client: string; server: string }> {
    const running = this.start(server);
    const clientOutput = await this.run(client, [await running.address()]);
    const [, serverOutput = ''] = /^.*\n([^]*)$/.exec(await running.stop()) ?? [];
    return { client: clientOutput, server: serverOutput };
  }

  killAll(): void {
    for (const program of this.#programs.splice(0)) program.kill();
  }

  get filesNotTaken(): string[] {
    return [...this.#files.keys()].filter((file) => !this.#taken.has(file));
  }
}
