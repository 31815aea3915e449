/** Changes an input: what a broken or hostile peer might have sent instead. */

/** Bytes that mean something to a parser of frames: opcodes with FIN, lengths, masks, UTF-8's borders. */
const BYTES = [
  0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0f, 0x20, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x88, 0x89, 0x8a, 0x8f,
  0xc0, 0xc1, 0xed, 0xf0, 0xf4, 0xf5, 0xfe, 0xff,
];

/** Parts that mean something to a parser of heads. */
const TOKENS = [
  '\r\n', '\r\n\r\n', '\n', ': ', ',', ';', '=', '"', '\\', '\\"', ' ', '\t', '\0', '\x80',
  'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Extensions: ', 'Sec-WebSocket-Protocol: ', 'permessage-deflate',
  'server_max_window_bits', 'client_max_window_bits=8', 'server_no_context_takeover', '__proto__', 'constructor',
  'Transfer-Encoding: chunked', 'Content-Length: 5', 'HTTP/1.1 200 OK', 'HTTP/1.0', '100', '9'.repeat(20),
];

const LENGTHS = [
  0, 1, 124, 125, 126, 127, 128, 65_535, 65_536, 99_999, 100_000, 100_001, 2 ** 31, 2 ** 32, 2 ** 53 - 1,
];

const LONGEST = 300_000;

/**
 * @param {Buffer} input
 * @param {readonly Buffer[]} corpus  other inputs, to be spliced in
 * @param {import('./random.js').Random} random
 * @returns {Buffer}
 */
export function mutate(input, corpus, random) {
  let bytes = Buffer.from(input);
  for (let count = 1 + random.below(4); count > 0; count--) {
    bytes = random.pick(MUTATIONS)(bytes, corpus, random);
    if (bytes.length > LONGEST) bytes = bytes.subarray(0, LONGEST);
  }
  return bytes;
}

/** @type {((bytes: Buffer, corpus: readonly Buffer[], random: import('./random.js').Random) => Buffer)[]} */
const MUTATIONS = [
  function flipBit(bytes, _, random) {
    if (bytes.length > 0) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    return bytes;
  },
  function setByte(bytes, _, random) {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.pick(BYTES);
    return bytes;
  },
  // The first bytes are headers more often than not.
  function setEarlyByte(bytes, _, random) {
    if (bytes.length > 0) bytes[random.below(Math.min(bytes.length, 16))] = random.pick(BYTES);
    return bytes;
  },
  function insertBytes(bytes, _, random) {
    const own = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.pick(BYTES)));
    return insert(bytes, random.below(bytes.length + 1), own);
  },
  function insertToken(bytes, _, random) {
    return insert(bytes, random.below(bytes.length + 1), Buffer.from(random.pick(TOKENS), 'latin1'));
  },
  function removeRange(bytes, _, random) {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  function repeatRange(bytes, _, random) {
    const [start, end] = range(bytes, random);
    const times = random.below(16) === 0 ? 200 : 1 + random.below(4);
    return insert(bytes, end, Buffer.concat(Array.from({ length: times }, () => bytes.subarray(start, end))));
  },
  function truncate(bytes, _, random) {
    return bytes.subarray(0, random.below(bytes.length + 1));
  },
  function spliceIn(bytes, corpus, random) {
    const other = random.pick(corpus);
    const [start, end] = range(other, random);
    return insert(bytes, random.below(bytes.length + 1), other.subarray(start, end));
  },
  /** The length that a header announces, in each of its forms. */
  function setLength(bytes, _, random) {
    const offset = random.below(4) === 0 ? random.below(bytes.length + 1) : 0;
    if (offset + 2 > bytes.length) return bytes;
    const length = random.pick(LENGTHS);
    bytes[offset + 1] = (bytes[offset + 1] & 0x80) | random.pick([length & 0x7f, 126, 127]);
    const field = Buffer.alloc(random.pick([0, 2, 8]));
    if (field.length === 2) field.writeUInt16BE(length & 0xffff);
    if (field.length === 8) field.writeBigUInt64BE(BigInt(length) | (random.below(8) === 0 ? 1n << 63n : 0n));
    return insert(bytes, offset + 2, field);
  },
  function prepend(bytes, corpus, random) {
    return Buffer.concat([random.pick(corpus), bytes]);
  },
  function append(bytes, corpus, random) {
    return Buffer.concat([bytes, random.pick(corpus)]);
  },
];

/** @returns {[start: number, end: number]} */
function range(bytes, random) {
  const start = random.below(bytes.length + 1);
  return [start, Math.min(bytes.length, start + 1 + random.below(random.below(4) === 0 ? 4_096 : 16))];
}

function insert(bytes, offset, own) {
  return Buffer.concat([bytes.subarray(0, offset), own, bytes.subarray(offset)]);
}
