/** The fuzzer's corpus, and what it has found, again: none of it does harm. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

interface Seed {
  readonly name: string;
  readonly target: string;
  readonly bytes: Buffer;
  readonly lengths: readonly number[];
}

const root = fileURLToPath(new URL('../../', import.meta.url));

// Plain JavaScript over dist/, as the fuzzer runs it.
const { corpora, seeds } = (await import(new URL('corpus.js', import.meta.url).href)) as {
  corpora: Record<string, readonly Buffer[]>;
  seeds: () => Seed[];
};
let execute: (target: string, input: Buffer, lengths: readonly number[]) => Promise<string[]>;

beforeAll(async () => {
  if (!existsSync(`${root}dist/index.js`)) execFileSync('npm', ['run', 'build'], { cwd: root });
  ({ execute } = (await import(new URL('targets.js', import.meta.url).href)) as { execute: typeof execute });
});

function fuzz(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [`${root}test/fuzz/run.js`, ...args], { encoding: 'utf8', timeout: 50_000 });
}

describe.each(Object.keys(corpora))('the corpus of %s', (target) => {
  it('does the same in whatever chunks it comes', async () => {
    for (const input of corpora[target] ?? []) {
      const half = Math.ceil(input.length / 2);
      for (const lengths of [[half, half], [1, 1, 1, 1, 1, 1, 1, 1], [2, 4, 8, 16, 32]]) {
        expect(await execute(target, input, lengths)).not.toEqual([]);
      }
    }
  });
});

describe('what was found', () => {
  it('does no harm any more', async () => {
    for (const { name, target, bytes, lengths } of seeds()) {
      expect(await execute(target, bytes, lengths), name).not.toEqual([]);
    }
  });
});

describe('the fuzzer', { timeout: 60_000 }, () => {
  it('runs for as long as it is told, and says how often', () => {
    const { status, stdout } = fuzz('--minutes', '0.03', '--seed', '1', '--target', 'server,websocket');
    expect(stdout).toMatch(/^server: [1-9]\d* executions/m);
    expect(stdout).toMatch(/^websocket: [1-9]\d* executions/m);
    expect(stdout).toMatch(/nothing was found\n$/);
    expect(status).toBe(0);
  });

  it('says how it is used', () => {
    const { status, stderr } = fuzz('--target', 'all');
    expect(status).toBe(2);
    expect(stderr).toContain('--target server,client,tcp,accept,connect,websocket');
  });
});
