/** A command in this process, with streams in the place of a terminal. */
import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import { run } from '../../src/cli/run.js';

export class Program extends EventEmitter {
  readonly stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  readonly stdout: PassThrough & { isTTY?: boolean } = new PassThrough();
  readonly stderr: PassThrough & { isTTY?: boolean } = new PassThrough();
  readonly env: Record<string, string | undefined>;
  /** The status that it ended with. */
  readonly status: Promise<number>;
  #out = '';
  #err = '';

  constructor(
    args: readonly string[],
    { isTTY = false, env = {} }: { isTTY?: boolean; env?: Record<string, string> } = {},
  ) {
    super();
    this.env = env;
    if (isTTY) for (const stream of [this.stdin, this.stdout, this.stderr]) stream.isTTY = true;
    this.stdout.on('data', (chunk: Buffer) => { this.#out += chunk.toString(); this.emit('output'); });
    this.stderr.on('data', (chunk: Buffer) => { this.#err += chunk.toString(); this.emit('output'); });
    this.status = run(args, this);
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** Waits until its output has this in it. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#out) ?? pattern.exec(this.#err);
      if (match !== null) return match;
      await once(this, 'output');
    }
  }

  interrupt(): void {
    this.emit('SIGINT');
  }

  /** Its status and all that it has written. */
  async end(): Promise<{ status: number; out: string; err: string }> {
    const status = await this.status;
    await new Promise(setImmediate);
    return { status, out: this.#out, err: this.#err };
  }
}
