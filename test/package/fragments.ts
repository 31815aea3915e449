// The fragments of the guides, as programs that only a type-checker sees: each inside a function, with the names that a
// reader of the guides knows.
import type { Block } from './markdown.js';

const prelude = `
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseEvent, HandshakeError, MessageEvent, ProtocolError, Watershed, WatershedConnection, WatershedError, WebSocket } from 'watershed';
void [CloseEvent, HandshakeError, MessageEvent, ProtocolError, Watershed, WatershedConnection, WatershedError, WebSocket];

declare const server: Server;
declare const request: IncomingMessage;
declare const response: IncomingMessage;
declare const socket: Duplex;
declare const head: Buffer;
declare const key: string;
declare const watershed: Watershed;
declare const connection: WatershedConnection;
declare const connections: Set<WatershedConnection>;
declare const webSocket: WebSocket;
declare const url: string;
`;

/** What is neither a file nor anything that nobody runs: JavaScript or TypeScript without a name. */
export function isFragment({ language, file }: Block): boolean {
  return file === undefined && ['js', 'javascript', 'ts', 'typescript', 'mjs', 'cjs', 'mts', 'cts'].includes(language);
}

/** The name and the text of the module in which a fragment is checked. */
export function moduleOf({ document, line, text }: Block): { file: string; text: string } {
  const file = `${document.replace(/\W+/g, '-')}-line-${String(line)}.ts`;
  return { file, text: `${prelude}export async function fragment() {\n${text}}\n` };
}

/** The compiler's options: strict, but a fragment is JavaScript, whose parameters have no types. */
export const fragmentOptions = {
  strict: true,
  noImplicitAny: false,
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  skipLibCheck: true,
  noEmit: true,
};
