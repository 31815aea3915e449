/**
 * The part of the receiver that is worth WebAssembly: unmasking (RFC 6455 section 5.3), and finding the whole messages
 * in what was read. It is AssemblyScript, and `npm run build:wasm` makes src/protocol/wasm-module.ts of it.
 *
 * What a frame means, and what is wrong with one, is decided by src/protocol/receiver.ts alone: `scan` stops at the first
 * frame that is not a whole, unfragmented, uncompressed message within the limit, and says nothing of it.
 *
 * The memory is one for all connections, and does not grow:
 *
 *     0         the table: where `scan` stopped, and for each message three words, see below
 *     INPUT     what was read, as it came
 *     OUTPUT    payloads that `scan` unmasked, one behind the other
 *     MASKING   what `mask` and `decode` work on, so that they may be called while the table is being read
 *
 * Vectors are loaded and stored whole, so each region has 16 bytes behind it that nobody uses.
 */

/** So many messages has the table room for; one that is full is read, and `scan` called again. */
const MAX_MESSAGES: i32 = 1024;
/** The words of a message: the address of its payload; its length above the two bits of its kind; where it ends in the
 * input. */
const ENTRY: i32 = 12;

const CAPACITY: i32 = 64 * 1024;
const SLACK: i32 = 16;
export const INPUT: i32 = SLACK + MAX_MESSAGES * ENTRY;
const OUTPUT: i32 = INPUT + CAPACITY + SLACK;
export const MASKING: i32 = OUTPUT + CAPACITY + SLACK;

const IS_BINARY: i32 = 1;
const IS_ASCII: i32 = 2;

const FIN: i32 = 0x80;
const MASK: i32 = 0x80;
const TEXT: i32 = 0x1;
const BINARY: i32 = 0x2;

/** Which of the bytes of a vector are within the first `length` bytes. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function lanes(length: i32): i32 {
  return length >= 16 ? 0xffff : (1 << length) - 1;
}

/** Writes `length` bytes XORed with the key to another place. Returns whether any of them is not ASCII. */
function unmask(source: i32, length: i32, target: i32, key: i32): bool {
  const keys = i32x4.splat(key);
  let bits = i64x2.splat(0);
  let offset: i32 = 0;
  // Four at a time.
  for (; offset <= length - 64; offset += 64) {
    const bytes0 = v128.xor(v128.load(source + offset), keys);
    const bytes1 = v128.xor(v128.load(source + offset, 16), keys);
    const bytes2 = v128.xor(v128.load(source + offset, 32), keys);
    const bytes3 = v128.xor(v128.load(source + offset, 48), keys);
    v128.store(target + offset, bytes0);
    v128.store(target + offset, bytes1, 16);
    v128.store(target + offset, bytes2, 32);
    v128.store(target + offset, bytes3, 48);
    bits = v128.or(bits, v128.or(v128.or(bytes0, bytes1), v128.or(bytes2, bytes3)));
  }
  for (; offset <= length - 16; offset += 16) {
    const bytes = v128.xor(v128.load(source + offset), keys);
    v128.store(target + offset, bytes);
    bits = v128.or(bits, bytes);
  }
  let high = i8x16.bitmask(bits);
  if (offset < length) {
    const bytes = v128.xor(v128.load(source + offset), keys);
    v128.store(target + offset, bytes);
    high |= i8x16.bitmask(bytes) & lanes(length - offset);
  }
  return high != 0;
}

/** Whether any of `length` bytes is not ASCII. */
function hasNonAscii(address: i32, length: i32): bool {
  let bits = i64x2.splat(0);
  let offset: i32 = 0;
  for (; offset <= length - 16; offset += 16) bits = v128.or(bits, v128.load(address + offset));
  let high = i8x16.bitmask(bits);
  if (offset < length) high |= i8x16.bitmask(v128.load(address + offset)) & lanes(length - offset);
  return high != 0;
}

/** Masks or unmasks `length` bytes at MASKING, in place. Returns whether any of them is not ASCII then. */
export function mask(length: i32, key: i32): bool {
  return unmask(MASKING, length, MASKING, key);
}

/**
 * Finds the messages in the input from `offset` to `end`, and unmasks them. Returns how many there are in the table.
 * @param isMasked whether frames are masked, as all are that a server gets
 * @param maxPayload bytes, of one message
 */
