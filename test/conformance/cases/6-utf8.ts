/** Section 6: UTF-8 in text messages, checked as the octets come in (RFC 6455 section 8.1). */

import { answersCase, atOnce, failsCase, type Section, type Send } from '../case.js';
import { continuation, fragments, ping, pong, text } from '../frames.js';
import { utf8Sequences } from './6-utf8-sequences.js';

const unfinished = { fin: false };
const greeting = text('Hello-µ@ßöäüàá-UTF-8!!');
const kosme = Buffer.from('cebae1bdb9cf83cebcceb5', 'hex');
const withSurrogate = text(Buffer.concat([kosme, Buffer.from('eda080656469746564', 'hex')]));

/** A text that is wrong in its middle: its octets 12 and 13 begin a character beyond U+10FFFF. */
const beyondUnicode = Buffer.concat([kosme, Buffer.from('f4908080656469746564', 'hex')]);
type Parts = readonly [first: Buffer, second: Buffer, third: Buffer];

/** The text in three parts: the wrong sequence is the second, or its second octet is. */
const wholeSequence: Parts = [
  beyondUnicode.subarray(0, 11),
  beyondUnicode.subarray(11, 15),
  beyondUnicode.subarray(15),
];
const secondOctet: Parts = [beyondUnicode.subarray(0, 12), beyondUnicode.subarray(12, 13), beyondUnicode.subarray(13)];

const stillThere = 'still there?';

/** Three fragments. The testee must still be there after the first, and fail before it gets the third. */
function failsBetweenFragments([first, second, third]: Parts): Send {
  return async (peer) => {
    peer.send([text(first, unfinished), ping(stillThere)]);
    await peer.answered(1);
    peer.send([continuation(second, unfinished)]);
    await peer.closed();
    peer.send([continuation(third)]);
  };
}

/** The same with the three parts of one frame's payload. */
function failsWithinFrame([first, second]: Parts): Send {
  return async (peer) => {
    const bytes = peer.encode(text(beyondUnicode, unfinished));
    const payloadOffset = bytes.length - beyondUnicode.length;
    const secondOffset = payloadOffset + first.length;
    const thirdOffset = secondOffset + second.length;
    peer.write(bytes.subarray(0, secondOffset));
    await peer.expectOpen();
    peer.write(bytes.subarray(secondOffset, thirdOffset));
    await peer.closed();
    peer.write(bytes.subarray(thirdOffset));
    peer.send([continuation('')]);
  };
}

export const utf8: Section = {
  number: 6,
  title: 'UTF-8 handling',
  count: 145,
  cases: [
    answersCase('6.1.1', 'empty text', atOnce(text('')), [text('')]),
    answersCase(
      '6.1.2',
      'three empty fragments',
      atOnce(text('', unfinished), continuation('', unfinished), continuation('')),
      [text('')],
    ),
    answersCase(
      '6.1.3',
      'empty fragments around one with text',
      atOnce(text('', unfinished), continuation('middle frame payload', unfinished), continuation('')),
      [text('middle frame payload')],
    ),
    answersCase('6.2.1', 'text with umlauts', atOnce(greeting), [greeting]),
    answersCase(
      '6.2.2',
      'text with umlauts in two fragments',
      atOnce(text('Hello-µ@ßöä', unfinished), continuation('üàá-UTF-8!!')),
      [greeting],
    ),
    answersCase('6.2.3', 'text with umlauts in fragments of 1 octet', atOnce(...fragments(greeting, 1)), [greeting]),
    answersCase('6.2.4', 'Greek text in fragments of 1 octet', atOnce(...fragments(text(kosme), 1)), [text(kosme)]),
    failsCase('6.3.1', 'text with a surrogate', 1007, atOnce(withSurrogate)),
    failsCase('6.3.2', 'text with a surrogate in fragments of 1 octet', 1007, atOnce(...fragments(withSurrogate, 1))),
    failsCase('6.4.1', 'wrong sequence in the second fragment', 1007, failsBetweenFragments(wholeSequence), [
      pong(stillThere),
    ]),
    failsCase('6.4.2', 'wrong octet in the second fragment', 1007, failsBetweenFragments(secondOctet), [
      pong(stillThere),
    ]),
    failsCase('6.4.3', 'wrong sequence in the second part of a frame', 1007, failsWithinFrame(wholeSequence)),
    failsCase('6.4.4', 'wrong octet in the second part of a frame', 1007, failsWithinFrame(secondOctet)),
    ...utf8Sequences,
  ],
};
