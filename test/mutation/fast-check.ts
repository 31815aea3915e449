// Stands for fast-check while mutants are judged: the same values in every run, so that the verdict is the same too, not
// many of them, and the first that breaks a property is enough.
import * as fc from '../../node_modules/fast-check/lib/fast-check.js';

const assert: typeof fc.assert = (property, parameters) =>
  fc.assert(property, { ...parameters, numRuns: Math.min(parameters?.numRuns ?? 50, 50), seed: 1, endOnFailure: true });

export default { ...fc, assert };
