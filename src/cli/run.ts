/** The command line: which command, with which words. */
import { createRequire } from 'node:module';
import { nearest } from '../nearest.js';
import { UsageError } from './arguments.js';
import { bench } from './bench.js';
import { connect } from './connect.js';
import { listen } from './listen.js';
import { ExitCode, type Terminal } from './terminal.js';

const HELP = `\
Usage: watershed COMMAND [options] …

  watershed connect URL       type messages to a server, or pipe them; --execute for scripts
  watershed listen PORT       a server that echoes, broadcasts, or runs a program for each connection
  watershed bench URL         how many messages a server echoes, and how long that takes

  watershed COMMAND --help    what else a command can do
  watershed --version
`;

const commands = new Map([['connect', connect], ['listen', listen], ['bench', bench]]);

export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { stdout, stderr } = terminal;
  let isCut = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    // Whoever read has gone, as in `watershed … | head`: that ends a command as Ctrl-C does. Each write fails so.
    if (!isCut) terminal.emit('SIGINT');
    isCut = true;
  });
  try {
    const [name, ...rest] = args;
    if (name === undefined) throw new UsageError(`A command is missing: one of ${[...commands.keys()].join(', ')}`);
    if (name === 'help' && commands.has(rest[0] ?? '')) return await run([rest[0] as string, '--help'], terminal);
    if (name === '--help' || name === '-h' || name === 'help') {
      stdout.write(HELP);
      return ExitCode.OK;
    }
    if (name === '--version' || name === '-v') {
      const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
      stdout.write(`${version}\n`);
      return ExitCode.OK;
    }
    const command = commands.get(name);
    if (command === undefined) throw new UsageError(unknown(name));
    return await command(rest, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const [command = ''] = args;
    const help = commands.has(command) ? `watershed ${command} --help` : 'watershed --help';
    stderr.write(`watershed: ${error.message}\n(${help} says more)\n`);
    return ExitCode.USAGE;
  }
}

function unknown(name: string): string {
  // A port or an address alone: what was meant is plain.
  if (/^\d+$/.test(name)) return `A command is missing: watershed listen ${name}`;
  if (/[:/]/.test(name)) return `A command is missing: watershed connect ${name}`;
  const known = [...commands.keys()];
  const instead = nearest(name, known);
  const what = name.startsWith('-') ? 'option' : 'command';
  if (instead === undefined) return `There is no ${what} ${name}: type one of the commands ${known.join(', ')}`;
  return `There is no ${what} ${name}: did you mean watershed ${instead}?`;
}
