/** Section 12, apart from the others because compressing takes time. */

import { compressedPayloads } from './cases/12-compressed-payloads.js';
import { testSection } from './test-section.js';

testSection(compressedPayloads);
