// The README and the guides: every program in them runs where the packed package is installed, every fragment is
// type-checked, and every command is accounted for. What a block has to look like stands in markdown.ts.
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defaultConnectionOptions } from '../../src/options.js';
import { describeInChromium } from '../browser/chromium.js';
import { describeIfInstalled, isExecutable } from '../installed-program.js';
import { compilerOptions, moduleOf } from './fragments.js';
import { Guide } from './guide.js';
import { importingTest, requiringTest } from './jest-test.js';
import { blocksOf, documentsOf } from './markdown.js';
import { PackedProject, repository, run, tool } from './packed-project.js';

const timeout = 60_000;
const project = new PackedProject();
const documents = await documentsOf(repository);
const blocks = (await Promise.all(documents.map((document) => blocksOf(repository, document)))).flat();

/** What programs of the guides import, or need to be tested. */
const packages = ['@babel', 'express', 'fastify', 'restify'];

/** Every command of the documents, with where it is tested or why it is not. */
const commands = new Map([
  ['npm install watershed', 'package.test.ts installs the tarball'],
  ['npm init -y', 'npm’s own'],
  ['npm ci && npm start', 'test/browser/demo-server.test.ts starts the demo'],
  ['npm test', 'it runs this'],
  ['npm run bench', 'test/bench has its scenarios; all of it takes too long'],
  ['npm run bench -- --quick', 'see npm run bench'],
  ['npm run bench -- --scenario echo-32', 'see npm run bench'],
  ['npx esbuild browser.mjs --bundle --format=esm --outfile=bundle.js', 'below, by its API with the same options'],
]);

beforeAll(async () => {
  await project.install();
  for (const name of packages) await symlink(tool(name), join(project.root, 'node_modules', name));
}, 2 * timeout);

afterAll(async () => {
  await project.remove();
});

const described = new Set<string>();

/** The tests of one document: they have to take each of its files. */
function describeGuide(document: string, tests: (guide: Guide) => void): void {
  described.add(document);
  describe(document, { timeout }, () => {
    const guide = new Guide(project, document);
    beforeAll(() => guide.write());
    afterEach(() => {
      guide.killAll();
    });
    tests(guide);
    it('has no file that these tests do not take', () => {
      expect(guide.filesNotTaken).toEqual([]);
    });
  });
}

describeGuide('README.md', (guide) => {
  it('has a server and a client with the standard face', async () => {
    expect(await guide.talk('standard-server.mjs', 'standard-client.mjs')).toEqual({
      client: 'hello\nclosed: 1000 that was all\n',
      server: '1000 that was all true\n',
    });
  });

  it('has a server and a client with the classic face', async () => {
    expect(await guide.talk('server.mjs', 'client.mjs')).toEqual({
      client: 'You said: hello\nclosed: NORMAL\n',
      server: '',
    });
  });
});

describeGuide('docs/getting-started.md', (guide) => {
  it('has a client that hears itself by way of the server', async () => {
    const server = guide.start('server.mjs');
    const client = guide.start('client.mjs', [await server.address()]);
    await client.printed(/connected\n/);
    client.type('hello from Node.js');
    await client.printed(/hello/);
    client.type('/quit');
    expect(await client.end()).toBe('connected\nhello from Node.js\nclosed: 1000 bye\n');
    await server.stop();
  });

  it('has a page, which the server gives', async () => {
    const server = guide.start('server.mjs');
    const response = await fetch(await server.address());
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(await response.text()).toBe(await readFile(guide.take('page.html'), 'utf8'));
    await server.stop();
  });

  describeInChromium('its page', (browser) => {
    it('talks to a client in Node.js, and hears the end', async () => {
      const server = guide.start('server.mjs');
      const page = await browser().newPage();
      await page.goto(await server.address());
      await page.locator('li', { hasText: 'connected' }).waitFor();
      const client = guide.start('client.mjs', [await server.address()]);
      await client.printed(/connected\n/);
      client.type('hello from Node.js');
      await page.locator('li', { hasText: 'hello from Node.js' }).waitFor();
      await page.locator('input').fill('hello from the page');
      await page.locator('button').click();
      await client.printed(/hello from the page\n/);
      await server.stop();
      await page.locator('li', { hasText: 'closed: 1001' }).waitFor();
      expect(await client.end()).toMatch(/\nclosed: 1001 \n$/);
      await page.close();
    });
  });

  it('has a server in TypeScript', async () => {
    const text = await readFile(guide.take('echo.mts'), 'utf8');
    await guide.put('echo.mjs', ts.transpile(text, { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }));
    const server = guide.startOther('echo.mjs');
    const client = guide.start('client.mjs', [await server.address()]);
    await client.printed(/connected\n/);
    client.type('hello');
    await client.printed(/HELLO\n/);
    client.type('/quit');
    await client.end();
    await server.stop();
  });

  it('has a recipe with which Jest runs tests that require the package and tests that import it', async () => {
    await guide.put('jest/package.json', '{}');
    await guide.put('jest/jest.config.cjs', await readFile(guide.take('jest.config.cjs'), 'utf8'));
    await guide.put('jest/require.test.js', requiringTest);
    await guide.put('jest/import.test.js', importingTest);
    await run('node', [tool('jest/bin/jest.js')], join(guide.folder, 'jest'));
  });

  it('names the option with which Jest runs tests that are ES modules', async () => {
    const text = await readFile(join(repository, 'docs/getting-started.md'), 'utf8');
    const [, option = ''] = /NODE_OPTIONS=(\S+) npx jest/.exec(text) ?? [];
    await guide.put('jest-modules/package.json', JSON.stringify({ type: 'module' }));
    await guide.put('jest-modules/import.test.js', importingTest);
    await run('node', [option, tool('jest/bin/jest.js')], join(guide.folder, 'jest-modules'));
  });
});

