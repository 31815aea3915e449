/** `watershed connect`: one connection, at which somebody types, or a pipe, or a script. */
import { createInterface, clearLine, cursorTo, type Interface } from 'node:readline';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WatershedConnection, WebSocket } from '../index.js';
import { type Definitions, parse, UsageError } from './arguments.js';
import { clientDefinitions, CLIENT_HELP, targetOf } from './client-options.js';
import { explain } from './explain.js';
import { hexDump, prettyJson, printable } from './format.js';
import { sendLines } from './lines.js';
import { ExitCode, painter, type Terminal } from './terminal.js';

export const CONNECT_HELP = `\
Usage: watershed connect [options] URL

Opens a connection, sends what is typed, a line for a message, and shows what comes. Ctrl-D closes it, arrow up brings
earlier lines back. Where the input is a pipe, each of its lines is sent, and the connection is closed at its end.

${CLIENT_HELP}
  -x, --execute TEXT          send this, show the first answer, and close
      --wait SECONDS          how long to wait for answers before closing, with a pipe (0) or with --execute (until
                              the first, 10 at most)
      --ping SECONDS          send a PING so often, and show how long its PONG took
      --save DIR              write binary messages to files there: message-1.bin and so on; none is overwritten
  -h, --help                  show this

Without ws:// or wss:// an address is taken as ws://, and a port alone as one of this machine. Binary messages are shown
as a hex dump. At a terminal JSON is laid out, in colours unless NO_COLOR is set; where the output is a pipe or a file
each text message is a line, as it came, and all else goes to the standard error.

Exit status:
  0  the connection was closed in good order: by you, or by the server with 1000, 1001 or no code
  1  it could not be opened, was lost, or gave no answer to --execute
  2  wrong usage
  3  the server closed it with another code, which is shown

  watershed connect ws://localhost:8080
  watershed connect -H 'Authorization: Bearer abc' -p graphql-transport-ws wss://example.com/graphql
  watershed connect -x '{"type":"ping"}' localhost:8080/socket
  seq 1 100 | watershed connect --wait 1 ws://localhost:8080 > answers.txt
`;

const definitions = {
  ...clientDefinitions,
  execute: { type: 'string', short: 'x' },
  wait: { type: 'string' },
  ping: { type: 'string' },
  save: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies Definitions;

const PROMPT = '> ';
/** Seconds in which an answer to --execute has to come. */
const EXECUTE_WAIT = 10;
/** Node's timers go no further, in seconds. */
const MOST_SECONDS = 2_000_000;

export async function connect(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parse(args, definitions);
  if (parsed.has('help')) {
    terminal.stdout.write(CONNECT_HELP);
    return ExitCode.OK;
  }
  const { url, protocols, options } = targetOf(parsed, 'connect');
  const ping = parsed.number('ping', 0, { min: 0, max: MOST_SECONDS });
  const execute = parsed.text('execute');
  const wait = parsed.number('wait', execute === undefined ? 0 : EXECUTE_WAIT, { min: 0, max: MOST_SECONDS });
  const save = parsed.text('save');
  if (save !== undefined) makeFolder(save);
  let webSocket: WebSocket;
  try {
    webSocket = new WebSocket(url, protocols, options);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return new Session(webSocket, terminal, {
    execute,
    wait: wait * 1_000,
    isWaitGiven: parsed.text('wait') !== undefined,
    ping: ping * 1_000,
    save,
  }).run();
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`--save: ${(error as Error).message}`);
  }
}

interface SessionOptions {
  readonly execute: string | undefined;
  /** Milliseconds. */
  readonly wait: number;
  readonly isWaitGiven: boolean;
  /** Milliseconds; 0: none. */
  readonly ping: number;
  readonly save: string | undefined;
}

class Session {
  readonly #webSocket: WebSocket;
  readonly #connection: WatershedConnection;
  readonly #terminal: Terminal;
  readonly #options: SessionOptions;
  readonly #paint: ReturnType<typeof painter>;
  /** Somebody types: there is a prompt, and what comes is laid out. */
  readonly #isInteractive: boolean;
  #lines: Interface | undefined;
  #pings: NodeJS.Timeout | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #error: unknown;
  #isOpen = false;
  #isClosing = false;
  #saved = 0;
  #hasFailed = false;
  #hasAnswer = false;

  constructor(webSocket: WebSocket, terminal: Terminal, options: SessionOptions) {
    this.#webSocket = webSocket;
    // It has what a message does not show: pings, and messages until the other end's CLOSE.
    this.#connection = WatershedConnection.from(webSocket);
    this.#terminal = terminal;
    this.#options = options;
    this.#paint = painter(terminal);
    const isTerminal = terminal.stdin.isTTY === true && terminal.stdout.isTTY === true;
    this.#isInteractive = isTerminal && options.execute === undefined;
  }

