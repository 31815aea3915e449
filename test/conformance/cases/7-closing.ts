/** Section 7: the closing handshake (RFC 6455 sections 5.5.1 and 7), which the raw peer starts in every case. */

import { answersCase, atOnce, repliesToCloseCase, type Section } from '../case.js';
import { close, continuation, frame, opcodes, ping, text } from '../frames.js';

const hello = text('Hello World!');
const quarterMebibyte = text(Buffer.alloc(256 * 1024, 'BAsd7&jh23'));

const validCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
/** Codes that never stand in a CLOSE frame (RFC 6455 sections 7.4.1 and 7.4.2). */
const invalidCodes = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
const notUtf8 = Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex');

export const closing: Section = {
  number: 7,
  title: 'Close handling',
  count: 37,
  cases: [
    answersCase('7.1.1', 'text, then CLOSE', atOnce(hello), [hello]),
    answersCase('7.1.2', 'two CLOSE frames', atOnce(close(1000), close()), []),
    answersCase('7.1.3', 'PING after CLOSE', atOnce(close(1000), ping('')), []),
    answersCase('7.1.4', 'text after CLOSE', atOnce(close(1000), hello), []),
    answersCase(
      '7.1.5',
      'last fragment after CLOSE',
      atOnce(text('fragment1', { fin: false }), close(1000), continuation('fragment2')),
      [],
    ),
    answersCase(
      '7.1.6',
      'text of 256 KiB, text, CLOSE and PING at once',
      atOnce(quarterMebibyte, hello, close(1000), ping('')),
      [quarterMebibyte, hello],
    ),
    repliesToCloseCase('7.3.1', 'empty CLOSE', close(), 1000, undefined),
    repliesToCloseCase('7.3.2', 'CLOSE of 1 octet', frame(opcodes.close, 'a'), 1002),
    repliesToCloseCase('7.3.3', 'CLOSE without a reason', close(1000), 1000),
    repliesToCloseCase('7.3.4', 'CLOSE with a reason', close(1000, 'Hello World!'), 1000),
    repliesToCloseCase('7.3.5', 'CLOSE with a reason of 123 octets', close(1000, '*'.repeat(123)), 1000),
    repliesToCloseCase('7.3.6', 'CLOSE with a reason of 124 octets', close(1000, '*'.repeat(124)), 1002),
    repliesToCloseCase('7.5.1', 'CLOSE with a reason that is not UTF-8', close(1000, notUtf8), 1007),
    ...validCodes.map((code, i) =>
      repliesToCloseCase(`7.7.${String(i + 1)}`, `CLOSE with the valid code ${String(code)}`, close(code), 1000, code),
    ),
    ...invalidCodes.map((code, i) =>
      repliesToCloseCase(`7.9.${String(i + 1)}`, `CLOSE with the invalid code ${String(code)}`, close(code), 1002),
    ),
    repliesToCloseCase('7.13.1', 'CLOSE with the code 5000', close(5000), 1002),
    repliesToCloseCase('7.13.2', 'CLOSE with the code 65535', close(65535), 1002),
  ],
};
