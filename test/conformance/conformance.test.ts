/** The sections whose cases take milliseconds; a section that takes longer has a file, and so a process, of its own. */

import { framing } from './cases/1-framing.js';
import { pingsAndPongs } from './cases/2-pings-and-pongs.js';
import { reservedBits } from './cases/3-reserved-bits.js';
import { opcodesSection } from './cases/4-opcodes.js';
import { fragmentation } from './cases/5-fragmentation.js';
import { utf8 } from './cases/6-utf8.js';
import { closing } from './cases/7-closing.js';
import { automaticFragmentation } from './cases/10-automatic-fragmentation.js';
import { testSection } from './test-section.js';

for (const section of [
  framing,
  pingsAndPongs,
  reservedBits,
  opcodesSection,
  fragmentation,
  utf8,
  closing,
  automaticFragmentation,
]) {
  testSection(section);
}
