// The guides: every program in them runs, every fragment is type-checked, and every command is accounted for. What a
// block has to look like stands in markdown.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { defaultConnectionOptions } from '../../src/options.js';
import { describeInChromium } from '../browser/chromium.js';
import { describeIfInstalled, isExecutable } from '../installed-program.js';
import { compilerOptions, moduleOf } from './fragments.js';
import { describeGuide, Guide } from './guide.js';
import { type Block, blocksOf, documents } from './markdown.js';
import { repository, run, tool } from './packed-project.js';
import { Program } from './program.js';

const blocks = documents().flatMap(blocksOf);

/** Every command of the documents, with where it is tested or why it is not. */
const commands = new Map([
  ['npm install watershed', 'package.test.ts installs the tarball'],
  ['npm init -y', 'npm’s own'],
  ['npm ci && npm start', 'test/browser/demo-server.test.ts starts the demo'],
  ['npm test', 'it runs this'],
  ['npm run bench', 'test/bench has its scenarios; all of it takes too long'],
  ['npm run bench -- --quick', 'see npm run bench'],
  ['npm run bench -- --scenario echo-32', 'see npm run bench'],
  ['npx watershed connect ws://localhost:8080', 'test/cli/connect.test.ts'],
  ['npx watershed listen 8080', 'test/cli/listen.test.ts'],
  ['npx watershed bench ws://localhost:8080', 'test/cli/bench.test.ts'],
  ["watershed listen --exec 'sed -u s/cat/dog/' 8080", 'test/cli/listen.test.ts, with other programs'],
  ['watershed listen --exec date 8080', 'test/cli/listen.test.ts, with other programs'],
  ['npx esbuild browser.mjs --bundle --format=esm --outfile=bundle.js', 'below, by its API with the same options'],
]);

describeGuide('docs/getting-started.md', [], (guide) => {
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
    expect(await response.text()).toBe(guide.take('page.html'));
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
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    guide.put('echo.mjs', ts.transpile(guide.take('echo.mts'), options));
    const server = new Program(guide.folder, 'echo.mjs', [], {});
    onTestFinished(() => server.kill());
    const client = guide.start('client.mjs', [await server.address()]);
    await client.printed(/connected\n/);
    client.type('hello');
    await client.printed(/HELLO\n/);
    client.type('/quit');
    await client.end();
    await server.stop();
  });

  it('has a configuration of Jest, which package.test.ts uses', () => {
    guide.take('jest.config.cjs');
  });
});

describeGuide('docs/isomorphic.md', [], (guide) => {
  it('has a module that enters a room in Node.js', async () => {
    guide.take('rooms.mjs');
    expect(await guide.talk('server.mjs', 'node.mjs')).toEqual({ client: 'hello from Node.js\n', server: '' });
  });

  it('has the same module for a page, bundled', async () => {
    guide.take('browser.mjs');
    guide.take('page.html');
    const options = { bundle: true, format: 'esm', outfile: 'bundle.js' } as const;
    const { errors, warnings } = await build({ ...options, entryPoints: ['browser.mjs'], absWorkingDir: guide.folder });
    expect([...errors, ...warnings]).toEqual([]);
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

describeGuide('docs/servers.md', ['express', 'fastify', 'restify'], (guide) => {
  const servers = [
    { name: 'http', path: '/echo', status: 426, text: 'This address speaks WebSocket.\n' },
    { name: 'express', path: '/', status: 200, text: 'hello from Express' },
    { name: 'fastify', path: '/', status: 200, text: 'hello from Fastify' },
    { name: 'restify', path: '/echo', status: 426, text: '"This address speaks WebSocket."' },
  ];
  it.each(servers)('has a server of $name, for ordinary requests too', async ({ name, path, status, text }) => {
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

describeGuide('docs/heartbeats.md', [], (guide) => {
  it('has a server that gives up the client that does not answer', async () => {
    const { client, server } = await guide.talk('server.mjs', 'clients.mjs');
    expect(client).toBe('dead: 1006 false\nliving: 1000 true\n');
    // How often the living one has answered depends on the machine.
    const answered = '(living answered\n)';
    const end = 'dead is gone\ndead ended: null\n';
    expect(server).toMatch(new RegExp(`^${answered}+${end}${answered}*living ended: NORMAL\n$`));
  });
});

describeGuide('docs/backpressure.md', [], (guide) => {
  it('has a server that never keeps more than the high-water mark for a slow client', async () => {
    guide.take('send.mjs');
    const { client, server } = await guide.talk('server.mjs', 'client.mjs');
    expect(client).toBe('67108864 bytes in 4096 messages\n');
    const [, most] = /^at most (\d+) bytes waited\n$/.exec(server) ?? [];
    expect(Number(most)).toBeLessThanOrEqual(defaultConnectionOptions.highWaterMark);
  });

  it('has an upload that arrives as it was', async () => {
    const file = Buffer.alloc(3_000_001, 'waterfall');
    guide.put('file', file);
    const server = guide.start('upload-server.mjs');
    expect(await guide.run('upload.mjs', [await server.address(), 'file'])).toBe('received 3000001 bytes\n');
    await server.stop();
    expect(file.equals(guide.read('upload-1'))).toBe(true);
  });
});

const openssl = ['/usr/bin/openssl', '/usr/local/bin/openssl', '/opt/homebrew/bin/openssl'].find(isExecutable);

describeGuide('docs/tls.md', [], (guide) => {
  describeIfInstalled('with certificates of its own', openssl, 'No OpenSSL was found', () => {
    beforeAll(async () => {
      guide.take('certificates.sh');
      await run('bash', ['certificates.sh'], guide.folder);
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

describe('every document', { timeout: 60_000 }, () => {
  it('has no file that no test names', () => {
    const folder = join(repository, 'test');
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const tests = names
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => readFileSync(join(folder, name), 'utf8'));
    const isTested = ({ document, file }: Block): boolean =>
      tests.some(
        (text) =>
          // Which takes every file.
          text.includes(`describeGuide('${document}'`) ||
          (text.includes(basename(document)) && text.includes(`'${String(file)}'`)),
      );
    const untested = blocks.filter((block) => block.file !== undefined && !isTested(block));
    expect(untested.map(({ document, file }) => `${document}: ${String(file)}`)).toEqual([]);
  });

  it('has fragments and TypeScript that compile', async () => {
    // Any guide's folder will do: the package is installed in it.
    const place = new Guide('README.md', [], repository);
    for (const { file, text } of blocks.flatMap((block) => moduleOf(block) ?? [])) place.put(`fragments/${file}`, text);
    const options = { ...compilerOptions, typeRoots: [tool('@types')] };
    place.put('fragments/tsconfig.json', JSON.stringify({ compilerOptions: options }));
    try {
      await run('node', [tool('typescript/bin/tsc'), '-p', 'fragments'], place.folder);
    } finally {
      await place.remove();
    }
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

it('docs/options.md has every option of a connection, with its default', () => {
  const text = readFileSync(join(repository, 'docs/options.md'), 'utf8');
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
