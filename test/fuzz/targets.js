/**
 * What the fuzzer feeds, and what must hold whatever it is fed. A target takes the bytes of a peer in chunks and gives
 * what it saw as lines, the same for any chunks. It throws when a promise is broken.
 *
 * A line ends in ` #` and a digest where it has data; without that it says what kind of thing happened.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';

// An `import` of it loads undici on Node 22, which makes its WebAssembly while there is none below.
const { createServer: createHttpServer, request: httpRequest } = process.getBuiltinModule('node:http');

const DIST = new URL('../../dist/', import.meta.url);

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
/** Small enough to be met. */
const OPTIONS = { maxPayload: 100_000, maxFragments: 500, perMessageDeflate: { threshold: 0 } };

/** A program of its own, in a directory of its own: WebAssembly is asked for once, when it is first of use. */
async function importWithoutWebAssembly() {
  const directory = mkdtempSync(join(tmpdir(), 'watershed-fuzz-'));
  try {
    cpSync(fileURLToPath(DIST), join(directory, 'dist'), { recursive: true });
    cpSync(fileURLToPath(new URL('../package.json', DIST)), join(directory, 'package.json'));
    // The source maps refer to it.
    symlinkSync(fileURLToPath(new URL('../src', DIST)), join(directory, 'src'));
    const plain = await import(pathToFileURL(join(directory, 'dist', 'index.js')).href);
    const { WebAssembly } = globalThis;
    Reflect.deleteProperty(globalThis, 'WebAssembly');
    // Reading a message settles it.
    await serverEnd(plain)([Buffer.from([0x81, 0x80, 1, 2, 3, 4])]);
    globalThis.WebAssembly = WebAssembly;
    return plain;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A stream that is fed by hand, and keeps what is written. It takes writes always: no PONG is left out. */
class FedDuplex extends Duplex {
  written = [];
  #wasWritten;
  /** Resolves when something has been written. */
  whenWritten = new Promise((resolve) => { this.#wasWritten = resolve; });

  constructor() {
    super({ writableHighWaterMark: 2 ** 30 });
  }

  _read() {}

  _write(chunk, _, callback) {
    this.written.push(chunk);
    this.#wasWritten();
    callback();
  }

  get text() {
    return Buffer.concat(this.written).toString('latin1');
  }

  /** Takes the chunks, a turn of the event loop for each, and then the end. */
  async feed(chunks) {
    for (const chunk of chunks) {
      if (this.destroyed) return;
      this.push(chunk);
      await turn();
    }
    if (!this.destroyed) this.push(null);
  }
}

/** The server's end: the bytes are frames, masked. */
function serverEnd({ Watershed }) {
  return async (chunks) => {
    const stream = new FedDuplex();
    const headers = {
      'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-key': KEY, 'sec-websocket-version': '13',
      'sec-websocket-extensions': 'permessage-deflate',
    };
    const watched = watch(Watershed.accept({ headers }, stream, null, OPTIONS));
    await stream.feed(chunks);
    const seen = await watched.ended();
    checkListeners(stream);
    return [...seen, `wrote #${digest(stream.text)}`];
  };
}

/** The client's end: the bytes are frames, not masked. What it sends is masked, differently each time. */
function clientEnd({ Watershed }) {
  return async (chunks) => {
    const stream = new FedDuplex();
    const headers = {
      'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-accept': acceptValue(KEY),
      'sec-websocket-extensions': 'permessage-deflate',
    };
    const watched = watch(Watershed.connect({ statusCode: 101, headers }, stream, null, KEY, OPTIONS));
    await stream.feed(chunks);
    const seen = await watched.ended();
    checkListeners(stream);
    return seen;
  };
}

/**
 * Both ends over TCP, where memory is shared and sockets are read by other ways: the bytes are what a server sends
 * behind its 101.
 */
function overTcp({ WebSocket, WatershedConnection }) {
  let port;
  let next;
  const listening = new Promise((resolve) => {
    const server = createTcpServer({ allowHalfOpen: true, noDelay: true });
    server.on('connection', (socket) => { void answerWith(socket, next); });
    server.listen(0, '127.0.0.1', () => {
      ({ port } = server.address());
      resolve();
    }).unref();
  });
  return async (chunks) => {
    await listening;
    next = chunks;
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`, [], OPTIONS);
    const watched = watchWebSocket(webSocket);
    const connection = WatershedConnection.from(webSocket);
    const classic = watch(connection);
    return [...(await watched.ended()), ...(await classic.ended())];
  };
}

async function answerWith(socket, chunks) {
  socket.on('error', () => {});
  let head = '';
  await new Promise((resolve) => {
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (head.includes('\r\n\r\n')) resolve();
      // Only the request is of use.
      if (head.length > 1_000) head = head.slice(0, 1_000);
    });
  });
  socket.write([
    'HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${acceptValue(keyOf(head))}`, 'Sec-WebSocket-Extensions: permessage-deflate', '\r\n',
  ].join('\r\n'));
  for (const chunk of chunks) {
    if (socket.destroyed) return;
    socket.write(chunk);
    await turn();
  }
  socket.end();
}

/** The bytes are a request: through node:http to `accept`, and what is refused to `reject`. */
function acceptTarget({ Watershed, HandshakeError }) {
  return async (chunks) => {
    const stream = new FedDuplex();
    const server = createHttpServer({ requireHostHeader: false });
    const taken = new Promise((resolve) => {
      // The first request counts: what node:http makes of those behind it is its own affair.
      const take = (seen) => {
        server.removeAllListeners('upgrade').on('upgrade', () => {});
        resolve(seen);
      };
      const refuse = () => {
        take(['no upgrade']);
        stream.destroy();
      };
      stream.once('close', () => { take(['nothing']); });
      server.on('request', refuse).on('checkContinue', refuse).on('checkExpectation', refuse).on('clientError', refuse);
      server.on('upgrade', (request, socket, head) => {
        try {
          const connection = Watershed.accept(request, socket, head, { ...OPTIONS, protocols: ['chat'] });
          const accepted = `accepted ${connection.getProtocol()} ${connection.extensions}`;
          take(watch(connection).ended().then((seen) => [accepted, ...seen]));
        } catch (error) {
          if (!(error instanceof HandshakeError)) throw error;
          Watershed.reject(socket, error);
          take([`refused ${error.code} ${error.statusCode} ${error.message.slice(0, 40)}`]);
        }
      });
    });
    server.emit('connection', stream);
    await stream.feed(chunks);
    const seen = await taken;
    stream.destroy();
    const answer = stream.text;
    if (answer !== '' && !/^HTTP\/1\.1 [1-5]\d\d [^\r\n]*\r\n/.test(answer)) {
      throw new Error(`It answered ${JSON.stringify(answer.slice(0, 100))}`);
    }
    return seen;
  };
}

/** The bytes are an answer: through node:http to `connect`. `{accept}` stands for the right value. */
function connectTarget({ Watershed, WatershedError }) {
  return async (chunks) => {
    const stream = new FedDuplex();
    const key = Watershed.generateKey();
    const asked = { protocols: ['chat'], perMessageDeflate: OPTIONS.perMessageDeflate };
    const headers = Watershed.requestHeaders(key, asked);
    const request = httpRequest({ createConnection: () => stream, headers });
    const answered = new Promise((resolve) => {
      // The first of them counts: what node:http makes of what comes behind a response is its own affair.
      request.on('error', () => { resolve(['no response']); });
      request.on('response', (response) => {
        response.on('error', () => {}).resume();
        resolve([`response ${response.statusCode}`]);
      });
      request.on('upgrade', (response, socket, head) => {
        try {
          const connection = Watershed.connect(response, socket, head, key, { ...OPTIONS, ...asked });
          const opened = `open ${connection.getProtocol()} ${connection.extensions}`;
          resolve(watch(connection).ended().then((seen) => [opened, ...seen]));
        } catch (error) {
          if (!(error instanceof WatershedError)) throw error;
          resolve([`refused ${error.code} ${error.statusCode} ${error.message.slice(0, 40)}`]);
          socket.destroy();
        }
      });
    });
    request.end();
    await stream.whenWritten;
    await stream.feed(withAccept(chunks, acceptValue(key)));
    const seen = await answered;
    stream.destroy();
    return seen;
  };
}

/** The bytes are an answer, to `new WebSocket`. */
function webSocketTarget({ WebSocket }) {
  return async (chunks) => {
    const stream = new FedDuplex();
    const webSocket = new WebSocket('ws://127.0.0.1/', ['chat'], { ...OPTIONS, createConnection: () => stream });
    const watched = watchWebSocket(webSocket);
    await stream.whenWritten;
    await stream.feed(withAccept(chunks, acceptValue(keyOf(stream.text))));
    return watched.ended();
  };
}

const library = await import(new URL('index.js', DIST).href);
/** The same program where there is no WebAssembly. */
const plainLibrary = await importWithoutWebAssembly();

/** @type {Readonly<Record<string, (chunks: readonly Buffer[]) => Promise<string[]>>>} */
const targets = {
  server: serverEnd(library),
  client: clientEnd(library),
  tcp: overTcp(library),
  accept: acceptTarget(library),
  connect: connectTarget(library),
  websocket: webSocketTarget(library),
};

/** @type {typeof targets} */
const plainTargets = { server: serverEnd(plainLibrary), client: clientEnd(plainLibrary) };

/** Echoes what a connection gets, and looks at what has to hold of its events. */
function watch(connection) {
  const seen = [];
  let sent = 0;
  let calledBack = 0;
  let hasEnded = false;
  const note = (line) => {
    if (hasEnded) throw new Error(`${line} after the end: ${seen.join()}`);
    seen.push(line);
  };
  const echo = (name, data) => {
    note(`${name} #${digest(data)}`);
    sent++;
    connection.send(data, { compress: false }, () => { calledBack++; });
  };
  connection.on('text', (text) => { echo('text', text); });
  connection.on('binary', (data) => { echo('binary', data); });
  connection.on('ping', (data) => { note(`ping #${digest(data)}`); });
  connection.on('pong', (data) => { note(`pong #${digest(data)}`); });
  connection.on('connectionReset', () => { note('reset'); });
  connection.on('error', (error) => { note(`error ${codeOf(error)}`); });
  const end = new Promise((resolve) => {
    connection.on('end', (code, reason) => {
      note(`end ${code} #${reason}`);
      hasEnded = true;
      resolve();
    });
  });
  return {
    async ended() {
      await end;
      // What came too late would come now.
      await turn();
      await turn();
      if (calledBack !== sent) throw new Error(`${sent} were sent, ${calledBack} called back`);
      if (connection.readyState !== 3) throw new Error(`It has ended in state ${connection.readyState}`);
      if (seen.filter((line) => line.startsWith('error')).length > 1) throw new Error(`two errors: ${seen.join()}`);
      return seen;
    },
  };
}

/** Looks at what has to hold of the events of the standard's face. */
function watchWebSocket(webSocket) {
  const seen = [];
  let hasClosed = false;
  const note = (line) => {
    if (hasClosed) throw new Error(`${line} after close: ${seen.join()}`);
    seen.push(line);
  };
  webSocket.binaryType = 'arraybuffer';
  webSocket.onopen = () => { note(`open ${webSocket.protocol} ${webSocket.extensions}`); };
  webSocket.onmessage = ({ data }) => {
    note(`message ${typeof data} #${digest(typeof data === 'string' ? data : Buffer.from(data))}`);
  };
  webSocket.onerror = ({ error }) => { note(`error event ${codeOf(error)} ${error.statusCode}`); };
  const close = new Promise((resolve) => {
    webSocket.onclose = ({ code, reason, wasClean }) => {
      note(`close ${code} ${wasClean} #${reason}`);
      hasClosed = true;
      resolve();
    };
  });
  return {
    async ended() {
      await close;
      await turn();
      await turn();
      if (webSocket.readyState !== 3) throw new Error(`It has closed in state ${webSocket.readyState}`);
      return seen;
    },
  };
}

/** What is reported has a code. What has none, or comes of what has none, was thrown by mistake. */
function codeOf(error) {
  const isMistake = error?.cause instanceof TypeError || error?.cause instanceof RangeError;
  if (typeof error?.code !== 'string' || isMistake) throw new Error('Thrown by mistake', { cause: error });
  return error.code;
}

function checkListeners(stream) {
  const left = stream.eventNames().filter((name) => name !== 'error' && name !== 'end');
  if (left.length > 0) throw new Error(`listeners are left: ${left.join()}`);
}

/** @param {string | Buffer} data */
function digest(data) {
  return `${data.length} ${createHash('sha1').update(data).digest('base64url').slice(0, 8)}`;
}

function acceptValue(key) {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

function keyOf(head) {
  return /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? '';
}

/** Writes the right value where `{accept}` is, in chunks of about the same lengths. */
function withAccept(chunks, value) {
  const whole = Buffer.concat(chunks);
  const place = whole.indexOf('{accept}');
  if (place === -1) return chunks;
  const bytes = Buffer.concat([whole.subarray(0, place), Buffer.from(value), whole.subarray(place + 8)]);
  return chunks.length === 1 ? [bytes] : cut(bytes, chunks.map(({ length }) => length));
}

/** @returns {Promise<void>} */
function turn() {
  return new Promise((resolve) => { setImmediate(resolve); });
}

/**
 * Cuts bytes into chunks of these lengths; the last one has what is left.
 * @param {Buffer} bytes
 * @param {readonly number[]} lengths
 */
function cut(bytes, lengths) {
  const chunks = [];
  let offset = 0;
  for (const length of lengths) {
    if (offset >= bytes.length) break;
    chunks.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  if (offset < bytes.length) chunks.push(bytes.subarray(offset));
  return chunks;
}

/**
 * Feeds one input in one chunk, and again in others, and once more to what has no WebAssembly, where that makes a
 * difference: all have to be the same.
 * @param {string} target
 * @param {Buffer} input
 * @param {readonly number[]} lengths  of the other chunks
 * @returns {Promise<string[]>} what was seen
 */
export async function execute(target, input, lengths) {
  const run = targets[target];
  if (run === undefined) throw new Error(`There is no target ${target}: ${Object.keys(targets).join(', ')}`);
  // What is pushed may be kept, and must not be changed: each has its own.
  const seen = await run([Buffer.from(input)]);
  same('In other chunks', seen, await run(cut(Buffer.from(input), lengths)));
  const runPlain = plainTargets[target];
  if (runPlain !== undefined) same('Without WebAssembly', seen, await runPlain([Buffer.from(input)]));
  return seen;
}

function same(how, expected, actual) {
  if (expected.join('\n') === actual.join('\n')) return;
  throw new Error(`${how} it is another thing:\n${expected.join('\n')}\n--\n${actual.join('\n')}`);
}
