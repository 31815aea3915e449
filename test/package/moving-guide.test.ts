// docs/moving.md: its programs, before and after, taken out of the Markdown. They print the same.
import { inspect } from 'node:util';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Client } from './guide-client.js';
import { describeGuide } from './guide.js';

describeGuide('docs/moving.md', ['ws', 'undici'], (guide) => {
  it('has a program for 0.4 that runs unchanged', async () => {
    const output = await guide.start('classic.cjs').end();
    expect(output.replace(/^listening on .*\n/, '')).toBe('received text: Hi there!\nend: NORMAL that was all\n');
  });

  const heard = 'hello\n<Buffer 01 02 03>\nclosed: 1000 bye\n';

  it.each(['ws-server.mjs', 'server.mjs'])('has %s, and clients that print the same', async (name) => {
    const server = guide.start(name);
    const url = await server.address();
    const clients = ['ws-client.mjs', 'client.mjs'];
    const refused = clients.map((client) => guide.start(client, [url, '/elsewhere']).end());
    // One after the other: they would hear each other.
    for (const client of clients) expect(await guide.start(client, [url]).end()).toBe(heard);
    expect(await Promise.all(refused)).toEqual(clients.map(() => 'refused: 400\nclosed: 1006 \n'));
    const client = new Client(`${url}/chat`, ['chat']);
    await once(client.webSocket, 'open');
    expect(await server.stop()).toMatch(/^\/chat: bye\n\/chat: bye\n\/chat: \n$/);
    expect(await client.closed).toMatchObject({ code: 1001, wasClean: true });
  });

  it('has clients of undici, before and after, which print the same', async () => {
    const url = await guide.start('server.mjs').address();
    // Each version of Node has its own way to show it.
    const shown = inspect(new Uint8Array([1, 2, 3]).buffer);
    const printed = `speaks chat\n${shown}\n4000 bye true\n`;
    const clients = ['undici-client.mjs', 'standard-client.mjs'];
    const refused = clients.map((client) => guide.start(client, [url, '/elsewhere']).end());
    for (const client of clients) expect(await guide.start(client, [url]).end()).toBe(printed);
    for (const output of await Promise.all(refused)) expect(output).toMatch(/^error\n1006 .*false\n$/);
  });

  it('has two programs for undici that differ in the import alone', () => {
    const withoutImport = (name: string): string[] => guide.take(name).split('\n').slice(2);
    expect(withoutImport('undici-client.mjs')).toEqual(withoutImport('standard-client.mjs'));
  });
});
