/**
 * A plain echo endpoint that can be made to do one thing wrong. It is good enough for the cases that it is used for,
 * and exists to show that the verdict notices each fault.
 */

import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { Socket } from 'node:net';
import { StreamingDeflater, StreamingInflater } from '../protocol/streaming-codec.js';
import { binary, close, encodeFrame, FrameReader, frame, opcodes, ping, pong, text, type Frame } from './frames.js';
import type { End } from './raw-peer.js';
import { echoServer, type Testee } from './testee.js';

export type Fault =
  | 'none'
  | 'answers only the last PING of a read'
  | 'answers PING after CLOSE'
  | 'closes by itself after an echo'
  | 'compresses with a context and a window that were not agreed on'
  | 'echoes text as binary'
  | 'ends TCP in the middle of a frame'
  | 'ends TCP without a CLOSE frame'
  | 'fails with an empty CLOSE frame'
  | 'looks at UTF-8 when the message is complete'
  | 'masks at the wrong end'
  | 'never ends TCP'
  | 'pings unasked'
  | 'replies to every CLOSE with 1000'
  | 'resets TCP in place of ending it'
  | 'sends two CLOSE frames'
  | 'sets RSV1';

export function faultyTestee(fault: Fault): Testee {
  return {
    listen() {
      const server = createServer();
      server.on('upgrade', (req, socket: Socket) => {
        const key = req.headers['sec-websocket-key'] ?? '';
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
            `Sec-WebSocket-Accept: ${accept}\r\n${extensionsLine(req.headers['sec-websocket-extensions'])}\r\n`,
        );
        new FaultyEndpoint(socket, 'server', fault);
      });
      return echoServer(server.listen(0, '127.0.0.1'));
    },

    connect(port) {
      const headers = {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
      };
      request({ host: '127.0.0.1', port, headers })
        .on('upgrade', (_res, socket: Socket, head) => {
          socket.unshift(head);
          new FaultyEndpoint(socket, 'client', fault);
        })
        .end();
    },
  };
}

/** Promises of the first offer what is asked of the server, and asks nothing of the client. */
function extensionsLine(offers: string | undefined): string {
  if (offers === undefined) {
    return '';
  }
  const parameters = (offers.split(',')[0] ?? '').split('; ').filter((each) => !each.startsWith('client_'));
  return `Sec-WebSocket-Extensions: ${parameters.join('; ')}\r\n`;
}

class FaultyEndpoint {
  readonly #socket: Socket;
  readonly #end: End;
  readonly #fault: Fault;
  #fragments: Frame[] = [];
  #decoder = new TextDecoder('utf-8', { fatal: true });
  /** At its own defaults, whatever was agreed on. */
  readonly #deflater = new StreamingDeflater({ windowBits: 15, noContextTakeover: false });
  readonly #inflater = new StreamingInflater({ windowBits: 15, noContextTakeover: false });
  #isClosing = false;

  constructor(socket: Socket, end: End, fault: Fault) {
    this.#socket = socket;
    this.#end = end;
    this.#fault = fault;
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      const frames = reader.read(chunk);
      frames.forEach((received, i) => {
        const isLastPing = !frames.slice(i + 1).some(({ opcode }) => opcode === opcodes.ping);
        if (isLastPing || fault !== 'answers only the last PING of a read' || received.opcode !== opcodes.ping) {
          this.#receive(received);
        }
      });
    });
    socket.on('end', () => socket.end());
    // The raw peer gives up a faulty connection by destroying it.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#deflater.close();
      this.#inflater.close();
    });
  }

  #receive(received: Frame): void {
    const { opcode, payload, rsv } = received;
    if (this.#isClosing) {
      if (opcode === opcodes.ping && this.#fault === 'answers PING after CLOSE') {
        this.#send(pong(payload));
      }
    } else if (rsv === 4 && this.#fault.startsWith('compresses')) {
      void this.#echoCompressed(received);
    } else if (rsv !== 0) {
      this.#close(1002);
    } else if (opcode === opcodes.ping) {
      this.#send(pong(payload));
    } else if (opcode === opcodes.close) {
      const code = payload.length < 2 ? 1000 : payload.readUInt16BE();
      this.#close(code >= 1000 || this.#fault === 'replies to every CLOSE with 1000' ? 1000 : 1002);
    } else {
      this.#receiveFragment(received);
    }
  }

  #receiveFragment(fragment: Frame): void {
    this.#fragments.push(fragment);
    const [{ opcode } = fragment] = this.#fragments;
    const isLookedAt = fragment.fin || this.#fault !== 'looks at UTF-8 when the message is complete';
    if (opcode === opcodes.text && isLookedAt && !this.#isUtf8(fragment)) {
      this.#close(1007);
    } else if (fragment.fin) {
      const payload = Buffer.concat(this.#fragments.map((part) => part.payload));
      this.#fragments = [];
      this.#echo(opcode, payload);
    }
  }

  #isUtf8({ payload, fin }: Frame): boolean {
    try {
      this.#decoder.decode(payload, { stream: !fin });
      return true;
    } catch {
      return false;
    }
  }

  #echo(opcode: number, payload: Buffer): void {
    const isText = opcode === opcodes.text && this.#fault !== 'echoes text as binary';
    const rsv = this.#fault === 'sets RSV1' ? 4 : 0;
    this.#send(isText ? text(payload, { rsv }) : binary(payload, { rsv }));
    if (this.#fault === 'pings unasked') {
      this.#send(ping(''));
    }
    if (this.#fault === 'closes by itself after an echo') {
      this.#close(1000);
    }
  }

  async #echoCompressed({ opcode, payload }: Frame): Promise<void> {
    const deflated = await this.#deflater.deflate(await this.#inflater.inflate(payload));
    this.#send(frame(opcode, deflated, { rsv: 4 }));
  }

  #close(code: number): void {
    this.#isClosing = true;
    if (this.#fault === 'resets TCP in place of ending it') {
      this.#socket.resetAndDestroy();
      return;
    }
    if (this.#fault !== 'ends TCP without a CLOSE frame') {
      this.#send(this.#fault === 'fails with an empty CLOSE frame' ? close() : close(code));
    }
    if (this.#fault === 'sends two CLOSE frames') {
      this.#send(close(code));
    }
    if (this.#fault === 'ends TCP in the middle of a frame') {
      this.#socket.write(Buffer.of(0x8a));
    }
    if (this.#end === 'server' && this.#fault !== 'never ends TCP') {
      // After the event, so that what came with the CLOSE is still answered by an endpoint that does so.
      setImmediate(() => this.#socket.end());
    }
  }

  #send(frame: Frame): void {
    const isMasked = (this.#end === 'client') !== (this.#fault === 'masks at the wrong end');
    this.#socket.write(encodeFrame(frame, isMasked));
  }
}
