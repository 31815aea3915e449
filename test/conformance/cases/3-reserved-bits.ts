/** Section 3: reserved bits that no extension has claimed (RFC 6455 section 5.2). */

import { atOnce, failsCase, inChops, oneByOne, repliesToCloseCase, type Section } from '../case.js';
import { binary, frame, opcodes, ping, text } from '../frames.js';

const hello = text('Hello, world!');
const octets = Buffer.from('00fffefdfcfb00ff', 'hex');
const helloThenReserved = (rsv: number) => [hello, text('Hello, world!', { rsv }), ping('')];

export const reservedBits: Section = {
  number: 3,
  title: 'Reserved bits',
  count: 7,
  cases: [
    failsCase('3.1', 'text with RSV=1', 1002, atOnce(text('Hello, world!', { rsv: 1 }))),
    failsCase('3.2', 'text, text with RSV=2, PING', 1002, atOnce(...helloThenReserved(2)), [hello]),
    failsCase('3.3', 'text, text with RSV=3, PING, one by one', 1002, oneByOne(...helloThenReserved(3)), [hello]),
    failsCase('3.4', 'text, text with RSV=4, PING, in chops of 1', 1002, inChops(1, ...helloThenReserved(4)), [hello]),
    failsCase('3.5', 'binary with RSV=5', 1002, atOnce(binary(octets, { rsv: 5 }))),
    failsCase('3.6', 'binary with RSV=6', 1002, atOnce(binary('Hello, world!', { rsv: 6 }))),
    repliesToCloseCase('3.7', 'CLOSE with RSV=7', frame(opcodes.close, '', { rsv: 7 }), 1002),
  ],
};
