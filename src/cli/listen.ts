/** `watershed listen`: a server for trying things out. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { HandshakeError, Watershed, type WatershedConnection } from '../index.js';
import { type Definitions, parse, UsageError } from './arguments.js';
import { printable } from './format.js';
import { sendLines } from './lines.js';
import { ExitCode, painter, type Terminal } from './terminal.js';

export const LISTEN_HELP = `\
Usage: watershed listen [options] PORT

Listens for connections and sends each message back to whom it came from. Port 0 takes a free one, and its address is
shown. Ctrl-C closes all connections (1001) and ends.

      --broadcast             send each message to all connections instead
      --exec COMMAND          start this for each connection instead: its lines are messages, and each text message
                              is a line of its input. Its end closes the connection: with 1000, or with 1011 if its
                              status is not 0. When the connection ends its input ends, and 2 seconds later it does
      --host HOST             the address to listen on (127.0.0.1); 0.0.0.0 takes connections from everywhere
  -p, --protocol NAME         a subprotocol to speak, may be repeated (whichever is asked for)
  -q, --quiet                 do not show messages
  -h, --help                  show this

Exit status: 0 it was ended by Ctrl-C, 1 it could not listen, 2 wrong usage.

  watershed listen 8080
  watershed listen --broadcast 8080
  watershed listen --exec 'sed -u s/cat/dog/' 8080    (-u: many programs hold back what goes into a pipe)
`;

const definitions = {
  broadcast: { type: 'boolean' },
  exec: { type: 'string' },
  host: { type: 'string' },
  protocol: { type: 'string', short: 'p', multiple: true },
  quiet: { type: 'boolean', short: 'q' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies Definitions;

/** How long a message may be to be shown whole, in characters. */
const SHOWN = 200;
/** Milliseconds that a program has to end when its connection has. */
const PROGRAM_TIMEOUT = 2_000;
/** Bytes that a slow connection may be behind. */
const MOST_BUFFERED = 64 * 1024 * 1024;

export async function listen(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parse(args, definitions);
  const { stdout, stderr } = terminal;
  if (parsed.has('help')) {
    stdout.write(LISTEN_HELP);
    return ExitCode.OK;
  }
  const port = portOf(parsed.positionals);
  const command = parsed.text('exec');
  if (command !== undefined && parsed.has('broadcast')) {
    throw new UsageError('--exec and --broadcast exclude each other: type one of them');
  }
  const protocols = parsed.texts('protocol');
  const paint = painter(terminal);
  const isQuiet = parsed.has('quiet');
  const log = (connection: WatershedConnection, mark: string, text: string): void => {
    if (!isQuiet) stdout.write(`${paint('dim', `#${String(connection.id)}`)} ${mark} ${text}\n`);
  };

  let watershed: Watershed;
  try {
    watershed = new Watershed({ maxBufferedAmount: MOST_BUFFERED });
    Watershed.requestHeaders(Watershed.generateKey(), { protocols });
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^options\.protocols/, '--protocol'));
  }
  const connections = new Set<WatershedConnection>();
  const server = createServer((_, response) => {
    response.writeHead(426, { Upgrade: 'websocket' }).end('This address speaks WebSocket.\n');
  });
  server.on('upgrade', (request, socket, head) => {
    let connection: WatershedConnection;
    try {
      const asked = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
      const spoken = protocols.length > 0 ? protocols : asked;
      connection = watershed.accept(request, socket, head, asked === undefined ? {} : { protocols: spoken });
    } catch (error) {
      stderr.write(`watershed: refused: ${(error as Error).message}\n`);
      Watershed.reject(socket, error instanceof HandshakeError ? error : 500);
      return;
    }
    connections.add(connection);
    log(connection, paint('green', '+'), `${connection.remote} ${request.url ?? ''}`);
    connection.on('error', (error) => { log(connection, paint('red', '!'), error.message); });
    connection.on('end', (code, reason) => {
      connections.delete(connection);
      log(connection, paint('red', '-'), [code ?? 'no code', reason].filter(Boolean).join(' '));
    });
    connection.on('text', (text) => { log(connection, '<', shown(text)); });
    connection.on('binary', (data) => { log(connection, '<', `binary, ${String(data.length)} bytes`); });
    if (command !== undefined) {
      attachProgram(connection, command, (message) => { log(connection, paint('red', '!'), message); });
      return;
    }
    const answer = (data: string | Buffer): void => {
      if (parsed.has('broadcast')) Watershed.broadcast(connections, data);
      else connection.send(data);
    };
    connection.on('text', answer).on('binary', answer);
  });

  const host = parsed.text('host') ?? '127.0.0.1';
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    stderr.write(`watershed: ${whyNot(error as NodeJS.ErrnoException, port, host)}\n`);
    return ExitCode.FAILED;
  }
  const { address, port: taken, family } = server.address() as AddressInfo;
  stdout.write(`listening on ws://${family === 'IPv6' ? `[${address}]` : address}:${String(taken)}\n`);

  await new Promise<void>((resolve) => { terminal.once('SIGINT', resolve); });
  server.close();
  await watershed.closeAll({ timeout: 2_000 });
  server.closeAllConnections();
  return ExitCode.OK;
}

