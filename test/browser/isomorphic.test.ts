/**
 * The isomorphic package: one program, bundled for a browser and for Node from the packed package, runs in both against
 * one server.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from '../../src/index.js';
import { PackedProject, run } from '../package/packed-project.js';
import { describeInChromium } from './chromium.js';

const timeout = 60_000;

/** Isomorphic code. Each function gives a trace as JSON. */
const program = `
import * as watershed from 'watershed';
import { CloseEvent, MessageEvent, WebSocket } from 'watershed';

export { watershed };

/** Everything that a connection does, until the server closes it. */
export async function talk(url) {
  const trace = [];
  const ws = new WebSocket(url, ['chat']);
  ws.binaryType = 'arraybuffer';
  trace.push([typeof WebSocket, WebSocket.name, 'CLOSED' in WebSocket, ws.readyState === WebSocket.CONNECTING]);
  trace.push([ws instanceof WebSocket, {} instanceof WebSocket, Object.prototype.toString.call(ws)]);
  await new Promise((resolve) => {
    ws.onopen = ({ type }) => {
      trace.push([type, ws.readyState, ws.protocol]);
      ws.send('żółw');
      ws.send(new Uint8Array([1, 2, 3]));
      ws.send(new Blob(['close']));
    };
    ws.onmessage = (event) => {
      const { type, data } = event;
      trace.push([type, event instanceof MessageEvent, typeof data === 'string' ? data : [...new Uint8Array(data)]]);
    };
    ws.addEventListener('close', (event) => {
      const { type, code, reason, wasClean } = event;
      trace.push([type, event instanceof CloseEvent, code, reason, wasClean, ws.readyState]);
      resolve();
    });
  });
  return JSON.stringify(trace);
}

/** A class of one's own. */
export async function subclass(url) {
  class Chat extends WebSocket {
    greeting = 'hello';
    greet() {
      this.send(this.greeting);
    }
  }
  const chat = new Chat(url);
  const trace = [chat instanceof Chat, chat instanceof WebSocket, Chat.OPEN];
  await new Promise((resolve) => chat.addEventListener('open', resolve));
  chat.greet();
  const { data } = await new Promise((resolve) => chat.addEventListener('message', resolve));
  chat.close(1000);
  const { code } = await new Promise((resolve) => chat.addEventListener('close', resolve));
  return JSON.stringify([...trace, data, code]);
}

/** What goes wrong. */
export async function fail(url) {
  const trace = [];
  for (const [...args] of [[], ['foo bar:'], [url + '#x'], [url, ['a', 'a']]]) {
    try {
      new WebSocket(...args);
    } catch (error) {
      trace.push([error.name, error instanceof Error]);
    }
  }
  try {
    WebSocket(url);
  } catch (error) {
    trace.push(error.name);
  }
  const ws = new WebSocket(url + 'refused');
  ws.onerror = ({ type }) => trace.push([type, ws.readyState]);
  const { code, wasClean } = await new Promise((resolve) => (ws.onclose = resolve));
  return JSON.stringify([...trace, code, wasClean]);
}

/** An event made by hand, and given to a socket. */
export function dispatch(url) {
  const trace = [];
  const ws = new WebSocket(url);
  ws.onmessage = ({ data, origin }) => trace.push([data, origin]);
  ws.onclose = ({ code, reason, wasClean }) => trace.push([code, reason, wasClean]);
  ws.dispatchEvent(new MessageEvent('message', { data: 'made', origin: 'https://example.test' }));
  ws.dispatchEvent(new CloseEvent('close', { code: 4000, reason: 'made' }));
  ws.onclose = null;
  ws.close();
  return JSON.stringify(trace);
}

/** The names that the package exports, with the methods of the classes that need Node. */
export function names() {
  const methodsOf = (value) => Object.getOwnPropertyNames(value).filter((name) => typeof value[name] === 'function').sort();
  const { Watershed, WatershedConnection } = watershed;
  return JSON.stringify([Object.keys(watershed).sort(), methodsOf(Watershed), methodsOf(WatershedConnection)]);
}
`;

const project = new PackedProject();
const server: Server = createServer();
let url: string;

beforeAll(async () => {
  await project.install();
  await project.write('program.mjs', program);
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/refused') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const ws = WebSocket.accept(request, socket, head, { protocols: ['chat'] });
    ws.onmessage = ({ data }) => {
      if (data instanceof Blob && data.size === 5) ws.close(4001, 'enough');
      else ws.send(data as string | Blob);
    };
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
  await bundle({ platform: 'node', format: 'esm', minify: true, outfile: join(project.root, 'bundle.mjs'), write: true });
}, 2 * timeout);

afterAll(async () => {
  await once(server.close(), 'close');
  await project.remove();
});

/** Bundles the program, and gives the code and which of the package's files are in it. */
async function bundle(options: BuildOptions): Promise<{ code: string; files: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: ['program.mjs'],
    outfile: 'bundle.js',
    write: false,
    ...options,
    absWorkingDir: project.root,
    bundle: true,
    metafile: true,
    logLevel: 'silent',
  });
  const files = Object.keys(metafile.inputs).flatMap((file) => /watershed\/dist\/(.+)$/.exec(file)?.[1] ?? []);
  return { code: outputFiles?.[0]?.text ?? '', files };
}

