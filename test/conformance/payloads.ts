/**
 * The contents of the compressed messages: five files, made from nothing but numbers, of the kinds, lengths and rough
 * compression ratios of those that the Autobahn test suite has.
 */

import { frame, opcodes, type Frame } from './frames.js';

/** Pseudo-random integers below a limit: the same for every run. */
type Random = (limit: number) => number;

/** A file, and how messages are cut from it. */
export class Payload {
  readonly #opcode: number;
  readonly #octets: Buffer;
  /** Where each code point of a text begins, twice round; undefined where every octet is one. */
  readonly #starts: readonly number[] | undefined;
  readonly #count: number;

  constructor(opcode: number, content: Buffer | string) {
    this.#opcode = opcode;
    const octets = Buffer.from(content as string);
    // Twice, so that a message that goes round at the end is a part of it, too.
    this.#octets = Buffer.concat([octets, octets]);
    const isAscii = typeof content !== 'string' || content.length === octets.length;
    this.#count = isAscii ? octets.length : Array.from(content).length;
    if (!isAscii) {
      this.#starts = Array.from(this.#octets.keys()).filter((i) => ((this.#octets[i] ?? 0) & 0xc0) !== 0x80);
    }
  }

  /** The file, once. */
  get octets(): Buffer {
    return this.#octets.subarray(0, this.#octets.length / 2);
  }

  /** How many octets of a binary file, or code points of a text, there are. */
  get count(): number {
    return this.#count;
  }

  /** The first messages of `size` octets (code points in a text), one slice after another, round and round. */
  messages(size: number, count: number): Frame[] {
    return Array.from({ length: count }, (_, i) => {
      const start = (i * size) % this.#count;
      return frame(this.#opcode, this.#octets.subarray(this.#offset(start), this.#offset(start + size)));
    });
  }

  #offset(index: number): number {
    return this.#starts === undefined ? index : (this.#starts[index] ?? this.#octets.length);
  }
}

function randomIntegers(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Parts until there are `length` characters, and exactly so many. */
function filled(length: number, part: (index: number) => string): string {
  let content = '';
  for (let i = 0; content.length < length; i += 1) {
    content += part(i);
  }
  return content.slice(0, length);
}

/** Records of a log: much the same, over and over. */
function json(random: Random): string {
  return filled(194_056, (i) => {
    const record = { sensor: 'temperature', unit: 'degrees Celsius', station: 'north-east', quality: 'calibrated' };
    return `${JSON.stringify({ ...record, sequence: 100_000 + i, value: random(1000) / 10, status: 'valid' })},\n`;
  });
}

/** Noise of some depth over a slope. */
function bitmap(random: Random): Buffer {
  const width = 512;
  return Buffer.from(Array.from({ length: 263_222 }, (_, i) => ((i % width) >> 4) + random(90)));
}

/** Words of letters as often as German has them, and of endings and little words that come again. */
function prose(random: Random): Buffer {
  const letters = 'eeeeeeeennnnniiiisssrrraaattddhhuullccggmmoobwfkzpv';
  const littleWords = 'der die das und ist nicht ein eine mit auf von zu den dem sich als auch es so wie'.split(' ');
  const endings = ['en', 'er', 'ung', 'lich', 'keit', 'te', 'st', 'isch'];
  const word = (): string => filled(2 + random(4), () => letters[random(letters.length)] ?? '');
  const known = Array.from({ length: 700 }, () => word() + (endings[random(endings.length)] ?? ''));
  const text = filled(222_218, () => {
    const kind = random(10);
    if (kind < 4) {
      return `${littleWords[random(littleWords.length)] ?? ''} `;
    }
    return kind < 9 ? `${known[random(known.length)] ?? ''} ` : `${word()}, `;
  });
  return Buffer.from(text);
}

/** Rows of a table, with a letter beyond ASCII in some of them. */
function html(random: Random): string {
  const umlauts = 27;
  const text = filled(263_620, (i) => {
    const cells = ['name', 'address', 'telephone'].map((name) => `<td class="cell ${name}">${name} ${String(random(64))}`);
    return `<tr id="row-${String(i)}" class="${i % 2 === 0 ? 'even' : 'odd'}">${cells.join('</td>\n')}</td></tr>\n`;
  });
  const gap = Math.floor(text.length / umlauts);
  return Array.from(text, (character, i) => (i % gap === gap - 1 && i < gap * umlauts ? 'ü' : character)).join('');
}

/** Streams that are compressed already, and the objects in between. */
function pdf(random: Random): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 1; length < 1_042_328; i += 1) {
    const stream = Buffer.from(Array.from({ length: 3000 }, () => random(256)));
    const objects = `${String(i)} 0 obj\n<< /Type /Page /Parent 1 0 R /Resources 2 0 R >>\nendobj\n`.repeat(13);
    parts.push(Buffer.from(objects), stream);
    length += objects.length + stream.length;
  }
  return Buffer.concat(parts).subarray(0, 1_042_328);
}

export const payloads = {
  json: new Payload(opcodes.text, json(randomIntegers(1))),
  bitmap: new Payload(opcodes.binary, bitmap(randomIntegers(2))),
  prose: new Payload(opcodes.binary, prose(randomIntegers(3))),
  html: new Payload(opcodes.text, html(randomIntegers(4))),
  pdf: new Payload(opcodes.binary, pdf(randomIntegers(5))),
};
