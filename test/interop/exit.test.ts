import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

it('a program that has closed its servers and connections ends by itself', async () => {
  // npm test builds first; this is for a test file that is run by itself in a fresh clone.
  if (!existsSync(`${root}dist/index.js`)) execFileSync('npm', ['run', 'build'], { cwd: root });
  // A program that is still there after the time is killed, and that is an error.
  const { stdout } = await promisify(execFile)(process.execPath, ['test/interop/server-and-client.js'], {
    cwd: root,
    timeout: 15_000,
  });
  expect(stdout.trimEnd().split('\n')).toEqual([
    'to our server',
    '{ clean: 1, destroyed: 0 }',
    'to the ws server',
    "[ 'NORMAL', 'bye' ]",
  ]);
});
