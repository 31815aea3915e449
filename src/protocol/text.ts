/**
 * UTF-8 to strings and back, in the way that is fastest where we are (RFC 6455 section 8.1: a text message is UTF-8).
 */
import * as buffer from 'node:buffer';
import { isAscii, isUtf8 } from 'node:buffer';
import { DECODE_CAPACITY, frameScanner } from './frame-scanner.js';

/**
 * Until Node 22 the platform's own decoding of text that is not ASCII is slow. Short text takes 2 to 4 times less in
 * WebAssembly. Longer text goes by way of UTF-16, which takes 2 to 4 times less too and, unlike the other two, no more
 * when characters of all lengths come mixed. From Node 24 on the platform is as fast or faster.
 */
// eslint-disable-next-line no-restricted-globals -- a fact of the platform, and no import has it without side effects
const isPlatformSlow = Number.parseInt(process.versions.node) < 24;
const TRANSCODE_FROM = 2048;
/** A platform without ICU has none. */
const { transcode } = buffer as Partial<typeof buffer>;

/** The text from `start` to `end`; undefined if it is not UTF-8. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string | undefined {
  const length = end - start;
  const mayTranscode = isPlatformSlow && length >= TRANSCODE_FROM && transcode !== undefined;
  if (isPlatformSlow && !mayTranscode && length <= DECODE_CAPACITY) {
    const scanner = frameScanner();
    if (scanner !== undefined) return scanner.decode(bytes, start, end);
  }
  const text = bytes.subarray(start, end);
  // What is ASCII is Latin-1 too, and as a string of UTF-16 it would take twice the memory.
  if (mayTranscode && isAscii(text)) return text.toString('latin1');
  if (!isUtf8(text)) return undefined;
  return mayTranscode ? transcode(text, 'utf8', 'utf16le').toString('utf16le') : text.toString();
}

/**
 * Writing a string to a buffer takes five times more where no processor can guess the next character's length: 37 µs for
 * 16 KiB, by way of UTF-16 9.5. Where it can guess, both take 6 to 15. A Latin-1 string is what `write` is best at.
 */
const ENCODE_FROM = 1024;
/** UTF-16 code units that are looked at. */
const SAMPLES = 8;
const UTF16_CAPACITY = 64 * 1024;
let utf16: Buffer | undefined;

/** The UTF-8 of a text, where `write` is not the way to it: it is long, and not Latin-1 as far as samples tell. */
export function encodeUtf8(text: string): Buffer | undefined {
  if (text.length < ENCODE_FROM || transcode === undefined || !hasWideSample(text)) return undefined;
  let units: Buffer;
  if (text.length * 2 <= UTF16_CAPACITY) {
    utf16 ??= Buffer.allocUnsafeSlow(UTF16_CAPACITY);
    units = utf16.subarray(0, utf16.write(text, 'utf16le'));
  } else {
    units = Buffer.from(text, 'utf16le');
  }
  try {
    return transcode(units, 'utf16le', 'utf8');
  } catch {
    // A lone surrogate, for which `write` puts U+FFFD.
    return undefined;
  }
}

function hasWideSample(text: string): boolean {
  const step = text.length / SAMPLES;
  for (let index = 0; index < text.length; index += step) {
    if (text.charCodeAt(index) > 0xff) return true;
  }
  return false;
}
