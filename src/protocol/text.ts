/**
 * UTF-8 to strings, in the way that is fastest where we are (RFC 6455 section 8.1: a text message is UTF-8).
 */
import * as buffer from 'node:buffer';
import { isUtf8 } from 'node:buffer';
import { versions } from 'node:process';
import { DECODE_CAPACITY, frameScanner } from './frame-scanner.js';

/**
 * Until Node 22 the platform's own decoding of text that is not ASCII is slow. Short text takes 2 to 4 times less in
 * WebAssembly. Longer text goes by way of UTF-16, which takes 2 to 4 times less too and, unlike the other two, no more
 * when characters of all lengths come mixed. From Node 24 on the platform is as fast or faster.
 */
const isPlatformSlow = Number.parseInt(versions.node) < 24;
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
  if (!isUtf8(text)) return undefined;
  return mayTranscode ? transcode(text, 'utf8', 'utf16le').toString('utf16le') : text.toString();
}
