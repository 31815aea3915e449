/** Section 1: unfragmented messages around the borders of the three length forms (RFC 6455 section 5.2). */

import { answersCase, atOnce, inChops, type ConformanceCase, type Section } from '../case.js';
import { binary, text, type Frame } from '../frames.js';

const lengths = [0, 125, 126, 127, 128, 65535, 65536];

function framingCases(id: string, type: string, message: (length: number) => Frame): ConformanceCase[] {
  const last = message(65536);
  return [
    ...lengths.map((length, i) =>
      answersCase(`${id}.${String(i + 1)}`, `${type} of ${String(length)} octets`, atOnce(message(length)), [
        message(length),
      ]),
    ),
    answersCase(`${id}.8`, `${type} of 65536 octets in chops of 997`, inChops(997, last), [last]),
  ];
}

export const framing: Section = {
  number: 1,
  title: 'Framing',
  count: 16,
  cases: [
    ...framingCases('1.1', 'text', (length) => text('*'.repeat(length))),
    ...framingCases('1.2', 'binary', (length) => binary(Buffer.alloc(length, 0xfe))),
  ],
};
