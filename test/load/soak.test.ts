/** A short soak, as a program: 200 connections for a few seconds. `npm run soak` is the long one. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { leftovers } from './leftovers.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

describe('the soak', () => {
  beforeAll(() => {
    // npm test builds first; this is for a test file that is run by itself in a fresh clone.
    if (!existsSync(`${root}dist/index.js`)) execFileSync('npm', ['run', 'build'], { cwd: root });
  });

  it('leaves nothing after 200 connections that were closed and reset at random', { timeout: 60_000 }, async () => {
    const options = ['--connections', '200', '--minutes', '0.05', '--endings', '300'];
    const { stdout } = await run(process.execPath, ['test/load/soak.js', ...options], { cwd: root, timeout: 50_000 });
    expect(stdout).toContain('nothing was left');
    for (const way of ['closed by the client', 'reset by the server', 'destroyed by the client', 'messages echoed']) {
      expect(stdout).toMatch(new RegExp(`^${way} +[1-9]`, 'm'));
    }
  });

  it('says what to do when the limit of open files is too low', async () => {
    const program = `ulimit -n 256 && "${process.execPath}" test/load/soak.js --connections 200`;
    const ended = run('sh', ['-c', program], { cwd: root });
    await expect(ended).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('"ulimit -n 300"') as string });
  });

  it('notices whatever is left', () => {
    const start = { heap: 10_000_000, resident: 0, resources: { PipeWrap: 1 }, timers: 0, listeners: 2 };
    expect(leftovers('server', start, start)).toEqual([]);
    expect(leftovers('server', start, { ...start, heap: 10_400_000, resident: 1_000_000 })).toEqual([]);
    const end = { heap: 11_100_000, resident: 0, resources: { PipeWrap: 1, TCPSocketWrap: 2 }, timers: 1, listeners: 3 };
    expect(leftovers('server', start, end)).toEqual([
      'server: 2 TCPSocketWrap more than at the start',
      'server: 1 timers more than at the start',
      'server: 1 listeners of the process more than at the start',
      'server: the heap has grown by 1100000 bytes, from 10000000',
    ]);
  });
});
