/** Section 10: a message in fragments of an uneven size. */

import { answersCase, atOnce, type Section } from '../case.js';
import { fragments, text } from '../frames.js';

const message = text('*'.repeat(65536));

export const automaticFragmentation: Section = {
  number: 10,
  title: 'Automatic fragmentation',
  count: 1,
  cases: [
    answersCase('10.1.1', 'text of 65536 octets in fragments of 1300', atOnce(...fragments(message, 1300)), [message]),
  ],
};
