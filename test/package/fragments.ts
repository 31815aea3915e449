// What of the guides is type-checked: programs in TypeScript as they are, and fragments, each inside a function, with
// the names that a reader of the guides knows.
import type { Block } from './markdown.js';

const prelude = `
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  CloseEvent, HandshakeError, MessageEvent, ProtocolError, Watershed, WatershedConnection, WatershedError, WebSocket,
} from 'watershed';

declare const server: Server;
declare const request: IncomingMessage;
declare const response: IncomingMessage;
declare const socket: Duplex;
declare const head: Buffer;
declare const key: string;
declare const url: string;
declare const watershed: Watershed;
declare const connection: WatershedConnection;
declare const connections: Set<WatershedConnection>;
declare const webSocket: WebSocket;

export async function fragment() {
`;

/** The module as which a block is checked; undefined if it is not. */
export function moduleOf({ document, line, language, file, text }: Block): { file: string; text: string } | undefined {
  const place = `${document.replace(/\W+/g, '-')}-line-${String(line)}`;
  const isTypeScript = /^(ts|typescript|mts|cts)$/.test(language);
  if (file !== undefined) return isTypeScript ? { file: `${place}-${file.replace(/\W+/g, '-')}.mts`, text } : undefined;
  const isJavaScript = /^(js|javascript|mjs|cjs)$/.test(language);
  return isTypeScript || isJavaScript ? { file: `${place}.mts`, text: `${prelude}${text}}\n` } : undefined;
}

/** Strict; but a fragment is JavaScript, whose parameters have no types. */
export const compilerOptions = {
  strict: true,
  noImplicitAny: false,
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  skipLibCheck: true,
  noEmit: true,
};
