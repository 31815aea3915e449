/** `watershed connect` as it is at a terminal, in this process: what is written, with its colours. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { hexDump, prettyJson, printable } from '../../src/cli/format.js';
import { acceptingServer } from '../handshake/opening.js';
import { Program } from './program.js';
import { echo, serve } from './server.js';

const ENTER = '\r';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

describe('watershed connect at a terminal', () => {
  it('sends lines, shows what comes in colours, and closes at Ctrl-D', async () => {
    const { url, server } = await serve(echo);
    const connected = once(server, 'connection') as Promise<[WebSocket]>;
    const program = new Program(['connect', '--ping', '0.02', url], { isTTY: true });
    await program.shows(/connected to ws:.*\(permessage-deflate|connected to ws:/);
    const [socket] = await connected;
    const closed = once(socket, 'close');
    program.stdin.write(`{"a":1,"b":"x"}${ENTER}`);
    // eslint-disable-next-line no-control-regex -- the colours of a name, a number and a string
    await program.shows(/\u001b\[36m"a"\u001b\[39m: \u001b\[33m1\u001b\[39m,\n {2}.*\u001b\[32m"x"/);
    await program.shows(/pong after \d+\.\d ms/);
    socket.send(Buffer.from('bytes'));
    await program.shows(/binary, 5 bytes/);
    await program.shows(/00000000 {2}62 79 74 65 73 +bytes\n/);
    program.stdin.write(CTRL_D);
    await program.shows(/closed \(1000\)/);
    expect(await program.end()).toMatchObject({ status: 0, err: '' });
    expect((await closed)[0]).toBe(1000);
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('has no colours with %j', async (env) => {
    const { url } = await serve((socket) => {
      socket.send('{"a":1}');
      socket.close(4000, 'why');
    });
    const program = new Program(['connect', url], { isTTY: true, env });
    const { status, out } = await program.end();
    expect(status).toBe(3);
    expect(out).toContain('{\n  "a": 1\n}\n');
    expect(out).toContain('closed (4000 why)');
    // eslint-disable-next-line no-control-regex -- any colour
    expect(out).not.toMatch(/\u001b\[\d+m/);
  });

  it('Ctrl-C closes, and pressed again does not wait for an answer', async () => {
    const { port } = await acceptingServer();
    const program = new Program(['connect', `ws://127.0.0.1:${String(port)}`], { isTTY: true });
    await program.shows(/Ctrl-D closes/);
    program.stdin.write(CTRL_C);
    program.stdin.write(CTRL_C);
    expect(await program.end()).toMatchObject({ status: 1, err: 'watershed: the connection was lost (1006)\n' });
  });
});

it('a closed output ends it once, and another error of the output is no secret', async () => {
  const { url } = await serve((socket) => {
    socket.send('hello');
  });
  const program = new Program(['connect', url]);
  await program.shows(/hello/);
  const closedPipe = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  program.stdout.emit('error', closedPipe);
  program.stdout.emit('error', closedPipe);
  expect(() => program.stdout.emit('error', new Error('another'))).toThrow('another');
  expect((await program.end()).status).toBe(0);
});

describe('messages for people', () => {
  const paint = (style: string, text: string): string => `<${style} ${text}>`;

  it.each([
    ['hello', 'hello'],
    ['12', '12'],
    ['[not JSON', '[not JSON'],
    ['{}', '{}'],
    ['{"id":12345678901234567}', '{"id":12345678901234567}'],
    [
      ' {"a":[1.5e3,true,null,"b: \\"c\\""]}',
      '{\n  <cyan "a">: [\n    <yellow 1500>,\n    <yellow true>,\n    <yellow null>,\n' +
        '    <green "b: \\"c\\"">\n  ]\n}',
    ],
  ])('JSON: %s', (text, expected) => {
    expect(prettyJson(text, paint)).toBe(expected);
  });

  it('control characters are written out, tabs and line ends are not', () => {
    expect(printable('a\u001b[2J\tb\r\nc\u009b')).toBe('a\\u001b[2J\tb\\u000d\nc\\u009b');
  });

  it('an empty binary message has no line', () => {
    expect(hexDump(new Uint8Array())).toBe('');
  });
});
