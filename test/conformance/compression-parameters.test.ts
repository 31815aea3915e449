/** Section 13, apart from the others because compressing takes time. */

import { compressionParameters } from './cases/13-compression-parameters.js';
import { testSection } from './test-section.js';

testSection(compressionParameters);