describeGuide('docs/isomorphic.md', (guide) => {
  it('has a module that enters a room in Node.js', async () => {
    guide.take('rooms.mjs');
    expect(await guide.talk('server.mjs', 'node.mjs')).toEqual({ client: 'hello from Node.js\n', server: '' });
  });

  it('has the same module for a page, bundled', async () => {
    const options = { bundle: true, format: 'esm', outfile: join(guide.folder, 'bundle.js') } as const;
    const { errors, warnings } = await build({ ...options, entryPoints: [guide.take('browser.mjs')] });
    expect([...errors, ...warnings]).toEqual([]);
    guide.take('page.html');
  });

  describeInChromium('its page', (browser) => {
    it.each(['/browser.mjs', '/bundle.js'])('enters the room with %s', async (script) => {
      const server = guide.start('server.mjs');
      const page = await browser().newPage();
      await page.route('/', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: (await response.text()).replace('/browser.mjs', script) });
      });
      await page.goto(await server.address());
      await page.locator('#said', { hasText: 'hello from a browser' }).waitFor();
      await page.close();
      await server.stop();
    });
  });
});

describeGuide('docs/servers.md', (guide) => {
  const servers = [
    { name: 'http', path: '/echo', status: 426, text: 'This address speaks WebSocket.\n' },
    { name: 'express', path: '/', status: 200, text: 'hello from Express' },
    { name: 'fastify', path: '/', status: 200, text: 'hello from Fastify' },
    { name: 'restify', path: '/echo', status: 426, text: '"This address speaks WebSocket."' },
  ];
  it.each(servers)('has a server of $name, for WebSockets and ordinary requests', async ({ name, path, status, text }) => {
    guide.take('echo.mjs');
    const server = guide.start(`${name}.mjs`);
    const address = await server.address();
    const response = await fetch(new URL(path, address.replace('ws:', 'http:')));
    expect([response.status, await response.text()]).toEqual([status, text]);
    expect(await guide.run('client.mjs', [address])).toBe('/echo hello\n');
    await server.stop();
  });

  it('has a client that says why it was refused', async () => {
    const server = guide.start('http.mjs');
    const elsewhere = new URL('/elsewhere', await server.address()).href;
    expect(await guide.run('client.mjs', [elsewhere])).toMatch(/404/);
    await server.stop();
  });
});

describeGuide('docs/heartbeats.md', (guide) => {
  it('has a server that gives up the client that does not answer', async () => {
    const { client, server } = await guide.talk('server.mjs', 'clients.mjs');
    expect(client).toBe('dead: 1006 false\nliving: 1000 true\n');
    // How often the living one has answered depends on the machine.
    const answered = '(living answered\n)';
    const end = 'dead is gone\ndead ended: null\n';
    expect(server).toMatch(new RegExp(`^${answered}+${end}${answered}*living ended: NORMAL\n$`));
  });
});

