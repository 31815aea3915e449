/**
 * Writes down what a receiver reports, in order.
 */
import { expect } from 'vitest';
import type { ProtocolError } from '../../src/errors.js';
import type { CloseFrame } from '../../src/protocol/close-code.js';
import { Receiver, type ReceiverHandler, type ReceiverOptions } from '../../src/protocol/receiver.js';
import { TEXT } from './frame-bytes.js';

export type ReceivedEvent =
  | readonly ['text', string]
  | readonly ['binary' | 'compressed text' | 'compressed binary' | 'ping' | 'pong', Buffer]
  | readonly ['close', CloseFrame]
  | readonly ['error', ProtocolError];

export class Recorder implements ReceiverHandler {
  readonly events: ReceivedEvent[] = [];
  readonly #onEvent: () => void;

  /** `onEvent` runs inside the receiver's call, after the event was written down. */
  constructor(onEvent: () => void = () => undefined) {
    this.#onEvent = onEvent;
  }

  onText(text: string): void {
    this.#record(['text', text]);
  }

  onBinary(data: Buffer): void {
    this.#record(['binary', data]);
  }

  onCompressed(opcode: number, payload: Buffer): void {
    this.#record([opcode === TEXT ? 'compressed text' : 'compressed binary', payload]);
  }

  onPing(payload: Buffer): void {
    this.#record(['ping', payload]);
  }

  onPong(payload: Buffer): void {
    this.#record(['pong', payload]);
  }

  onClose(frame: CloseFrame): void {
    this.#record(['close', frame]);
  }

  onProtocolError(error: ProtocolError): void {
    this.#record(['error', error]);
  }

  /** The one error that was reported, with nothing after it. */
  get error(): ProtocolError {
    const last = this.events.at(-1);
    if (last?.[0] !== 'error') throw new Error('no error was reported last');
    return last[1];
  }

  #record(event: ReceivedEvent): void {
    this.events.push(event);
    this.#onEvent();
  }
}

const LIMITS = { maxPayload: 64 * 1024 * 1024, maxFragments: 131_072 };

/** What a receiver is made with, and whether compression was agreed on. */
export interface RecordedOptions extends Partial<ReceiverOptions> {
  readonly takesCompressed?: boolean;
}

/** A new receiver and its recorder. */
export function recordedReceiver(options: RecordedOptions = {}): { receiver: Receiver; recorder: Recorder } {
  const { takesCompressed = false, ...receiverOptions } = options;
  const recorder = new Recorder();
  const receiver = new Receiver(recorder, { isServer: true, ...LIMITS, ...receiverOptions });
  if (takesCompressed) receiver.takeCompressed();
  return { receiver, recorder };
}

/** What a new receiver reports of these chunks: the same, whether they are its own or not. */
export function receive(chunks: readonly Buffer[], options: RecordedOptions = {}): ReceivedEvent[] {
  const { receiver, recorder } = recordedReceiver(options);
  for (const chunk of chunks) receiver.push(chunk);
  const owning = recordedReceiver(options);
  for (const chunk of chunks) owning.receiver.push(inOwnMemory(chunk), true);
  expect(render(owning.recorder.events)).toEqual(render(recorder.events));
  return recorder.events;
}

/** A copy in memory of its own, as a socket's buffer is. */
export function inOwnMemory(chunk: Buffer): Buffer {
  return Buffer.from(Uint8Array.from(chunk).buffer);
}

/** Events as strings: quick to compare by the thousand. */
export function render(events: readonly ReceivedEvent[]): string[] {
  return events.map(([name, value]) => {
    if (typeof value === 'string') return `${name} ${value}`;
    if (Buffer.isBuffer(value)) return `${name} ${value.toString('latin1')}`;
    if (value instanceof Error) return `${name} ${value.code} ${String(value.closeCode)} ${value.message}`;
    return `${name} ${String(value.code)} ${value.reason}`;
  });
}