function portOf(positionals: readonly string[]): number {
  const [word] = positionals;
  const port = Number(word);
  if (positionals.length !== 1 || word === '' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    const what = word === undefined ? 'A port is missing' : `${positionals.join(' ')} is no port`;
    throw new UsageError(`${what}: a whole number from 0 to 65535, as in: watershed listen 8080`);
  }
  return port;
}

function whyNot({ code, message }: NodeJS.ErrnoException, port: number, host: string): string {
  if (code === 'EADDRINUSE') return `port ${String(port)} is in use: take another, or 0 for a free one`;
  if (code === 'EACCES') return `port ${String(port)} may not be taken: those below 1024 need rights, take one above`;
  if (code === 'EADDRNOTAVAIL') return `${host} is no address of this machine`;
  return message;
}

/** A program's output is what is sent, its input what comes. */
function attachProgram(connection: WatershedConnection, command: string, complain: (message: string) => void): void {
  // A group of its own, so that all that the shell has started can be ended. Windows has none.
  const detached = process.platform !== 'win32';
  const program = spawn(command, { shell: true, detached, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: program.stdout });
  let hasEnded = false;
  // It may end before it has read everything.
  program.stdin.on('error', () => undefined);
  connection.on('text', (text) => {
    if (!program.stdin.write(`${text}\n`)) connection.pause();
  });
  program.stdin.on('drain', () => { connection.resume(); });
  connection.on('binary', (data) => {
    if (!program.stdin.write(data)) connection.pause();
  });
  sendLines(lines, connection);
  let deadline: NodeJS.Timeout | undefined;
  connection.on('end', () => {
    hasEnded = true;
    // Nobody reads any more: what it still writes must not hold it up.
    lines.close();
    program.stdout.resume();
    program.stdin.end();
    if (isRunning(program)) deadline = setTimeout(() => { terminate(program, detached); }, PROGRAM_TIMEOUT);
  });
  // Its last lines come before its end is told.
  program.on('close', (code, signal) => {
    clearTimeout(deadline);
    if (hasEnded) return;
    if (code !== 0) complain(`the program ended with ${String(code ?? signal)}`);
    connection.end(code === 0 ? 1000 : 1011, code === 0 ? '' : 'the program failed');
  });
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function terminate(program: ChildProcess, isGroup: boolean): void {
  try {
    if (isGroup && program.pid !== undefined) process.kill(-program.pid);
    else program.kill();
  } catch {
    // It has ended by itself.
  }
}

function shown(text: string): string {
  const line = printable(text.slice(0, SHOWN)).replaceAll('\n', '\\n');
  return text.length <= SHOWN ? line : `${line}… (${String(text.length)} characters)`;
}
