/** Section 13: permessage-deflate with each parameter, always with the same content. */

import type { Section } from '../case.js';
import { askingFor, compressedMessages, preferring } from '../compressed-messages.js';
import { payloads } from '../payloads.js';

const nothing = askingFor();
const noContext = askingFor('no_context_takeover');
const smallWindowWithoutContext = askingFor('no_context_takeover', 'max_window_bits=9');

export const compressionParameters: Section = {
  number: 13,
  title: 'Compression parameters',
  count: 126,
  cases: [
    ...compressedMessages('13.1', payloads.json, nothing),
    ...compressedMessages('13.2', payloads.json, noContext),
    ...compressedMessages('13.3', payloads.json, askingFor('max_window_bits=9')),
    ...compressedMessages('13.4', payloads.json, askingFor('max_window_bits=15')),
    ...compressedMessages('13.5', payloads.json, smallWindowWithoutContext),
    ...compressedMessages('13.6', payloads.json, askingFor('no_context_takeover', 'max_window_bits=15')),
    ...compressedMessages('13.7', payloads.json, preferring(smallWindowWithoutContext, noContext, nothing)),
  ],
};
