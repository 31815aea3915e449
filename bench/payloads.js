/**
 * The payloads of a scenario. They follow from a seed, so that each process makes the same ones and what has arrived
 * can be compared with what was sent.
 */

/** Two, three and four bytes of UTF-8 each. */
const NON_ASCII = ['é', 'ß', 'λ', 'ж', 'я', 'ñ', '日', '本', '語', '€', '한', '🌊'];
const ASCII = 'abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,;:"{}';

/**
 * @param {'text' | 'non-ascii' | 'json' | 'binary'} kind
 * @param {number} size  bytes of each
 * @param {number} count
 * @returns {Buffer[]}
 */
export function makePayloads(kind, size, count) {
  const random = randomNumbers(size + 1);
  return Array.from({ length: count }, () => {
    if (kind === 'binary') return makeBinary(size, random);
    if (kind === 'json') return makeJson(size, random);
    return makeText(size, random, kind === 'text' ? ASCII : NON_ASCII);
  });
}

/** Whole numbers below 2^32 (xorshift).
 * @param {number} seed
 */
function randomNumbers(seed) {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function makeBinary(size, random) {
  const payload = Buffer.alloc(size);
  for (let offset = 0; offset < size; offset++) payload[offset] = random();
  return payload;
}

function makeText(size, random, characters) {
  const payload = Buffer.alloc(size, '.');
  let offset = 0;
  while (offset < size) {
    const character = Buffer.from(characters[random() % characters.length]);
    // What is left is too small for it: full stops fill it.
    if (offset + character.length > size) break;
    offset += character.copy(payload, offset);
  }
  return payload;
}

function makeJson(size, random) {
  const entries = [];
  let length = 1;
  for (;;) {
    const id = random();
    const entry = { id, name: `name ${random() % 1_000}`, ok: id % 2 === 0, tags: ['a', 'b'], at: random() % 10_000 };
    const text = JSON.stringify(entry);
    length += text.length + 1;
    // White space fills what is left.
    if (length > size) return Buffer.from(`[${entries.join(',')}]`.padEnd(size));
    entries.push(text);
  }
}
