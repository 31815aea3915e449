/**
 * The raw peer: the other end of a testee's connection, over a bare TCP socket, in either role. It sends whatever a
 * case asks for, right or wrong, and records what the testee does. It knows no case, gives no verdict, and imports
 * nothing from src/.
 */

import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import { setImmediate as yieldToEventLoop, setTimeout as sleep } from 'node:timers/promises';
import { StreamingDeflater, StreamingInflater } from '../protocol/streaming-codec.js';
import type { AgreedDeflate } from './deflate.js';
import { close, encodeFrame, FrameReader, frame, opcodes, type Frame, type ReceivedFrame } from './frames.js';

export type End = 'server' | 'client';

/** A CLOSE frame of the testee. */
export interface ReceivedClose {
  /** `undefined` in an empty CLOSE. */
  readonly code: number | undefined;
  /** Whether we had sent our CLOSE by then. */
  readonly isReply: boolean;
}

export class RawPeer {
  /** Which end of the connection the testee is. */
  readonly testeeEnd: End;
  /** The whole messages, PINGs and PONGs of the testee, in order, each as the one frame that it could have been. */
  readonly answers: Frame[] = [];
  /** Every CLOSE frame of the testee. */
  readonly closes: ReceivedClose[] = [];
  /** What the testee did that no endpoint may do, whatever the case. */
  readonly violations: string[] = [];
  /** How many of the testee's messages were compressed. */
  compressedAnswers = 0;
  /** Who ended its direction of the TCP connection first. */
  firstToEnd: 'testee' | 'peer' | undefined;

  readonly #socket: Socket;
  readonly #patience: number;
  readonly #reader = new FrameReader();
  readonly #deflater: StreamingDeflater | undefined;
  readonly #inflater: StreamingInflater | undefined;
  /** The messages are inflated one after another. */
  #inflated: Promise<void> = Promise.resolve();
  #message: Frame[] = [];
  #closeSent = false;
  #testeeEnded = false;
  #wake: (() => void) | undefined;

  /**
   * @param socket a socket with `allowHalfOpen`, on which the opening handshake has just been done
   * @param patience milliseconds without anything from the testee after which waiting for it is given up
   * @param deflate what was agreed on for compression, if it was
   */
  constructor(socket: Socket, testeeEnd: End, patience: number, deflate?: AgreedDeflate) {
    this.testeeEnd = testeeEnd;
    this.#socket = socket;
    this.#patience = patience;
    // Quickly rather than well: it is the testee that is to be examined.
    this.#deflater = deflate && new StreamingDeflater({ ...deflate.toTestee, level: 1 });
    this.#inflater = deflate && new StreamingInflater(deflate.fromTestee);
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('end', () => {
      if (this.#reader.isInFrame) {
        this.violations.push('TCP ended in the middle of a frame');
      }
      this.#testeeHasEnded();
    });
    socket.on('error', (error) => {
      // After the testee's end a reset is only the echo of what we still sent to a socket that is gone.
      if (!this.#testeeEnded) {
        this.violations.push(`TCP did not end in order: ${error.message}`);
        this.#testeeHasEnded();
      }
    });
    socket.resume();
  }

  get closeSent(): boolean {
    return this.#closeSent;
  }

  /** Sends the frames in one write. */
  send(frames: readonly Frame[]): void {
    this.write(Buffer.concat(this.#encode(frames)));
  }

  /** Sends the frames in one write each, with a turn of the event loop in between. */
  async sendOneByOne(frames: readonly Frame[]): Promise<void> {
    for (const bytes of this.#encode(frames)) {
      this.write(bytes);
      await yieldToEventLoop();
    }
  }

  /** Sends the frames in writes of `size` octets, with a turn of the event loop in between. */
  async sendInChops(frames: readonly Frame[], size: number): Promise<void> {
    const bytes = Buffer.concat(this.#encode(frames));
    for (let offset = 0; offset < bytes.length; offset += size) {
      this.write(bytes.subarray(offset, offset + size));
      await yieldToEventLoop();
    }
  }

  /** The octets of the frames, for a case that writes a frame in parts. */
  encode(outgoing: Frame): Buffer {
    // A client masks every frame, a server none (RFC 6455 section 5.1).
    return encodeFrame(outgoing, this.testeeEnd === 'server');
  }

  /** The message compressed (RFC 7692 section 7.2.1), by what was agreed on: the next that is sent, and no other. */
  async compress({ opcode, payload }: Frame): Promise<Frame> {
    if (this.#deflater === undefined) {
      throw new Error('compression was not agreed on');
    }
    return frame(opcode, await this.#deflater.deflate(payload), { rsv: 4 });
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Waits until `count` answers have come. Whatever ends the connection ends the waiting too. */
  async answered(count: number): Promise<void> {
    await this.#until(() => this.answers.length >= count || this.#isClosing, `${String(count)} answers`);
  }

  /** Waits for the testee's CLOSE. The end of TCP ends the waiting too. */
  async closed(): Promise<void> {
    await this.#until(() => this.#isClosing, 'its CLOSE frame');
  }

  /** Waits until the testee has ended TCP. */
  async ended(): Promise<void> {
    await this.#until(() => this.#testeeEnded, 'its end of TCP');
  }

  /** Gives the testee a while to close the connection too early, and notes it if it does. */
  async expectOpen(): Promise<void> {
    // In the middle of a frame nothing can be asked that it would have to answer, so there is no event to await.
    await sleep(50);
    if (this.#isClosing) {
      this.violations.push('it closed the connection too early');
    }
  }

  /** Answers the testee's CLOSE with the same code, unless our own has been sent. */
  replyToClose(): void {
    const [received] = this.closes;
    if (received !== undefined && !this.#closeSent) {
      this.send([close(received.code)]);
    }
  }

  end(): void {
    this.firstToEnd ??= 'peer';
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#deflater?.close();
    this.#inflater?.close();
  }

  get #isClosing(): boolean {
    return this.closes.length > 0 || this.#testeeEnded;
  }

  #encode(frames: readonly Frame[]): Buffer[] {
    this.#closeSent ||= frames.some(({ opcode }) => opcode === opcodes.close);
    return frames.map((outgoing) => this.encode(outgoing));
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`waited ${String(this.#patience)} ms in vain for ${what}`));
        }, this.#patience);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #testeeHasEnded(): void {
    this.#testeeEnded = true;
    this.firstToEnd ??= 'testee';
    this.#wake?.();
  }

