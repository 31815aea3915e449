// A temporary project with the packed tarball installed in it, as npm installs it for a user. The tarball is packed from
// a copy of what a clone holds, without dist/, so that packing has to build it.
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The root of the repository. */
export const repository = fileURLToPath(new URL('../..', import.meta.url));

const sources = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'bundle.js',
  'src',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
];

/** A development tool's script, to be run with node. */
export const tool = (path: string) => join(repository, 'node_modules', path);

/** Runs a program to its end and gives what it printed; a status other than 0 throws, with both outputs in the message. */
export async function run(file: string, args: string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(file, args, { cwd, timeout: 60_000 });
    return stdout;
  } catch (error) {
    const { message, stdout } = error as Error & { stdout?: string };
    throw new Error(`${message}\n${stdout ?? ''}`, { cause: error });
  }
}

export class PackedProject {
  readonly #folder: string;
  readonly tarball: string;
  /** The project's folder. */
  readonly root: string;
  /** Where npm puts the package. */
  readonly installed: string;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'watershed-package-'));
    this.tarball = join(this.#folder, 'watershed.tgz');
    this.root = join(this.#folder, 'project');
    this.installed = join(this.root, 'node_modules', 'watershed');
  }

  /** Packs the package and installs it. */
  async install(): Promise<void> {
    const clone = join(this.#folder, 'clone');
    for (const source of sources) await cp(join(repository, source), join(clone, source), { recursive: true });
    await symlink(join(repository, 'node_modules'), join(clone, 'node_modules'));
    await run('npm', ['pack'], clone);
    const tarballs = (await readdir(clone)).filter((name) => name.endsWith('.tgz'));
    await rename(join(clone, tarballs.join()), this.tarball);

    await this.write('package.json', JSON.stringify({ name: 'project', private: true }));
    await run('npm', ['install', this.tarball, '--offline', '--no-audit', '--no-fund'], this.root);
  }

  /** Writes a file of the project, with the folders that it needs. */
  async write(path: string, text: string): Promise<void> {
    const file = join(this.root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
