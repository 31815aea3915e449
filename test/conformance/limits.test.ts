import { limits } from './cases/9-limits.js';
import { testSection } from './test-section.js';

testSection(limits);