  #receive(chunk: Buffer): void {
    for (const received of this.#reader.read(chunk)) {
      this.#checkFrame(received);
      if (received.opcode === opcodes.close) {
        this.#receiveClose(received);
      } else if (received.opcode >= opcodes.close) {
        this.answers.push(received);
      } else {
        this.#receiveFragment(received);
      }
    }
    this.#wake?.();
  }

  #checkFrame({ opcode, fin, rsv, isMasked, isLengthMinimal, payload }: ReceivedFrame): void {
    // RSV1 on the first frame of a message says that it is compressed (RFC 7692 section 6).
    const mayBeCompressed = this.#inflater !== undefined && (opcode === opcodes.text || opcode === opcodes.binary);
    const rules: [kept: boolean, violation: string][] = [
      [isMasked === (this.testeeEnd === 'client'), isMasked ? 'a server masked a frame' : 'a client masked no frame'],
      [rsv === 0 || (rsv === 4 && mayBeCompressed), `a frame had RSV=${String(rsv)}`],
      [isLengthMinimal, 'a payload length was not in its shortest form'],
      [Object.values<number>(opcodes).includes(opcode), `a frame had the opcode ${String(opcode)}`],
      [opcode < opcodes.close || (fin && payload.length <= 125), 'a control frame was fragmented or too long'],
      [this.closes.length === 0, `a frame with opcode ${String(opcode)} came after the CLOSE frame`],
    ];
    this.violations.push(...rules.filter(([kept]) => !kept).map(([, violation]) => violation));
  }

  #receiveClose({ payload }: ReceivedFrame): void {
    if (payload.length === 1 || !isUtf8(payload.subarray(2))) {
      this.violations.push(`a malformed CLOSE frame: ${payload.toString('hex')}`);
    }
    this.closes.push({
      code: payload.length < 2 ? undefined : payload.readUInt16BE(),
      isReply: this.#closeSent,
    });
  }

  #receiveFragment(fragment: ReceivedFrame): void {
    if ((fragment.opcode === opcodes.continuation) !== this.#message.length > 0) {
      this.violations.push('fragments of messages were mixed');
    }
    this.#message.push(fragment);
    if (!fragment.fin) {
      return;
    }
    const [first = fragment] = this.#message;
    const payload = Buffer.concat(this.#message.map((part) => part.payload));
    this.#message = [];
    if (first.rsv === 0 || this.#inflater === undefined) {
      this.#takeMessage(first.opcode, payload);
    } else {
      this.#inflate(this.#inflater, first.opcode, payload);
    }
  }

  /** It takes a while: a case that compresses awaits each answer before anything else. */
  #inflate(inflater: StreamingInflater, opcode: number, payload: Buffer): void {
    this.compressedAnswers += 1;
    this.#inflated = this.#inflated
      .then(async () => {
        this.#takeMessage(opcode, await inflater.inflate(payload));
      })
      .catch((error: unknown) => {
        this.violations.push(`a message cannot be inflated: ${String(error)}`);
        // It is over: nothing that comes after can be inflated.
        this.#socket.destroy();
        this.#testeeHasEnded();
      })
      .finally(() => this.#wake?.());
  }

  #takeMessage(opcode: number, payload: Buffer): void {
    this.answers.push(frame(opcode, payload));
    if (opcode === opcodes.text && !isUtf8(payload)) {
      this.violations.push('a text message was not UTF-8');
    }
  }
}
