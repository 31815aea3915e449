/** Section 2: PING and PONG (RFC 6455 sections 5.5.2 and 5.5.3). */

import { answersCase, answersThenEmptyCloseCase, atOnce, failsCase, inChops, type Section } from '../case.js';
import { close, ping, pong } from '../frames.js';

const octets = Buffer.from('00fffefdfcfb00ff', 'hex');
const longest = Buffer.alloc(125, 0xfe);
const payloads = Array.from({ length: 10 }, (_, i) => `payload-${String(i)}`);
const tenPings = payloads.map((payload) => ping(payload));
const tenPongs = payloads.map((payload) => pong(payload));

export const pingsAndPongs: Section = {
  number: 2,
  title: 'Pings and pongs',
  count: 11,
  cases: [
    answersThenEmptyCloseCase('2.1', 'empty PING', atOnce(ping('')), [pong('')]),
    answersThenEmptyCloseCase('2.2', 'PING with text', atOnce(ping('Hello, world!')), [pong('Hello, world!')]),
    answersThenEmptyCloseCase('2.3', 'PING with octets that are no text', atOnce(ping(octets)), [pong(octets)]),
    answersThenEmptyCloseCase('2.4', 'PING of 125 octets', atOnce(ping(longest)), [pong(longest)]),
    failsCase('2.5', 'PING of 126 octets', 1002, atOnce(ping(Buffer.alloc(126, 0xfe)))),
    answersThenEmptyCloseCase('2.6', 'PING of 125 octets in chops of 1', inChops(1, ping(longest)), [pong(longest)]),
    answersCase('2.7', 'empty PONG that nobody asked for', atOnce(pong(''), close(1000)), []),
    answersCase('2.8', 'PONG that nobody asked for', atOnce(pong('unsolicited pong payload'), close(1000)), []),
    answersThenEmptyCloseCase(
      '2.9',
      'PONG that nobody asked for, then PING',
      atOnce(pong('unsolicited pong payload'), ping('ping payload')),
      [pong('ping payload')],
    ),
    answersThenEmptyCloseCase('2.10', 'ten PINGs at once', atOnce(...tenPings), tenPongs),
    answersThenEmptyCloseCase('2.11', 'ten PINGs in chops of 1', inChops(1, ...tenPings), tenPongs),
  ],
};
