/** Section 9: long messages, many fragments, small reads, and a thousand round trips. Contents are compared, too. */

import { answersCase, atOnce, inChops, type ConformanceCase, type Section } from '../case.js';
import { binary, fragments, text, type Frame } from '../frames.js';

const kibi = 1024;
const mebi = 1024 * kibi;

type ToMessage = (payload: Buffer) => Frame;

function longMessages(id: string, toMessage: ToMessage, pattern: string | Buffer): ConformanceCase[] {
  return [64 * kibi, 256 * kibi, mebi, 4 * mebi, 8 * mebi, 16 * mebi].map((length, i) => {
    const message = toMessage(Buffer.alloc(length, pattern));
    return answersCase(`${id}.${String(i + 1)}`, `message of ${String(length)} octets`, atOnce(message), [message]);
  });
}

function manyFragments(id: string, message: Frame): ConformanceCase[] {
  return [64, 256, kibi, 4 * kibi, 16 * kibi, 64 * kibi, 256 * kibi, mebi, 4 * mebi].map((size, i) =>
    answersCase(
      `${id}.${String(i + 1)}`,
      `message of 4 MiB in fragments of ${String(size)} octets`,
      (peer) => {
        peer.send(fragments(message, size));
      },
      [message],
    ),
  );
}

function smallReads(id: string, message: Frame): ConformanceCase[] {
  return [64, 128, 256, 512, 1024, 2048].map((size, i) =>
    answersCase(`${id}.${String(i + 1)}`, `message of 1 MiB in chops of ${String(size)}`, inChops(size, message), [
      message,
    ]),
  );
}

function roundTrips(id: string, toMessage: ToMessage, octet: string | number): ConformanceCase[] {
  const count = 1000;
  return [0, 16, 64, 256, 1024, 4096].map((length, i) => {
    const message = toMessage(Buffer.alloc(length, octet));
    return answersCase(
      `${id}.${String(i + 1)}`,
      `${String(count)} round trips of ${String(length)} octets`,
      async (peer) => {
        for (let done = 0; done < count; done += 1) {
          peer.send([message]);
          await peer.answered(done + 1);
        }
      },
      Array.from({ length: count }, () => message),
    );
  });
}

const textPattern = 'BAsd7&jh23';
const binaryPattern = Buffer.from('00fe23faf0', 'hex');

export const limits: Section = {
  number: 9,
  title: 'Limits and performance',
  count: 54,
  cases: [
    ...longMessages('9.1', text, textPattern),
    ...longMessages('9.2', binary, binaryPattern),
    ...manyFragments('9.3', text(Buffer.alloc(4 * mebi, '*'))),
    ...manyFragments('9.4', binary(Buffer.alloc(4 * mebi, '*'))),
    ...smallReads('9.5', text(Buffer.alloc(mebi, '*'))),
    ...smallReads('9.6', binary(Buffer.alloc(mebi, '*'))),
    ...roundTrips('9.7', text, '*'),
    ...roundTrips('9.8', binary, 0xfe),
  ],
};
