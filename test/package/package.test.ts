// What npm publishes, used as its users use it: the tarball is packed, installed into a project of its own, and run,
// type-checked and tested there.
import { readFile, readdir, symlink } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeGuide } from './guide.js';
import { PackedProject, repository, run, tool } from './packed-project.js';

// Compilers and npm on a busy machine; the whole file takes some 20 seconds on a quiet one.
const timeout = 60_000;

const project = new PackedProject();

beforeAll(async () => {
  await project.install();
}, 2 * timeout);

afterAll(async () => {
  await project.remove();
});

/** A server and a client in one process, valid in JavaScript and in TypeScript: one message there and back. */
const echo = `
const watershed = new Watershed({ maxPayload: 1024 });
const server = http.createServer();
server.on('upgrade', (request, socket, head) => {
  const connection = watershed.accept(request, socket, head);
  connection.on('text', (text) => connection.send(text.toUpperCase()));
  connection.on('end', (code, reason) => console.log(code, reason));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP address');
  const key = Watershed.generateKey();
  const request = http.request({ port: address.port, headers: Watershed.requestHeaders(key) });
  request.on('upgrade', (response, socket, head) => {
    const connection = watershed.connect(response, socket, head, key);
    connection.on('text', (text) => {
      console.log(text);
      connection.end('enough');
    });
    connection.on('end', () => server.close());
    connection.send('hello');
  });
  request.end();
});
`;
const echoed = 'HELLO\nNORMAL enough\n';
const imports = `import * as http from 'node:http';\nimport { Watershed } from 'watershed';\n`;
const requires = `const http = require('node:http');\nconst { Watershed } = require('watershed');\n`;

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

