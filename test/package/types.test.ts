// The types of the WHATWG face, as the packed package gives them to a program: they are the platform's, with lib.dom and
// with each @types/node, alone and together.
import { mkdir, realpath, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PackedProject, tool } from './packed-project.js';

const timeout = 60_000;

/** What a program may do with the class wherever it runs. Every ts-expect-error is a mistake that the types have to see. */
const isomorphic = `
import { CloseEvent, MessageEvent, WebSocket, type WebSocketErrorEvent, type WebSocketEventMap } from 'watershed';

// The platform's types take ours, and its variable the class.
const constructor: typeof globalThis.WebSocket = WebSocket;
const messageEvent: typeof globalThis.MessageEvent = MessageEvent;
globalThis.WebSocket = WebSocket;
function connect(implementation: typeof globalThis.WebSocket): globalThis.WebSocket {
  return new implementation('wss://example.test', ['chat']);
}
connect(WebSocket);

const ws = new WebSocket('wss://example.test');
const platform: globalThis.WebSocket = ws;
new WebSocket(new URL('wss://example.test'), 'chat');
new WebSocket('wss://example.test', ['chat', 'superchat'], { headers: { authorization: 'Basic YTpi' } });
new WebSocket('wss://example.test', { protocols: ['chat'], headers: new Headers({ a: 'b' }), maxPayload: 1024 });
new WebSocket('wss://example.test', undefined, { headers: [['a', 'b']], signal: AbortSignal.timeout(1000) });

// Handlers: their event and their this are known, and data is what a browser's is, anything.
ws.onopen = function () {
  this.send('hello');
};
ws.onmessage = ({ data, origin }) => {
  const text: string = data;
  const length: number = JSON.parse(data).length;
  void [text, length, origin.length];
};
ws.onmessage = function (event: MessageEvent<string>) {
  this.send(event.data.toUpperCase());
};
ws.onerror = ({ error, message }) => {
  const known: Error = error;
  void [known, message.length];
};
ws.onerror = (event: Event) => event.preventDefault();
ws.onclose = async ({ wasClean, code, reason }) => {
  const facts: [boolean, number, string] = [wasClean, code, reason];
  await Promise.resolve(facts);
};
ws.onclose = null;
ws.onopen = undefined;

// Handlers go from a socket of ours to the platform's and back.
const onMessage = (event: MessageEvent) => void event.data;
const onPlatformMessage = (event: globalThis.MessageEvent) => void event.data;
ws.onmessage = onPlatformMessage;
ws.addEventListener('message', onPlatformMessage);
platform.onmessage = onMessage;
platform.addEventListener('message', onMessage);
platform.onclose = (event: CloseEvent) => void event.code;
ws.onopen = platform.onopen;
ws.onmessage = ws.onmessage;
ws.onerror = ws.onerror;
ws.onclose = platform.onclose;

ws.addEventListener('close', (event) => void event.code.toFixed());
ws.addEventListener('error', (event) => void event.error.stack, { once: true });
ws.addEventListener('message', function (event) {
  this.send(event.data);
}, { signal: AbortSignal.timeout(1000) });
ws.addEventListener('something else', (event) => void event.type);
ws.addEventListener('open', { handleEvent: (event: Event) => void event.type });
ws.removeEventListener('message', onPlatformMessage);
function listen<K extends keyof WebSocketEventMap>(type: K, listener: (event: WebSocketEventMap[K]) => void) {
  ws.addEventListener(type, listener);
}
listen('error', (event: WebSocketErrorEvent) => void event.message);

ws.binaryType = 'arraybuffer';
ws.send('text');
ws.send(new Blob(['text']));
ws.send(new Uint8Array(3));
ws.send(new DataView(new ArrayBuffer(3)));
ws.send(new ArrayBuffer(3));
ws.close(1000, 'done');
const state: 0 | 1 | 2 | 3 = ws.readyState;
const open: 1 = WebSocket.OPEN;
const closed: 3 = ws.CLOSED;

const closeEvent = new CloseEvent('close', { code: 1000, reason: 'done', wasClean: true });
const text: string = new MessageEvent<string>('message', { data: 'text' }).data;
const event: globalThis.MessageEvent = new MessageEvent('message', { data: 1 });
const back: MessageEvent = new globalThis.MessageEvent('message');
new MessageEvent(event.type, event);
ws.dispatchEvent(closeEvent);

class Chat extends WebSocket {
  readonly room: string;
  constructor(room: string) {
    super('wss://example.test/' + room, 'chat');
    this.room = room;
  }
  override send(data: string): void {
    super.send(this.room + ': ' + data);
  }
}
const chat: WebSocket = new Chat('lobby');
class Plain extends WebSocket {}
connect(Plain);
if (platform instanceof WebSocket) platform.bufferedAmount.toFixed();

void [constructor, messageEvent, state, open, closed, text, back, chat];

// @ts-expect-error: a URL is required
new WebSocket();
// @ts-expect-error: an unknown option
new WebSocket('wss://example.test', { maxPayloads: 1024 });
// @ts-expect-error: a wrong option
new WebSocket('wss://example.test', 'chat', { maxPayload: '1024' });
// @ts-expect-error: no constructor call
WebSocket('wss://example.test');
// @ts-expect-error: read only
ws.readyState = 1;
// @ts-expect-error: a constant
WebSocket.OPEN = 2;
// @ts-expect-error: there are four states
void (ws.readyState === 4);
// @ts-expect-error: no handler
ws.onmessage = 'a string';
// @ts-expect-error: close has no data
ws.onclose = (event) => event.data;
// @ts-expect-error: message has no code
ws.addEventListener('message', (event) => event.code);
// @ts-expect-error: of Node's EventEmitter
ws.on('message', onMessage);
// @ts-expect-error: not a type of the standard
ws.binaryType = 'nodebuffer';
// @ts-expect-error: a number is no message
ws.send(1);
// @ts-expect-error: the code comes first
ws.close('done');
// @ts-expect-error: data is a string here
new MessageEvent<string>('message', { data: 1 });
`;

