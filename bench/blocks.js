/**
 * What the load writes: blocks of frames, made beforehand, so that no time goes into them while something is measured.
 */
import { createDeflateRaw, constants, deflateRawSync } from 'node:zlib';
import { BINARY, frameLength, makeFragments, makeFrame, TEXT } from './frames.js';
import { makePayloads } from './payloads.js';

/** What RFC 7692 section 7.2.1 removes from the end of a compressed message. */
export const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/**
 * @typedef {object} Block
 * @property {Buffer} bytes  as they are written
 * @property {Buffer[]} payloads
 * @property {number} echoed  how many bytes its echo has; NaN if that is not known
 */

/**
 * The blocks of a scenario: `first` once, then `loop` again and again. They differ where a message is compressed with
 * what was before it: the window of `loop` begins as it ends.
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {string} extensions  what was agreed on
 * @returns {Promise<{ first: Block[], loop: Block[] }>}
 */
export async function makeBlocks(scenario, extensions) {
  const { kind, size, block, variants, fragments, role } = scenario;
  const payloads = makePayloads(kind, size, variants * block);
  const opcode = kind === 'binary' ? BINARY : TEXT;
  const masked = role === 'server';

  /** @param {(payload: Buffer, index: number) => Buffer} toBytes */
  const cut = (toBytes) => Array.from({ length: variants }, (_, variant) => {
    const own = payloads.slice(variant * block, (variant + 1) * block);
    const bytes = Buffer.concat(own.map((payload, index) => toBytes(payload, variant * block + index)));
    return { bytes, payloads: own, echoed: own.length * frameLength(size, !masked) };
  });

  if (!extensions.startsWith('permessage-deflate')) {
    const blocks = cut((payload) => makeFragments({ opcode, payload, masked }, fragments));
    return { first: blocks, loop: blocks };
  }
  const compressed = extensions.includes('client_no_context_takeover')
    ? [...payloads, ...payloads].map((payload) => compressAlone(payload))
    : await compressTogether([...payloads, ...payloads]);
  const [first, loop] = [0, payloads.length].map((start) => cut((_, index) => (
    makeFrame({ opcode, payload: compressed[start + index], masked, rsv1: true })
  )));
  for (const each of [...first, ...loop]) each.echoed = NaN;
  return { first, loop };
}

function compressAlone(payload) {
  return deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL.length);
}

/** One stream for all of them: each refers to those before it. */
async function compressTogether(payloads) {
  const deflate = createDeflateRaw();
  const compressed = [];
  for (const payload of payloads) compressed.push((await through(deflate, payload)).subarray(0, -TAIL.length));
  return compressed;
}

/**
 * What a stream of zlib makes of these bytes.
 * @param {import('node:zlib').DeflateRaw | import('node:zlib').InflateRaw} stream
 * @param {Buffer} bytes
 * @returns {Promise<Buffer>}
 */
export async function through(stream, bytes) {
  const chunks = [];
  const keep = (chunk) => { chunks.push(chunk); };
  stream.on('data', keep);
  stream.write(bytes);
  await new Promise((resolve) => { stream.flush(constants.Z_SYNC_FLUSH, resolve); });
  stream.off('data', keep);
  return Buffer.concat(chunks);
}
