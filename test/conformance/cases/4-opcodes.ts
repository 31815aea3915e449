/** Section 4: reserved opcodes, of data frames and of control frames (RFC 6455 section 5.2). */

import { atOnce, failsCase, inChops, type ConformanceCase, type Section } from '../case.js';
import { frame, ping, text } from '../frames.js';

const hello = text('Hello, world!');

/** Five cases with five neighbouring opcodes. */
function reservedOpcodes(id: string, first: number): ConformanceCase[] {
  const title = (i: number, rest: string): string => `opcode ${String(first + i)}${rest}`;
  const afterHello = (i: number, payload: string) => [hello, frame(first + i, payload), ping('')];
  return [
    failsCase(`${id}.1`, title(0, ', empty'), 1002, atOnce(frame(first, ''))),
    failsCase(`${id}.2`, title(1, ''), 1002, atOnce(frame(first + 1, 'reserved opcode payload'))),
    failsCase(`${id}.3`, title(2, ', empty, after text'), 1002, atOnce(...afterHello(2, '')), [hello]),
    failsCase(`${id}.4`, title(3, ' after text'), 1002, atOnce(...afterHello(3, 'Hello, world!')), [hello]),
    failsCase(
      `${id}.5`,
      title(4, ' after text, in chops of 1'),
      1002,
      inChops(1, ...afterHello(4, 'Hello, world!')),
      [hello],
    ),
  ];
}

export const opcodesSection: Section = {
  number: 4,
  title: 'Opcodes',
  count: 10,
  cases: [...reservedOpcodes('4.1', 3), ...reservedOpcodes('4.2', 11)],
};
