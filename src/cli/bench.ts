/** `watershed bench`: how fast a server echoes, and how long an echo takes. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { WatershedConnection, WebSocket } from '../index.js';
import { type Definitions, parse, UsageError } from './arguments.js';
import { clientDefinitions, CLIENT_HELP, type Target, targetOf } from './client-options.js';
import { explain } from './explain.js';
import { count } from './format.js';
import { ExitCode, type Terminal } from './terminal.js';

export const BENCH_HELP = `\
Usage: watershed bench [options] URL

Opens connections to a server that sends each message back, and measures how long that takes and how many messages pass.

${CLIENT_HELP}
  -c, --connections N         how many connections (10)
  -s, --size BYTES            how long a message is (32)
      --binary                binary messages, instead of text
  -r, --rate N                so many messages a second, over all connections; a late answer counts from when its
                              message was due. Without it: flat out
      --in-flight N           flat out, how many messages each connection has under way (1)
  -d, --duration SECONDS      how long it is measured (10)
      --json                  the result as one line of JSON
  -h, --help                  show this

Exit status: 0 it was measured, 1 a connection could not be opened or was lost, 2 wrong usage.

  watershed bench ws://localhost:8080
  watershed bench -c 1000 -r 5000 -d 30 --json ws://localhost:8080
`;

const definitions = {
  ...clientDefinitions,
  connections: { type: 'string', short: 'c' },
  size: { type: 'string', short: 's' },
  binary: { type: 'boolean' },
  rate: { type: 'string', short: 'r' },
  'in-flight': { type: 'string' },
  duration: { type: 'string', short: 'd' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies Definitions;

/** Connections that are opened at a time. */
const OPENING = 50;
/** Milliseconds between two looks at how far it is, and between two portions of a rate. */
const PROGRESS_EVERY = 500;
const TICK = 5;
/** How long the last answers may take, in milliseconds. */
const LAST_ANSWERS = 2_000;
const PERCENTILES = [50, 90, 99, 99.9] as const;

interface Settings {
  readonly connections: number;
  readonly size: number;
  readonly isBinary: boolean;
  /** Messages a second; undefined: flat out. */
  readonly rate: number | undefined;
  readonly inFlight: number;
  /** Milliseconds. */
  readonly duration: number;
}

export async function bench(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parse(args, definitions);
  const { stdout, stderr } = terminal;
  if (parsed.has('help')) {
    stdout.write(BENCH_HELP);
    return ExitCode.OK;
  }
  const target = targetOf(parsed, 'bench');
  const rate = parsed.number('rate', 0, { min: 1 });
  if (rate > 0 && parsed.text('in-flight') !== undefined) {
    throw new UsageError('--rate and --in-flight exclude each other: type one of them');
  }
  const settings: Settings = {
    connections: parsed.number('connections', 10, { min: 1, max: 60_000, isWhole: true }),
    size: parsed.number('size', 32, { min: 0, max: 64 * 1024 * 1024, isWhole: true }),
    isBinary: parsed.has('binary'),
    rate: rate === 0 ? undefined : rate,
    inFlight: parsed.number('in-flight', 1, { min: 1, max: 10_000, isWhole: true }),
    duration: parsed.number('duration', 10, { min: 0.1, max: 86_400 }) * 1_000,
  };
  const run = new Run(target, settings, terminal);
  const interrupt = (): void => { run.stop(); };
  terminal.once('SIGINT', interrupt);
  try {
    const result = await run.measure();
    stdout.write(parsed.has('json') ? `${JSON.stringify(result)}\n` : describe(result));
    return ExitCode.OK;
  } catch (error) {
    if (error instanceof DOMException || error instanceof TypeError) throw new UsageError(error.message);
    stderr.write(`watershed: ${explain(error, target.url)}\n`);
    return ExitCode.FAILED;
  } finally {
    terminal.off('SIGINT', interrupt);
    run.close();
  }
}

