/** Tests of a program that has to be installed beside Node. Knows none of them by name. */
import { accessSync, constants } from 'node:fs';
import { describe, it } from 'vitest';

/**
 * Like vitest's `describe`, with the program's path. Where that is undefined, one test stands in: it fails if `CI` is
 * set, and otherwise says in a line that this part did not run, and what is missing.
 */
export function describeIfInstalled(
  name: string,
  path: string | undefined,
  missing: string,
  tests: (path: string) => void,
): void {
  if (path !== undefined) {
    describe(name, () => {
      tests(path);
    });
    return;
  }
  it(`${name}: ${missing}`, () => {
    const message = `Not run: ${name}. ${missing}.`;
    if (isContinuousIntegration()) throw new Error(message);
    console.warn(message);
  });
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isContinuousIntegration(): boolean {
  const value = process.env['CI'] ?? '';
  return value !== '' && value !== 'false' && value !== '0';
}
