// Stands for fast-check while mutants are judged: the same values in every run, so that the verdict is the same too, not
// many of them, and the first that breaks a property is enough.
import { createRequire } from 'node:module';

import type { IRawProperty, Parameters } from 'fast-check';

// Not by an import, which would lead here again.
const fc = createRequire(import.meta.url)('fast-check') as typeof import('fast-check');

const assert = <Ts>(property: IRawProperty<Ts>, parameters?: Parameters<Ts>): void | Promise<void> =>
  fc.assert(property, { ...parameters, numRuns: Math.min(parameters?.numRuns ?? 50, 50), seed: 1, endOnFailure: true });

/** As `unit: 'binary'`, for which a table of all characters is made, in a second, once in each process. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff - 0x800 })
  .map((codePoint) => String.fromCodePoint(codePoint < 0xd800 ? codePoint : codePoint + 0x800));

const string: typeof fc.string = (constraints) =>
  fc.string(constraints?.unit === 'binary' ? { ...constraints, unit: anyCharacter } : constraints);

export default { ...fc, assert, string };
