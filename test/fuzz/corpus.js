/** Where the fuzzer begins: inputs that are right, or nearly, for each of its targets, and what it has found before. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants, deflateRawSync } from 'node:zlib';

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** A frame (RFC 6455 section 5.2). */
function frame(opcode, payload, { masked, fin = true, rsv1 = false }) {
  const bytes = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode;
  const mask = masked ? 0x80 : 0;
  const header = bytes.length < 126
    ? Buffer.from([first, mask | bytes.length])
    : bytes.length < 65_536
      ? Buffer.from([first, mask | 126, bytes.length >> 8, bytes.length])
      : Buffer.from([first, mask | 127, 0, 0, 0, 0, 0, bytes.length >> 16, bytes.length >> 8, bytes.length]);
  if (!masked) return Buffer.concat([header, bytes]);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  return Buffer.concat([header, key, bytes.map((byte, index) => byte ^ key[index % 4])]);
}

function compress(text) {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** @param {boolean} masked */
function frames(masked) {
  const of = (opcode, payload, bits) => frame(opcode, payload, { masked, ...bits });
  const json = JSON.stringify({ name: 'Ada', numbers: [1, 2, 3], text: 'grün '.repeat(40) });
  return [
    of(TEXT, 'hello'),
    of(TEXT, ''),
    of(BINARY, [0, 1, 2, 255]),
    of(TEXT, 'grün, 水, 🌊'),
    of(BINARY, Buffer.alloc(125, 'b')),
    of(BINARY, Buffer.alloc(126, 'b')),
    of(TEXT, 'x'.repeat(1_000)),
    of(BINARY, Buffer.alloc(5_000, 'b')),
    of(BINARY, Buffer.alloc(70_000, 'b')),
    of(PING, 'are you there?'),
    of(PONG, ''),
    of(CLOSE, ''),
    of(CLOSE, Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from('bye')])),
    of(CLOSE, [0x0f, 0xa0]),
    Buffer.concat([
      of(TEXT, 'fr', { fin: false }), of(CONTINUATION, 'ag', { fin: false }), of(PING, 'p'), of(CONTINUATION, 'ments'),
    ]),
    Buffer.concat([of(BINARY, '', { fin: false }), of(CONTINUATION, '', { fin: false }), of(CONTINUATION, '')]),
    Buffer.concat(Array.from({ length: 40 }, (_, index) => of(index % 3 === 0 ? BINARY : TEXT, `message ${index}`))),
    of(TEXT, compress(json), { rsv1: true }),
    of(BINARY, compress(Buffer.alloc(20_000)), { rsv1: true }),
    Buffer.concat([
      of(TEXT, compress(json).subarray(0, 20), { rsv1: true, fin: false }),
      of(CONTINUATION, compress(json).subarray(20)),
    ]),
    Buffer.concat([
      of(TEXT, compress('a'), { rsv1: true }), of(TEXT, 'b'), of(TEXT, compress('c'), { rsv1: true }),
      of(CLOSE, [3, 232]),
    ]),
  ];
}

function request(...lines) {
  return head(
    'GET /chat HTTP/1.1', 'Host: example.com', 'Connection: Upgrade', 'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', ...lines,
  );
}

/** `{accept}` becomes the right value when the request is known. */
function answer(...lines) {
  return head(
    'HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Accept: {accept}',
    ...lines,
  );
}

function head(...lines) {
  return Buffer.from([...lines, '\r\n'].join('\r\n'), 'latin1');
}

const requests = [
  request(),
  request('Sec-WebSocket-Protocol: chat, superchat'),
  request('Sec-WebSocket-Protocol: superchat', 'Sec-WebSocket-Protocol: chat'),
  request('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10'),
  request('Sec-WebSocket-Extensions: a; b="c\\d"; e, permessage-deflate; server_no_context_takeover'),
  request('Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7, permessage-deflate'),
  request('Origin: https://example.com', 'Cookie: a=b; c=d'),
  request('Content-Length: 5'),
  Buffer.concat([request(), frame(TEXT, 'early', { masked: true }), frame(CLOSE, [3, 232], { masked: true })]),
];

const CHAT = 'Sec-WebSocket-Protocol: chat';
const answers = [
  answer(),
  answer(CHAT),
  answer(CHAT, 'Sec-WebSocket-Extensions: permessage-deflate'),
  answer(CHAT, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9; server_no_context_takeover'),
  answer(CHAT, 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10'),
  Buffer.concat([Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), answer(CHAT)]),
  Buffer.concat([answer(CHAT), frame(TEXT, 'early', { masked: false }), frame(CLOSE, [3, 232], { masked: false })]),
  Buffer.concat([
    answer(CHAT, 'Sec-WebSocket-Extensions: permessage-deflate'),
    frame(TEXT, compress('early'), { masked: false, rsv1: true }),
    frame(PING, 'p', { masked: false }),
  ]),
  Buffer.from('HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nWWW-Authenticate: Basic\r\n\r\nno!\n'),
  Buffer.from('HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1/\r\nContent-Length: 0\r\n\r\n'),
  Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
];

/** For each target what it is fed, as targets.js takes it. @type {Readonly<Record<string, readonly Buffer[]>>} */
export const corpora = {
  server: [...frames(true), ...found('server')],
  client: [...frames(false), ...found('client')],
  tcp: [...frames(false), ...found('tcp')],
  accept: [...requests, ...found('accept')],
  connect: [...answers, ...found('connect')],
  websocket: [...answers, ...found('websocket')],
};

/**
 * What the fuzzer has written to seeds/.
 * @returns {{ name: string, target: string, bytes: Buffer, lengths: readonly number[] }[]}
 */
export function seeds() {
  const directory = new URL('seeds/', import.meta.url);
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => name.endsWith('.json')).sort().map((name) => {
    const { target, bytes, lengths } = JSON.parse(readFileSync(new URL(name, directory), 'utf8'));
    return { name, target, bytes: Buffer.from(bytes, 'base64'), lengths };
  });
}

/** @param {string} target */
function found(target) {
  return seeds().filter((seed) => seed.target === target).map(({ bytes }) => bytes);
}
