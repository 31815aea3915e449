/** Section 9, apart from the others because it moves some 300 MiB. */

import { limits } from './cases/9-limits.js';
import { testSection } from './test-section.js';

testSection(limits);
