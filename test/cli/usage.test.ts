/** What is typed wrong gets a line that says what to type instead, and the status 2. */
import { describe, expect, it } from 'vitest';
import { Program } from './program.js';

async function typed(...args: string[]): Promise<string> {
  const { status, out, err } = await new Program(args).end();
  expect({ status, out }).toEqual({ status: 2, out: '' });
  return err;
}

describe('help', () => {
  it.each([
    [['--help'], /^Usage: watershed COMMAND/],
    [['connect', '--help'], /^Usage: watershed connect/],
    [['listen', '-h'], /^Usage: watershed listen/],
    [['bench', '--help'], /^Usage: watershed bench/],
  ])('is shown for %j', async (args, expected) => {
    const { status, out, err } = await new Program(args).end();
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(expected);
    // It fits a terminal.
    expect(out.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it.each(['connect', 'listen', 'bench'])('of %s is what `help %s` shows too', async (command) => {
    const { out } = await new Program([command, '--help']).end();
    expect(await new Program(['help', command]).end()).toEqual({ status: 0, out, err: '' });
  });
});

it('the version is that of the package', async () => {
  const { status, out } = await new Program(['--version']).end();
  expect({ status, out }).toEqual({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string });
});

describe('wrong usage', () => {
  it.each<[string[], string]>([
    [[], 'A command is missing: one of connect, listen, bench'],
    [['conect', 'ws://a'], 'did you mean watershed connect?'],
    [['ws://localhost:8080'], 'A command is missing: watershed connect ws://localhost:8080'],
    [['8080'], 'A command is missing: watershed listen 8080'],
    [['connect'], 'A URL is missing: watershed connect ws://localhost:8080'],
    [['connect', 'ws://a', 'ws://b'], 'One URL is enough'],
    [['connect', 'ftp://a'], 'ftp:// is no WebSocket address: type ws://a (wss:// for TLS)'],
    [['connect', 'htp://localhost:8080'], 'htp:// is no WebSocket address'],
    [['connect', 'ws://a b'], 'is no URL'],
    [['connect', '--heder', 'A: b', 'ws://a'], 'There is no option --heder: did you mean --header?'],
    [['connect', 'ws://a', '--header'], '--header needs a value'],
    [['connect', '-H', 'no colon', 'ws://a'], "--header must be 'Name: value', but is 'no colon'"],
    [['connect', '-H', 'Bad\u0000: a', 'ws://a'], 'headers'],
    [['connect', '--auth', 'ada', 'ws://a'], '--auth must be USER:PASSWORD'],
    [['connect', '--ca', '/no/such/file', 'ws://a'], '--ca: ENOENT'],
    [['connect', '--ca', import.meta.filename, 'ws://a'], 'has no certificate in PEM'],
    [['connect', '--insecure=yes', 'ws://a'], '--insecure takes no value'],
    [['connect', '--save', `${import.meta.filename}/folder`, 'ws://a'], '--save: ENOTDIR'],
    [['connect', '-z', 'ws://a'], 'There is no option -z\n'],
    [['bench', '-r', '0', 'ws://a'], '--rate must be a number from 1 on, but is 0'],
    [['bench', 'ws://a/#b'], 'fragment'],
    [['connect', '--wait=', 'ws://a'], '--wait must be a number from 0 to 2000000, but is '],
    [['connect', '3000', '4000'], 'One URL is enough'],
    [['--verison'], 'There is no option --verison'],
    [['frobnicate'], 'There is no command frobnicate: type one of the commands connect, listen, bench'],
    [['localhost:8080/path'], 'A command is missing: watershed connect localhost:8080/path'],
    [['connect', 'ws://a/#fragment'], 'fragment'],
    [['connect', '--ping', 'often', 'ws://a'], '--ping must be a number from 0 to 2000000, but is often'],
    [['connect', '-p', 'a b', 'ws://a'], 'subprotocol'],
    [['listen'], 'A port is missing: a whole number from 0 to 65535, as in: watershed listen 8080'],
    [['listen', 'http'], 'http is no port'],
    [['listen', '70000'], '70000 is no port'],
    [['listen', '1', '2'], '1 2 is no port'],
    [['listen', '0', '--exec', 'cat', '--broadcast'], '--exec and --broadcast exclude each other'],
    [['listen', '0', '--protocol', 'a b'], '--protocol'],
    [['bench', '--rate', '5', '--in-flight', '2', 'ws://a'], '--rate and --in-flight exclude each other'],
    [['bench', '--size', '1.5', 'ws://a'], '--size must be a whole number from 0 to'],
    [['bench', '-c', '0', 'ws://a'], '--connections must be a whole number from 1 to'],
  ])('%j', async (args, expected) => {
    expect(await typed(...args)).toContain(expected);
  });
});
