/**
 * A server that compresses, and Chromium, which offers permessage-deflate with every connection: messages that are
 * generated on either end come back as they were.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PerMessageDeflateOptions, Watershed, WebSocket } from '../../src/index.js';
import type { CompressionMessage } from '../../src/connection/diagnostics.js';
import { describeInChromium } from './chromium.js';

const lengths = [0, 1, 1_023, 1_024, 65_536, 1_048_576];

const parameters: [face: 'classic' | 'standard', options: PerMessageDeflateOptions, extensions: string][] = [
  ['classic', {}, 'permessage-deflate'],
  ['standard', {}, 'permessage-deflate'],
  ['classic', { threshold: 0 }, 'permessage-deflate'],
  [
    'standard',
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
  [
    'classic',
    { serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
    'permessage-deflate; server_max_window_bits=9; client_max_window_bits=10',
  ],
  ['standard', { serverMaxWindowBits: 8 }, 'permessage-deflate; server_max_window_bits=8'],
];

describeInChromium('a server that compresses, and Chromium', (browser) => {
  const server: Server = createServer((_, response) => response.end());
  let page: Page;

  beforeAll(async () => {
    server.on('upgrade', (request, socket, head) => {
      const [face, perMessageDeflate] = parameters[Number(request.url?.slice(1))] ?? [];
      if (face === 'classic') {
        const echo = Watershed.accept(request, socket, head, { perMessageDeflate });
        echo.on('text', (text) => { echo.send(text); });
        echo.on('binary', (bytes) => { echo.send(bytes); });
      } else {
        const echo = WebSocket.accept(request, socket, head, { perMessageDeflate });
        echo.onmessage = ({ data }): void => { echo.send(data as string | Blob); };
      }
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    page = await browser().newPage();
    await page.goto(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`);
  });

  afterAll(async () => {
    await page.close();
    await once(server.close(), 'close');
  });

  it.each(parameters.map(([face, options, extensions], index) => ({ face, options, extensions, index })))(
    'understand each other: the $face face, $extensions, $options',
    async ({ extensions, index }) => {
      const compressed: CompressionMessage[] = [];
      const subscriber = (message: unknown): void => { compressed.push(message as CompressionMessage); };
      subscribe('watershed:compression', subscriber);
      const trace = await page.evaluate(talk, { path: `/${String(index)}`, lengths });
      unsubscribe('watershed:compression', subscriber);
      expect(trace).toEqual({ extensions, wrong: [], received: 4 * lengths.length, close: [1000, true] });
      const received = compressed.filter(({ direction }) => direction === 'receive').map(({ bytes }) => bytes);
      expect(received).toEqual(expect.arrayContaining([1_024, 65_536, 1_048_576]));
      const sent = compressed.filter(({ direction }) => direction === 'send').map(({ bytes }) => bytes);
      expect(sent).toEqual(expect.arrayContaining([1_024, 65_536, 1_048_576]));
    },
  );
});

interface Trace {
  readonly extensions: string;
  /** The indices of the messages that did not come back as they were. */
  readonly wrong: readonly number[];
  readonly received: number;
  readonly close: readonly [code: number, wasClean: boolean];
}

/** Runs in the page: sends messages of these lengths, text and binary, words and noise; compares what comes back. */
function talk({ path, lengths }: { path: string; lengths: readonly number[] }): Promise<Trace> {
  const ws = new globalThis.WebSocket(`ws://${location.host}${path}`);
  ws.binaryType = 'arraybuffer';
  const sent = lengths.flatMap((length) => {
    const numbered = Array.from({ length: length / 8 + 1 }, (_, index) => `word ${String(index)}`);
    const words = numbered.join(' ').slice(0, length).padEnd(length, '.');
    const noise = new Uint8Array(length).map(() => Math.random() * 256);
    const noisy = Array.from(noise, (byte) => String.fromCharCode(32 + (byte % 90))).join('');
    return [words, new TextEncoder().encode(words), noise, noisy];
  });
  const wrong: number[] = [];
  let received = 0;
  return new Promise((resolve) => {
    ws.onopen = (): void => {
      for (const message of sent) ws.send(message);
    };
    ws.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>): void => {
      const message = sent[received] as string | Uint8Array;
      const bytes = typeof data === 'string' ? undefined : new Uint8Array(data);
      const isSame =
        bytes === undefined || typeof message === 'string'
          ? data === message
          : bytes.length === message.length && bytes.every((byte, index) => byte === message[index]);
      if (!isSame) wrong.push(received);
      if (++received === sent.length) ws.close(1000);
    };
    ws.onclose = ({ code, wasClean }): void => {
      resolve({ extensions: ws.extensions, wrong, received, close: [code, wasClean] });
    };
  });
}