/** One connection, and when each of its messages that are under way was due. */
class Line {
  readonly connection: WatershedConnection;
  readonly #due: number[] = [];
  #first = 0;

  constructor(connection: WatershedConnection) {
    this.connection = connection;
  }

  get inFlight(): number {
    return this.#due.length - this.#first;
  }

  send(message: string | Buffer, due: number): void {
    this.#due.push(due);
    this.connection.send(message);
  }

  /** When the message was due whose echo has come; undefined if none was under way. */
  answered(): number | undefined {
    const due = this.#due[this.#first];
    if (due === undefined) return undefined;
    // The list is shortened now and then, which is cheaper than each time.
    if (++this.#first === 1_024) {
      this.#due.splice(0, this.#first);
      this.#first = 0;
    }
    return due;
  }
}

class Run {
  readonly #target: Target;
  readonly #settings: Settings;
  readonly #terminal: Terminal;
  readonly #message: string | Buffer;
  readonly #lines: Line[] = [];
  /** Of each answer, in nanoseconds, to three digits. */
  readonly #latencies = createHistogram();
  #isMeasuring = false;
  #fail: (error: unknown) => void = () => undefined;
  #stop: () => void = () => undefined;
  #isStopped = false;
  #isOver = false;

  constructor(target: Target, settings: Settings, terminal: Terminal) {
    this.#target = target;
    this.#settings = settings;
    this.#terminal = terminal;
    this.#message = settings.isBinary ? Buffer.alloc(settings.size, 'x') : 'x'.repeat(settings.size);
  }

