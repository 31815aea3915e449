/** Compares messages that may be long: yes or no, because the difference would take minutes to find and to print. */
import { expect } from 'vitest';
import type { Message } from './peer.js';

export function expectSame(actual: readonly Message[], expected: readonly Message[]): void {
  expect(actual.map(describe)).toEqual(expected.map(describe));
  expect(actual.every((message, index) => isSame(message, expected[index]))).toBe(true);
}

function describe(message: Message): string {
  return `${typeof message === 'string' ? 'text' : 'binary'}, length ${String(message.length)}`;
}

function isSame(message: Message, expected: Message | undefined): boolean {
  if (typeof message === 'string') return message === expected;
  return Buffer.isBuffer(expected) && message.equals(expected);
}