/** What only Node has: a server's end, and the classic face. */
const server = `
import * as http from 'node:http';
import { Agent } from 'node:https';
import { Watershed, WatershedConnection, WebSocket } from 'watershed';

const watershed = new Watershed();
http.createServer().on('upgrade', (request, socket, head) => {
  const ws = WebSocket.accept(request, socket, head, { protocols: ['chat'], origin: 'same-origin', watershed });
  const platform: globalThis.WebSocket = ws;
  ws.onmessage = ({ data }) => ws.send(data);
  ws.addEventListener('close', ({ code }) => void code.toFixed());
  const connection: WatershedConnection = WatershedConnection.from(ws);
  const same: WebSocket = WebSocket.from(connection);
  Watershed.broadcast([ws, connection], 'hello');
  void [platform, same];
});
new WebSocket('wss://example.test', { agent: new Agent(), ca: 'PEM', rejectUnauthorized: true });
new WebSocket('wss://example.test').send(Buffer.from('text'));

// @ts-expect-error: the server's end is made of a request
WebSocket.accept('wss://example.test');
// @ts-expect-error: a WebSocket is never detached
void ((r: http.IncomingMessage) => WebSocket.accept(r, r.socket, Buffer.alloc(0), { detached: true }));
`;

const project = new PackedProject();

beforeAll(async () => {
  await project.install();
}, 2 * timeout);

afterAll(async () => {
  await project.remove();
});

/** The files that were read, for all programs: reading them takes most of the time. */
const sourceFiles = new Map<string, ts.SourceFile | undefined>();

/** Compiles a program, and gives what was wrong and the packages that took the place of @types/node. */
function compile(files: readonly string[], options: ts.CompilerOptions): { errors: string[]; typesOfNode: string[] } {
  const host = ts.createCompilerHost(options);
  const readFile = host.getSourceFile.bind(host);
  host.getSourceFile = (file, ...rest) => {
    if (!sourceFiles.has(file)) sourceFiles.set(file, readFile(file, ...rest));
    return sourceFiles.get(file);
  };
  const program = ts.createProgram(files, options, host);
  const errors = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const at = file === undefined ? '' : `${file.fileName}:${String(file.getLineAndCharacterOfPosition(start ?? 0).line + 1)}: `;
    return at + ts.flattenDiagnosticMessageText(messageText, '\n');
  });
  const read = program.getSourceFiles().map(({ fileName }) => fileName);
  return { errors, typesOfNode: read.filter((file) => file.endsWith('/globals.typedarray.d.ts')).map(dirname) };
}

describe('the types of WebSocket', { timeout }, () => {
  it.each([
    { name: '@types/node 20', node: '@types/node', dom: false },
    { name: '@types/node 22', node: 'types-node-22', dom: false },
    { name: '@types/node 24', node: 'types-node-24', dom: false },
    { name: 'lib.dom', node: undefined, dom: true },
    { name: 'lib.dom and @types/node 20', node: '@types/node', dom: true },
    { name: 'lib.dom and @types/node 22', node: 'types-node-22', dom: true },
    { name: 'lib.dom and @types/node 24', node: 'types-node-24', dom: true },
  ])('are those of the platform with $name', async ({ name, node, dom }) => {
    const folder = name.replaceAll(/\W+/g, '-');
    const programs: Record<string, string> = {
      'isomorphic.mts': isomorphic,
      'dom.mts': dom ? 'export default document;' : '// @ts-expect-error: no lib.dom\nexport default document;',
    };
    if (node !== undefined) programs['server.mts'] = server;
    for (const [file, text] of Object.entries(programs)) await project.write(`${folder}/${file}`, text);
    // What is installed as @types.
    const typeRoot = join(project.root, folder, 'types');
    await mkdir(typeRoot);
    if (node !== undefined) await symlink(tool(node), join(typeRoot, 'node'));

    const files = Object.keys(programs).map((file) => join(project.root, folder, file));
    const { errors, typesOfNode } = compile(files, {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      lib: ['es2023', 'esnext.disposable', ...(dom ? ['dom', 'dom.iterable'] : [])].map((lib) => `lib.${lib}.d.ts`),
      typeRoots: [typeRoot],
      types: node === undefined ? [] : ['node'],
      skipLibCheck: true,
    });
    expect(errors).toEqual([]);
    // A second @types/node that came along would go unnoticed otherwise.
    expect(typesOfNode).toEqual(node === undefined ? [] : [await realpath(tool(node))]);
  });
});