  async measure(): Promise<Result> {
    const { connections, duration, rate, inFlight } = this.#settings;
    const failed = new Promise<never>((_, reject) => { this.#fail = reject; });
    // It may fail when nobody waits any more.
    failed.catch(() => undefined);
    while (this.#lines.length < connections && !this.#isStopped) {
      const count = Math.min(OPENING, connections - this.#lines.length);
      this.#lines.push(...await Promise.all(Array.from({ length: count }, () => this.#open())));
      this.#progress(`${String(this.#lines.length)} of ${String(connections)} connections are open`);
    }
    this.#isMeasuring = true;
    const started = performance.now();
    const over = this.#over(duration);
    const progress = setInterval(() => {
      const seconds = (performance.now() - started) / 1_000;
      const messages = this.#latencies.count;
      this.#progress(`${seconds.toFixed(1)} s: ${count(messages)} messages, ${count(messages / seconds)}/s`);
    }, PROGRESS_EVERY);
    const ticks = rate === undefined ? undefined : this.#sendAt(rate, started);
    if (rate === undefined) {
      for (const line of this.#lines) {
        for (let sent = 0; sent < inFlight; sent++) line.send(this.#message, performance.now());
      }
    }
    try {
      await Promise.race([over, failed]);
    } finally {
      this.#isMeasuring = false;
      clearInterval(progress);
      clearInterval(ticks);
      this.#stop();
    }
    const time = performance.now() - started;
    const messages = this.#latencies.count;
    await Promise.race([this.#lastAnswers(), failed]);
    this.#progress('');
    return toResult(this.#target.url, this.#settings, time, messages, this.#latencies, this.#unanswered());
  }

  stop(): void {
    this.#isStopped = true;
    this.#stop();
  }

  close(): void {
    this.#isOver = true;
    for (const { connection } of this.#lines) {
      if (connection.readyState === 1) connection.end(1000);
      else connection.destroy();
    }
  }

  #open(): Promise<Line> {
    const { url, protocols, options } = this.#target;
    return new Promise((resolve, reject) => {
      // What it throws rejects: a wrong word, which is wrong for each of them.
      const webSocket = new WebSocket(url, protocols, options);
      const line = new Line(WatershedConnection.from(webSocket));
      let failure: Error | undefined;
      webSocket.onerror = ({ error }): void => { failure = error; };
      webSocket.onclose = ({ code }): void => {
        const error = failure ?? new Error(`the server closed a connection (${String(code)}) while it was measured`);
        reject(error);
        if (!this.#isOver) this.#fail(error);
      };
      webSocket.onopen = (): void => { resolve(line); };
      const answered = (): void => { this.#answered(line); };
      line.connection.on('text', answered).on('binary', answered);
    });
  }

  #answered(line: Line): void {
    const due = line.answered();
    if (due === undefined) return;
    this.#latencies.record(Math.max(1, Math.round((performance.now() - due) * 1e6)));
    if (this.#isMeasuring && this.#settings.rate === undefined) line.send(this.#message, performance.now());
  }

  /** Sends what is due by now, to one connection after the other. */
  #sendAt(rate: number, started: number): NodeJS.Timeout {
    let sent = 0;
    return setInterval(() => {
      const due = ((performance.now() - started) / 1_000) * rate;
      for (; sent < due; sent++) {
        (this.#lines[sent % this.#lines.length] as Line).send(this.#message, started + (sent / rate) * 1_000);
      }
    }, TICK);
  }

  #over(duration: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, duration);
      this.#stop = (): void => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#isStopped) this.#stop();
    });
  }

  async #lastAnswers(): Promise<void> {
    const deadline = performance.now() + LAST_ANSWERS;
    while (this.#unanswered() > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, TICK));
    }
  }

  #unanswered(): number {
    return this.#lines.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  #progress(text: string): void {
    const { stderr } = this.#terminal;
    if (stderr.isTTY === true) stderr.write(`\r\x1b[K${text}`);
  }
}

interface Result {
  readonly url: string;
  readonly connections: number;
  /** Bytes of a message. */
  readonly size: number;
  /** Messages a second that were asked for; null: flat out. */
  readonly rate: number | null;
  readonly seconds: number;
  readonly messages: number;
  readonly messagesPerSecond: number;
  readonly unanswered: number;
  /** Milliseconds: min, mean, p50, p90, p99, p99.9, max; null if nothing was answered. */
  readonly latency: Readonly<Record<string, number>> | null;
}

function toResult(
  url: string,
  { connections, size, rate }: Settings,
  time: number,
  messages: number,
  latencies: RecordableHistogram,
  unanswered: number,
): Result {
  const at = (part: number) => [`p${String(part)}`, milliseconds(latencies.percentile(part))] as const;
  return {
    url,
    connections,
    size,
    rate: rate ?? null,
    seconds: round(time / 1_000),
    messages,
    messagesPerSecond: round(messages / (time / 1_000)),
    unanswered,
    latency:
      latencies.count === 0
        ? null
        : {
            min: milliseconds(latencies.min),
            mean: milliseconds(latencies.mean),
            ...Object.fromEntries(PERCENTILES.map(at)),
            max: milliseconds(latencies.max),
          },
  };
}

function milliseconds(nanoseconds: number): number {
  return round(nanoseconds / 1e6);
}

/** Three significant digits: what the histogram has. */
function round(value: number): number {
  return value >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
}

function describe({ connections, size, messages, messagesPerSecond, seconds, latency, unanswered }: Result): string {
  const lines = [
    `${count(messages)} messages of ${count(size)} B over ${count(connections)} connections in ${String(seconds)} s`,
    `${count(messagesPerSecond)} messages/s, ${((messagesPerSecond * size * 8) / 1e6).toFixed(2)} Mbit/s each way`,
  ];
  if (latency !== null) {
    lines.push('latency in ms');
    for (const [name, value] of Object.entries(latency)) {
      lines.push(`  ${name.padEnd(5)}  ${value.toFixed(3).padStart(10)}`);
    }
  }
  if (unanswered > 0) {
    const what = unanswered === 1 ? '1 message was' : `${count(unanswered)} messages were`;
    lines.push(`${what} not answered: does the server send each one back?`);
  }
  return `${lines.join('\n')}\n`;
}