describe('the tarball', { timeout }, () => {
  it('holds the built files, their sources and the texts for a user, and nothing else', async () => {
    const modules = (await filesIn(join(repository, 'src'))).map((file) => file.replace(/\.ts$/, ''));
    const built = [
      'dist/index.js',
      ...['library', 'browser', 'cli/main'].flatMap((name) => [`dist/${name}.js`, `dist/${name}.js.map`]),
      ...modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.d.ts.map`]),
    ];
    const sources = modules.map((name) => `src/${name}.ts`);
    const texts = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
    expect((await filesIn(project.installed)).sort()).toEqual([...built, ...sources, ...texts].sort());
  });

  it('needs no other package', async () => {
    expect((await readdir(join(project.root, 'node_modules'))).filter((name) => !name.startsWith('.'))).toEqual([
      'watershed',
    ]);
  });

  it('passes publint', async () => {
    const { messages } = await publint({ pkgDir: project.installed, pack: false, strict: true });
    expect(messages).toEqual([]);
  });

  it('resolves with its types everywhere, for CommonJS as the ES module that it is', async () => {
    // attw exits with 1 when there is any other finding.
    const attw = tool('@arethetypeswrong/cli/dist/index.js');
    await run('node', [attw, project.tarball, '--ignore-rules', 'cjs-resolves-to-esm'], project.root);
  });
});

describe('the installed package', () => {
  it('is imported by an ES module', async () => {
    await project.write('echo.mjs', imports + echo);
    expect(await run('node', ['echo.mjs'], project.root)).toBe(echoed);
  });

  it('is required by CommonJS', async () => {
    await project.write('echo.cjs', requires + echo);
    expect(await run('node', ['echo.cjs'], project.root)).toBe(echoed);
  });

  it('has the command watershed', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as { version: string };
    expect(await run('npx', ['--offline', 'watershed', '--version'], project.root)).toBe(`${version}\n`);
  });

  it('shows its package.json', async () => {
    await project.write('version.cjs', "console.log(require('watershed/package.json').name);");
    expect(await run('node', ['version.cjs'], project.root)).toBe('watershed\n');
  });
});

describe('in TypeScript', { timeout }, () => {
  const wrong = `
// @ts-expect-error: were the types lost, anything would pass
void (() => watershed.accept(1));
`;

  it.each([
    // The first checks the whole of our declarations too; once is enough, because it takes seconds.
    ['nodenext', ['mts', 'cts'], { module: 'nodenext', skipLibCheck: false }],
    ['preserve', ['mts'], { module: 'preserve' }],
    ['commonjs', ['cts'], { module: 'commonjs' }],
    [
      'commonjs, with the resolution of old,',
      ['cts'],
      { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' },
    ],
  ])('a program with module %s compiles and runs', async (name, extensions, options) => {
    const folder = `typescript/${name.replaceAll(/\W+/g, '-')}`;
    const compilerOptions = {
      strict: true,
      target: 'es2022',
      lib: ['es2022'],
      types: ['node'],
      typeRoots: [tool('@types')],
      skipLibCheck: true,
      ...options,
    };
    const files = extensions.map((extension) => `echo.${extension}`);
    await project.write(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files }));
    for (const file of files) await project.write(`${folder}/${file}`, imports + echo + wrong);
    await run('node', [tool('typescript/bin/tsc'), '-p', folder], project.root);
    for (const file of files) {
      expect(await run('node', [`${folder}/${file.replace('ts', 'js')}`], project.root)).toBe(echoed);
    }
  });
});

describeGuide('README.md', [], (guide) => {
  it.each([
    ['server.mjs', 'client.mjs', { client: 'You said: hello\nclosed: NORMAL\n', server: '' }],
    [
      'standard-server.mjs',
      'standard-client.mjs',
      { client: 'hello\nclosed: 1000 that was all\n', server: '1000 that was all true\n' },
    ],
  ])('has %s and %s, which talk to each other and end by themselves', async (server, client, output) => {
    expect(await guide.talk(server, client)).toEqual(output);
  });
}, project.installed);

describe('the guide', { timeout }, () => {
  const guide = join(repository, 'docs/getting-started.md');
  const jestTest = `
test('a message goes there and back', async () => {
  const server = http.createServer();
  server.on('upgrade', (request, socket, head) => {
    const connection = new Watershed().accept(request, socket, head);
    connection.on('binary', (bytes) => connection.send(bytes));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  const key = Watershed.generateKey();
  const request = http.request({ port: server.address().port, headers: Watershed.requestHeaders(key) });
  request.end();
  const answer = await new Promise((resolve) => {
    request.on('upgrade', (response, socket, head) => {
      const connection = new Watershed().connect(response, socket, head, key);
      connection.send(new Uint8Array([1, 2, 3]));
      connection.on('binary', (bytes) => {
        connection.on('end', () => server.close(() => resolve(bytes)));
        connection.end();
      });
    });
  });
  expect([...answer]).toEqual([1, 2, 3]);
});
`;

  it('has a recipe with which Jest runs tests that require the package and tests that import it', async () => {
    const [, recipe = ''] = /^```js\n(\/\/ jest\.config\.cjs\n[^]*?)^```$/m.exec(await readFile(guide, 'utf8')) ?? [];
    await project.write('jest/package.json', '{}');
    await project.write('jest/jest.config.cjs', recipe);
    await project.write('jest/require.test.js', requires + jestTest);
    await project.write('jest/import.test.js', imports + jestTest);
    await symlink(tool('@babel'), join(project.root, 'node_modules', '@babel'));
    await run('node', [tool('jest/bin/jest.js')], join(project.root, 'jest'));
  });

  it('names the option with which Jest runs tests that are ES modules', async () => {
    const [, option = ''] = /NODE_OPTIONS=(\S+) npx jest/.exec(await readFile(guide, 'utf8')) ?? [];
    await project.write('jest-modules/package.json', JSON.stringify({ type: 'module' }));
    await project.write('jest-modules/import.test.js', imports + jestTest);
    await run('node', [option, tool('jest/bin/jest.js')], join(project.root, 'jest-modules'));
  });
});
