// Stands for fast-check while mutants are judged: the same values in every run, so that the verdict is the same too, not
// many of them, and the first that breaks a property is enough.
import { createRequire } from 'node:module';

import type { IRawProperty, Parameters } from 'fast-check';

// Not by an import, which would lead here again.
const fc = createRequire(import.meta.url)('fast-check') as typeof import('fast-check');

const assert = <Ts>(property: IRawProperty<Ts>, parameters?: Parameters<Ts>): void | Promise<void> =>
  fc.assert(property, { ...parameters, numRuns: Math.min(parameters?.numRuns ?? 50, 50), seed: 1, endOnFailure: true });

export default { ...fc, assert };
