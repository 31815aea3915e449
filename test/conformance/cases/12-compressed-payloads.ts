/** Section 12: permessage-deflate without parameters, by the kind of content. */

import type { Section } from '../case.js';
import { askingFor, compressedMessages } from '../compressed-messages.js';
import { payloads } from '../payloads.js';

const deflate = askingFor();

export const compressedPayloads: Section = {
  number: 12,
  title: 'Compressed payloads',
  count: 90,
  cases: [
    ...compressedMessages('12.1', payloads.json, deflate),
    ...compressedMessages('12.2', payloads.bitmap, deflate),
    ...compressedMessages('12.3', payloads.prose, deflate),
    ...compressedMessages('12.4', payloads.html, deflate),
    ...compressedMessages('12.5', payloads.pdf, deflate),
  ],
};