const forBrowsers: BuildOptions = { platform: 'browser', format: 'iife', globalName: 'program', minify: true };

async function inNode(call: string): Promise<unknown> {
  const script = `import * as program from './bundle.mjs'; console.log(await program.${call});`;
  return JSON.parse(await run('node', ['--input-type=module', '-e', script], project.root));
}

describe('the bundle', () => {
  it.each([
    { name: 'a browser', conditions: ['browser'] },
    { name: 'workerd', conditions: ['workerd', 'worker'] },
  ])('for $name has no code of Node in it', async ({ conditions }) => {
    // An import of one of Node's built-ins would make esbuild fail.
    const { files } = await bundle({ platform: 'neutral', conditions });
    expect(files.sort()).toEqual(['browser.js']);
  });

  it.each([
    { name: 'Node', conditions: ['node'] },
    { name: 'Deno', conditions: ['deno', 'node'] },
    { name: 'Bun', conditions: ['bun', 'node'] },
    { name: 'anything else', conditions: [] },
  ])('for $name has the entry for Node in it', async ({ conditions }) => {
    const { files } = await bundle({ platform: 'neutral', conditions, external: ['node:*'] });
    expect(files).toContain('index.js');
    expect(files).not.toContain('browser.js');
  });

  it('of a program that uses WebSocket adds less than 1,000 bytes to it in a browser', async () => {
    const contents = "import { WebSocket } from 'watershed'; globalThis.ws = new WebSocket('/');";
    const stdin = { contents, resolveDir: project.root };
    const { code, files } = await bundle({ ...forBrowsers, entryPoints: [], stdin });
    expect(files).toContain('browser.js');
    expect(code).not.toContain('needs Node.js');
    expect(code.length).toBeLessThan(1000 + contents.length);
  });
});

describeInChromium('the isomorphic program in Chromium', (browser) => {
  let page: Page;

  beforeAll(async () => {
    const { code } = await bundle(forBrowsers);
    page = await browser().newPage();
    await page.addScriptTag({ content: code });
  }, timeout);

  afterAll(async () => {
    await page.close();
  });

  async function inBrowser(call: string): Promise<unknown> {
    return JSON.parse(await page.evaluate<string>(`program.${call}`));
  }

  it.each([
    {
      name: 'talk',
      trace: [
        ['function', 'WebSocket', true, true],
        [true, false, '[object WebSocket]'],
        ['open', 1, 'chat'],
        ['message', true, 'żółw'],
        ['message', true, [1, 2, 3]],
        ['close', true, 4001, 'enough', true, 3],
      ],
    },
    { name: 'subclass', trace: [true, true, 1, 'hello', 1000] },
    {
      name: 'fail',
      trace: [
        ['TypeError', true],
        ['SyntaxError', true],
        ['SyntaxError', true],
        ['SyntaxError', true],
        'TypeError',
        ['error', 3],
        1006,
        false,
      ],
    },
    {
      name: 'dispatch',
      trace: [
        ['made', 'https://example.test'],
        [4000, 'made', false],
      ],
    },
  ])('does what it does in Node: $name', async ({ name, trace }) => {
    const call = `${name}(${JSON.stringify(url)})`;
    expect({ browser: await inBrowser(call), node: await inNode(call) }).toEqual({ browser: trace, node: trace });
  });

  it('finds the same names as in Node', async () => {
    expect(await inBrowser('names()')).toEqual(await inNode('names()'));
  });

  it.each([
    'new program.watershed.Watershed()',
    'program.watershed.Watershed.generateKey()',
    'program.watershed.WatershedConnection.from({})',
  ])('is told that %s needs Node', async (expression) => {
    await expect(page.evaluate(expression)).rejects.toThrow(/Watershed\S* needs Node\.js/);
  });

  it('uses the class that the page has put in the place of WebSocket since the import', async () => {
    const trace = await page.evaluate(`(() => {
      const { WebSocket } = program.watershed;
      const own = globalThis.WebSocket;
      globalThis.WebSocket = class Substitute { static OPEN = 'open'; };
      try {
        const ws = new WebSocket('/');
        return [ws.constructor.name, WebSocket.name, WebSocket.OPEN, ws instanceof WebSocket];
      } finally {
        globalThis.WebSocket = own;
      }
    })()`);
    expect(trace).toEqual(['Substitute', 'Substitute', 'open', true]);
  });

  it('is told when the platform has no such class', async () => {
    const trace = page.evaluate(`(() => {
      const { CloseEvent } = program.watershed;
      const own = globalThis.CloseEvent;
      delete globalThis.CloseEvent;
      try {
        new CloseEvent('close');
      } finally {
        globalThis.CloseEvent = own;
      }
    })()`);
    await expect(trace).rejects.toThrow('ReferenceError: This platform has no CloseEvent');
  });
});
