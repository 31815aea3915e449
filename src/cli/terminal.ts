/** Where a command reads and writes: the process, or what a test puts in its place. */
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ctrl-C. */
  once(event: 'SIGINT', listener: () => void): unknown;
  off(event: 'SIGINT', listener: () => void): unknown;
  emit(event: 'SIGINT'): unknown;
}

export type Style = 'green' | 'red' | 'cyan' | 'yellow' | 'dim' | 'magenta';

/** Gives text a colour where people read it, unless they want none (https://no-color.org). */
export function painter({ stdout, env }: Terminal): (style: Style, text: string) => string {
  const isPlain = stdout.isTTY !== true || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  // What it would ask the process about, this function has asked the terminal.
  return isPlain ? (_, text) => text : (style, text) => styleText(style, text, { validateStream: false });
}

/** What a command ends with. */
export const ExitCode = {
  /** All went well: for a connection, a clean close with 1000, 1001 or no code. */
  OK: 0,
  /** It could not be opened, or was lost. */
  FAILED: 1,
  /** It was typed wrong. */
  USAGE: 2,
  /** The other end closed it with another code. */
  CLOSED: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
