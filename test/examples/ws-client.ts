/** A client that is not ours, for the examples' servers: ws, with promises. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import WebSocket from 'ws';
import { HANDSHAKE } from '../classic/ends.js';
import { Inbox } from '../interop/inbox.js';

export class Client {
  readonly webSocket: WebSocket;
  /** Texts as strings, bytes as Buffers. */
  readonly messages = new Inbox<string | Buffer>();
  readonly closed: Promise<[code: number, reason: string]>;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    // A message may come with the answer to the handshake, before anybody can have waited for it.
    webSocket.on('message', (data: Buffer, isBinary) => {
      this.messages.put(isBinary ? data : data.toString());
    });
    this.closed = new Promise((resolve) => {
      webSocket.on('close', (code, reason) => {
        resolve([code, reason.toString()]);
      });
    });
  }

  /** Opens a connection, which is gone when the test is finished. */
  static async open(url: string, options: WebSocket.ClientOptions = {}, protocols: string[] = []): Promise<Client> {
    const client = new Client(new WebSocket(url, protocols, options));
    onTestFinished(() => {
      client.webSocket.terminate();
    });
    await once(client.webSocket, 'open');
    return client;
  }

  send(message: string | Buffer): void {
    this.webSocket.send(message);
  }

  /** Sends a message, and waits for the next one that comes. */
  async ask(message: string | Buffer): Promise<string | Buffer> {
    this.send(message);
    return this.messages.take();
  }

  close(code = 1000, reason = ''): Promise<[code: number, reason: string]> {
    this.webSocket.close(code, reason);
    return this.closed;
  }
}

export interface Refusal {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Tries to open a connection that the server refuses, and gives its answer. */
export async function refusalOf(
  url: string,
  options: WebSocket.ClientOptions = {},
  protocols: string[] = [],
): Promise<Refusal> {
  const client = new WebSocket(url, protocols, options);
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** The status of the answer to a handshake whose key is wrong: something that ws does not send. */
export async function statusOfWrongKey(url: string, fields: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  const sent = request(url.replace(/^ws/, 'http'), {
    headers: { ...HANDSHAKE, ...fields, 'sec-websocket-key': 'too short' },
    agent: false,
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}