export function scan(offset: i32, end: i32, isMasked: bool, maxPayload: i32): i32 {
  const maskBit = isMasked ? MASK : 0;
  const keyLength = isMasked ? 4 : 0;
  const stop = INPUT + end;
  let address = INPUT + offset;
  let target = OUTPUT;
  let count: i32 = 0;
  while (count < MAX_MESSAGES && address + 2 <= stop) {
    const opcode = <i32>load<u8>(address) ^ FIN;
    if (opcode != TEXT && opcode != BINARY) break;
    let length = <i32>load<u8>(address + 1) ^ maskBit;
    let payload = address + 2 + keyLength;
    if (length > 125) {
      if (length != 126 || address + 4 > stop) break;
      length = (<i32>load<u8>(address + 2) << 8) | <i32>load<u8>(address + 3);
      if (length < 126) break;
      payload += 2;
    }
    if (length > maxPayload || payload + length > stop) break;
    let start = payload;
    let isAscii: bool;
    if (isMasked) {
      start = target;
      isAscii = !unmask(payload, length, target, load<i32>(payload - 4));
      target += length;
    } else {
      isAscii = opcode == TEXT && !hasNonAscii(payload, length);
    }
    address = payload + length;
    count++;
    const entry = count * ENTRY;
    store<i32>(entry, start);
    store<i32>(entry + 4, (length << 2) | (isAscii ? IS_ASCII : 0) | (opcode == BINARY ? IS_BINARY : 0));
    store<i32>(entry + 8, address - INPUT);
  }
  store<i32>(0, address - INPUT);
  return count;
}

/**
 * Text is decoded in the place where bytes are masked: UTF-16 in its first half, and what to decode in its second if it
 * is not in this memory already.
 */
export const DECODING: i32 = MASKING + CAPACITY / 2;

/**
 * Decodes at most 16 KiB of UTF-8 to UTF-16 at MASKING (Encoding Standard section 8.1.1). Returns the number of code
 * units; -1 for what is not UTF-8.
 */
export function decode(address: i32, length: i32): i32 {
  const end = address + length;
  let target = MASKING;
  while (address < end) {
    let byte = <i32>load<u8>(address);
    if (byte < 0x80) {
      // Up to 16 that are ASCII.
      const bytes = v128.load(address);
      const high = i8x16.bitmask(bytes) | ~lanes(end - address);
      store<v128>(target, i16x8.extend_low_i8x16_u(bytes));
      store<v128>(target + 16, i16x8.extend_high_i8x16_u(bytes));
      const count = ctz(high | 0x10000);
      address += count;
      target += count * 2;
      continue;
    }
    // The next bytes, as far as there are any: what is missing is no continuation byte.
    const left = end - address;
    const second = left > 1 ? <i32>load<u8>(address + 1) ^ 0x80 : 0xff;
    if (byte < 0xe0) {
      if (byte < 0xc2 || second > 0x3f) return -1;
      store<u16>(target, <u16>(((byte & 0x1f) << 6) | second));
      address += 2;
      target += 2;
      continue;
    }
    const third = left > 2 ? <i32>load<u8>(address + 2) ^ 0x80 : 0xff;
    if (byte < 0xf0) {
      const unit = ((byte & 0x0f) << 12) | (second << 6) | third;
      if ((second | third) > 0x3f || unit < 0x800 || (unit & 0xf800) == 0xd800) return -1;
      store<u16>(target, <u16>unit);
      address += 3;
      target += 2;
      continue;
    }
    const fourth = left > 3 ? <i32>load<u8>(address + 3) ^ 0x80 : 0xff;
    const codePoint = ((byte & 0x07) << 18) | (second << 12) | (third << 6) | fourth;
    if (byte > 0xf4 || (second | third | fourth) > 0x3f || codePoint < 0x10000 || codePoint > 0x10ffff) return -1;
    store<u16>(target, <u16>(0xd7c0 + (codePoint >> 10)));
    store<u16>(target + 2, <u16>(0xdc00 | (codePoint & 0x3ff)));
    address += 4;
    target += 4;
  }
  return (target - MASKING) >> 1;
}
