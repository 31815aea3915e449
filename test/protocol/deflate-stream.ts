/**
 * Reads a DEFLATE stream (RFC 1951) bit by bit, to see what zlib does not show: the distances in it. It is slow, and
 * believes that the stream is right.
 */

const LENGTH_BASES = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const DISTANCE_BASES = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The symbols of a Huffman code by their bits, as '0' and '1'. */
type Code = ReadonlyMap<string, number>;

/** The distances of all matches in a stream that ends where its last whole block does. */
export function distancesIn(stream: Uint8Array): number[] {
  const reader = new BitReader(stream);
  const distances: number[] = [];
  while (reader.bitsLeft >= 3) {
    reader.bits(1);
    const type = reader.bits(2);
    if (type === 0) {
      reader.alignToByte();
      const length = reader.bits(16);
      reader.bits(16);
      for (let index = 0; index < length; index++) reader.bits(8);
    } else if (type === 1) {
      readBlock(reader, fixedCode, fixedDistanceCode, distances);
    } else {
      const [code, distanceCode] = readCodes(reader);
      readBlock(reader, code, distanceCode, distances);
    }
  }
  return distances;
}

function readBlock(reader: BitReader, code: Code, distanceCode: Code, distances: number[]): void {
  for (;;) {
    const symbol = reader.symbol(code);
    if (symbol === 256) return;
    if (symbol < 256) continue;
    const length = symbol - 257;
    if (LENGTH_BASES[length] === undefined) throw new Error(`The length symbol ${String(symbol)} does not exist`);
    reader.bits(length < 8 || length === 28 ? 0 : (length >> 2) - 1);
    const distance = reader.symbol(distanceCode);
    const base = DISTANCE_BASES[distance];
    if (base === undefined) throw new Error(`The distance symbol ${String(distance)} does not exist`);
    distances.push(base + reader.bits(distance < 4 ? 0 : (distance >> 1) - 1));
  }
}

/** The two codes of a block that brings its own (section 3.2.7). */
function readCodes(reader: BitReader): [Code, Code] {
  const literals = reader.bits(5) + 257;
  const distances = reader.bits(5) + 1;
  const count = reader.bits(4) + 4;
  const lengthLengths = new Array<number>(19).fill(0);
  for (const symbol of CODE_LENGTH_ORDER.slice(0, count)) lengthLengths[symbol] = reader.bits(3);
  const lengthCode = codeOf(lengthLengths);
  const lengths: number[] = [];
  while (lengths.length < literals + distances) {
    const symbol = reader.symbol(lengthCode);
    if (symbol < 16) lengths.push(symbol);
    else if (symbol === 16) repeat(lengths, lengths.at(-1) ?? 0, 3 + reader.bits(2));
    else if (symbol === 17) repeat(lengths, 0, 3 + reader.bits(3));
    else repeat(lengths, 0, 11 + reader.bits(7));
  }
  return [codeOf(lengths.slice(0, literals)), codeOf(lengths.slice(literals))];
}

function repeat(lengths: number[], length: number, count: number): void {
  for (let index = 0; index < count; index++) lengths.push(length);
}

/** The code whose lengths are these (section 3.2.2). */
function codeOf(lengths: readonly number[]): Code {
  const code = new Map<string, number>();
  let next = 0;
  for (let length = 1; length <= 15; length++) {
    for (const [symbol, symbolLength] of lengths.entries()) {
      if (symbolLength === length) code.set((next++).toString(2).padStart(length, '0'), symbol);
    }
    next <<= 1;
  }
  return code;
}

const fixedCode = codeOf(
  Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
);
const fixedDistanceCode = codeOf(new Array<number>(30).fill(5));

class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get bitsLeft(): number {
    return this.#bytes.length * 8 - this.#position;
  }

  alignToByte(): void {
    this.#position = Math.ceil(this.#position / 8) * 8;
  }

  /** A number, its least significant bit first. */
  bits(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++) value |= this.#bit() << index;
    return value;
  }

  symbol(code: Code): number {
    for (let bits = ''; bits.length <= 15; ) {
      bits += String(this.#bit());
      const symbol = code.get(bits);
      if (symbol !== undefined) return symbol;
    }
    throw new Error('No code has these bits');
  }

  #bit(): number {
    const byte = this.#bytes[this.#position >> 3];
    if (byte === undefined) throw new Error('The stream ends within a block');
    return (byte >> (this.#position++ & 7)) & 1;
  }
}
