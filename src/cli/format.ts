/** Messages as people read them. */
import type { Style } from './terminal.js';

/** More than that of a binary message is not shown. */
const MOST_BYTES = 1_024;
const BYTES_IN_A_LINE = 16;

/** Sixteen bytes in a line: where it begins, what they are, and the letters among them. */
export function hexDump(bytes: Uint8Array): string {
  const lines = [];
  const shown = bytes.subarray(0, MOST_BYTES);
  for (let offset = 0; offset < shown.length; offset += BYTES_IN_A_LINE) {
    const part = [...shown.subarray(offset, offset + BYTES_IN_A_LINE)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const letters = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(BYTES_IN_A_LINE * 3 - 1)}  ${letters}`);
  }
  const more = bytes.length - shown.length;
  if (more > 0) lines.push(`… ${String(more)} bytes more: --save DIR keeps them`);
  return lines.join('\n');
}

/** An object or an array in JSON with a line for each member, in colours; anything else as it is. */
export function prettyJson(text: string, paint: (style: Style, text: string) => string): string {
  // A number of more digits than JavaScript's have would be shown as another one.
  if (!/^\s*[[{]/.test(text) || /\d{16}/.test(text)) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  return JSON.stringify(value, undefined, 2).replace(
    /("(?:[^"\\]|\\.)*")(:?)|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
    (token: string, string: string | undefined, colon: string | undefined) => {
      if (string === undefined) return paint('yellow', token);
      return colon === ':' ? `${paint('cyan', string)}:` : paint('green', string);
    },
  );
}

/** Control characters, which a terminal would obey, as their code points. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A number with separators between thousands. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
