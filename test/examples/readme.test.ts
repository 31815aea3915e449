/** The list of the examples: it has all of them, and its commands are those of programs that are there. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { repository } from './program.js';

const readme = readFileSync(`${repository}examples/README.md`, 'utf8');

it('lists every example, and nothing else', async () => {
  const listed = [...readme.matchAll(/^\| \[([\w-]+)\]\(([\w/.-]+)\)/gm)];
  const present = (await readdir(`${repository}examples`)).filter((name) => !/^(README\.md|tsconfig\.json)$/.test(name));
  expect(listed.map(([, name]) => name).sort()).toEqual(present.map((name) => name.replace(/\.mjs$/, '')).sort());
  for (const [, , link = ''] of listed) expect(existsSync(`${repository}examples/${link}`)).toBe(true);
});

it('names the programs with which each one is started, as each one itself does', () => {
  const commands = [...readme.matchAll(/node (examples\/[\w/.-]+\.mjs)/g)].map(([, path = '']) => path);
  expect(commands.length).toBeGreaterThan(9);
  for (const path of commands) {
    const program = readFileSync(`${repository}${path}`, 'utf8');
    expect(program).toMatch(new RegExp(`^// @ts-check\\n/\\*\\*\\n[^]*node ${path.replaceAll('.', '\\.')}`));
  }
});