describeGuide('docs/backpressure.md', (guide) => {
  it('has a server that never keeps more than the high-water mark for a slow client', async () => {
    guide.take('send.mjs');
    const { client, server } = await guide.talk('server.mjs', 'client.mjs');
    expect(client).toBe('67108864 bytes in 4096 messages\n');
    const [, most] = /^at most (\d+) bytes waited\n$/.exec(server) ?? [];
    expect(Number(most)).toBeLessThanOrEqual(defaultConnectionOptions.highWaterMark);
  });

  it('has an upload that arrives as it was', async () => {
    const file = Buffer.alloc(3_000_001, 'waterfall');
    await guide.put('file', file);
    const server = guide.start('upload-server.mjs');
    expect(await guide.run('upload.mjs', [await server.address(), 'file'])).toBe('received 3000001 bytes\n');
    await server.stop();
    expect(file.equals(await readFile(join(guide.folder, 'upload-1')))).toBe(true);
  });
});

const openssl = ['/usr/bin/openssl', '/usr/local/bin/openssl', '/opt/homebrew/bin/openssl'].find(isExecutable);

describeGuide('docs/tls.md', (guide) => {
  describeIfInstalled('with certificates of its own', openssl, 'No OpenSSL was found', () => {
    beforeAll(async () => {
      await run('bash', [guide.take('certificates.sh')], guide.folder);
    });

    it('has a server that knows its client', async () => {
      expect(await guide.talk('server.mjs', 'client.mjs')).toEqual({ client: 'robot 7 says hello\n', server: '' });
    });

    it('has a server that refuses a client without a certificate', async () => {
      expect((await guide.talk('server.mjs', 'classic-client.mjs')).client).toBe(
        '403\nno certificate of ours: UNABLE_TO_GET_ISSUER_CERT\n',
      );
    });
  });
});

describe('every document', { timeout }, () => {
  it('has tests, if it has files', () => {
    const withFiles = new Set(blocks.flatMap(({ document, file }) => (file === undefined ? [] : [document])));
    expect([...withFiles].filter((document) => !described.has(document))).toEqual([]);
  });

  it('has fragments and TypeScript that compile', async () => {
    const modules = blocks.flatMap((block) => moduleOf(block) ?? []);
    for (const { file, text } of modules) await project.write(`fragments/${file}`, text);
    const options = { ...compilerOptions, typeRoots: [tool('@types')] };
    await project.write('fragments/tsconfig.json', JSON.stringify({ compilerOptions: options }));
    await run('node', [tool('typescript/bin/tsc'), '-p', 'fragments'], project.root);
  });

  it('has no command that is not accounted for', () => {
    const lines = blocks
      .filter(({ language, file }) => file === undefined && /^(sh|bash|shell|console)$/.test(language))
      .flatMap(({ text }) => text.replaceAll(/ *\\\n */g, ' ').split('\n'))
      .map((line) => line.replace(/ +#.*$/, '').trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect([...new Set(lines)].filter((line) => !commands.has(line))).toEqual([]);
    expect([...commands.keys()].filter((command) => !lines.includes(command))).toEqual([]);
  });

  it('has no other block that nobody runs', () => {
    const others = blocks.filter((block) => block.file === undefined && moduleOf(block) === undefined);
    const languages = /^(|text|sh|bash|shell|console)$/;
    const unknown = others.filter(({ language }) => !languages.test(language));
    expect(unknown.map(({ document, line, language }) => `${document}:${String(line)}: ${language}`)).toEqual([]);
  });
});

it('docs/options.md has every option of a connection, with its default', async () => {
  const text = await readFile(join(repository, 'docs/options.md'), 'utf8');
  const rows = text.matchAll(/^\| `(\w+)` \| ([^|]*) \|/gm);
  const shown = new Map([...rows].map(([, name = '', value = '']) => [name, value]));
  const values = defaultConnectionOptions;
  const defaults: Record<keyof typeof values, string> = {
    maxPayload: `${String(values.maxPayload / 1024 ** 2)} MiB`,
    maxFragments: values.maxFragments.toLocaleString('en'),
    highWaterMark: `${String(values.highWaterMark / 1024)} KiB`,
    maxBufferedAmount: `\`${String(values.maxBufferedAmount)}\``,
    closeTimeout: values.closeTimeout.toLocaleString('en'),
    heartbeat: 'off',
    autoPong: `\`${String(values.autoPong)}\``,
    perMessageDeflate: 'off; offered by `new WebSocket`',
  };
  expect(Object.fromEntries(Object.keys(defaults).map((name) => [name, shown.get(name)]))).toEqual(defaults);
});