  run(): Promise<ExitCode> {
    const webSocket = this.#webSocket;
    const connection = this.#connection;
    const interrupt = (): void => { this.#close(); };
    // Once: the second ends the process, as the platform has it.
    this.#terminal.once('SIGINT', interrupt);
    return new Promise((resolve) => {
      webSocket.onopen = (): void => { this.#opened(); };
      webSocket.onerror = ({ error }): void => { this.#error = error; };
      connection.on('text', (text) => {
        this.#show(this.#isInteractive ? prettyJson(printable(text), this.#paint) : text);
        this.#answered();
      });
      connection.on('binary', (data) => {
        this.#showBinary(data);
        this.#answered();
      });
      connection.on('pong', (_, roundTripTime) => {
        if (roundTripTime !== undefined) this.#tell(`pong after ${roundTripTime.toFixed(1)} ms`);
      });
      webSocket.onclose = ({ code, reason, wasClean }): void => {
        this.#terminal.off('SIGINT', interrupt);
        clearInterval(this.#pings);
        clearTimeout(this.#waiting);
        this.#lines?.close();
        resolve(this.#ended(code, reason, wasClean));
      };
    });
  }

  #opened(): void {
    this.#isOpen = true;
    if (this.#isClosing) return;
    const { execute, wait, isWaitGiven, ping } = this.#options;
    const { protocol, extensions, url } = this.#webSocket;
    const agreed = [protocol, extensions].filter((each) => each !== '').join(', ');
    if (this.#isInteractive) this.#tell(`connected to ${url}${agreed === '' ? '' : ` (${agreed})`}; Ctrl-D closes`);
    if (ping > 0) this.#pings = setInterval(() => { this.#connection.ping(`watershed ${String(Date.now())}`); }, ping);
    if (execute !== undefined) {
      this.#connection.send(execute);
      this.#waiting = setTimeout(() => {
        if (!isWaitGiven) {
          this.#hasFailed = true;
          this.#complain(`no answer came within ${String(EXECUTE_WAIT)} seconds`);
        }
        this.#close();
      }, wait);
      return;
    }
    this.#readLines();
  }

  #readLines(): void {
    const { stdin, stdout } = this.#terminal;
    const lines = createInterface(
      this.#isInteractive
        ? { input: stdin, output: stdout, terminal: true, prompt: PROMPT, historySize: 1_000 }
        : { input: stdin, terminal: false },
    );
    this.#lines = lines;
    if (this.#isInteractive) lines.prompt();
    sendLines(lines, this.#connection);
    if (this.#isInteractive) lines.on('line', () => this.#lines?.prompt());
    // A terminal that is read key by key sends no signal. Who presses Ctrl-C again does not want to wait for the peer.
    lines.on('SIGINT', () => {
      if (this.#isClosing) this.#connection.destroy();
      else this.#close();
    });
    lines.on('close', () => {
      this.#lines = undefined;
      if (this.#isClosing || this.#connection.readyState !== 1) return;
      this.#waiting = setTimeout(() => { this.#close(); }, this.#options.wait);
    });
  }

  /** With --execute, the first answer is all that is waited for; what came before it was sent is none. */
  #answered(): void {
    if (!this.#isOpen) return;
    this.#hasAnswer = true;
    const { execute, isWaitGiven } = this.#options;
    if (execute !== undefined && !isWaitGiven) this.#close();
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    clearTimeout(this.#waiting);
    // A message may come before the open event's task.
    if (this.#connection.readyState !== 0) this.#isOpen = true;
    if (this.#isOpen) this.#connection.end(1000);
    else this.#webSocket.close();
  }

  #showBinary(data: Buffer): void {
    const { save } = this.#options;
    if (save === undefined) {
      if (this.#isInteractive) this.#tell(`binary, ${String(data.length)} bytes`);
      this.#show(hexDump(data));
      return;
    }
    try {
      this.#tell(`binary, ${String(data.length)} bytes, written to ${this.#write(save, data)}`);
    } catch (error) {
      this.#hasFailed = true;
      this.#complain(`--save: ${(error as Error).message}`);
      this.#close();
    }
  }

  /** Writes a file that is not there yet, and gives its name. */
  #write(folder: string, data: Buffer): string {
    for (;;) {
      const file = join(folder, `message-${String(++this.#saved)}.bin`);
      try {
        writeFileSync(file, data, { flag: 'wx' });
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  #ended(code: number, reason: string, wasClean: boolean): ExitCode {
    if (!this.#isOpen) {
      // Ctrl-C before it was open is nobody's fault.
      const { url } = this.#webSocket;
      this.#complain(this.#isClosing ? `${url}: given up before the connection was open` : explain(this.#error, url));
      return ExitCode.FAILED;
    }
    const why = reason === '' ? '' : ` ${printable(reason)}`;
    if (!wasClean) {
      const error = this.#error instanceof Error ? `: ${this.#error.message}` : '';
      this.#complain(`the connection was lost (${String(code)}${why})${error}`);
      return ExitCode.FAILED;
    }
    if (this.#isInteractive) this.#tell(`closed (${String(code)}${why})`);
    if (this.#hasFailed) return ExitCode.FAILED;
    if (this.#options.execute !== undefined && !this.#hasAnswer && !this.#isClosing) {
      this.#complain(`the server closed the connection before it answered (${String(code)}${why})`);
      return ExitCode.FAILED;
    }
    if (code === 1000 || code === 1001 || code === 1005) return ExitCode.OK;
    if (!this.#isInteractive) this.#complain(`the server closed the connection (${String(code)}${why})`);
    return ExitCode.CLOSED;
  }

  /** A message, above the line that is being typed. */
  #show(text: string): void {
    const { stdout } = this.#terminal;
    if (!this.#isInteractive) {
      stdout.write(`${text}\n`);
      return;
    }
    clearLine(stdout, 0);
    cursorTo(stdout, 0);
    stdout.write(`${this.#paint('magenta', '< ')}${text}\n`);
    this.#lines?.prompt(true);
  }

  /** What is no message: for people alone. */
  #tell(text: string): void {
    const { stdout, stderr } = this.#terminal;
    if (!this.#isInteractive) {
      stderr.write(`${text}\n`);
      return;
    }
    clearLine(stdout, 0);
    cursorTo(stdout, 0);
    stdout.write(`${this.#paint('dim', text)}\n`);
    this.#lines?.prompt(true);
  }

  #complain(text: string): void {
    this.#terminal.stderr.write(`watershed: ${text}\n`);
  }
}
