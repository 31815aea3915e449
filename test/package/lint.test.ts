// The lint rule that holds the direction of imports between the parts of src/: a wrong one fails the build.
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

// The files do not exist, so they are linted without type information; the rules under test need none.
const eslint = new ESLint({ overrideConfig: tseslint.configs.disableTypeChecked });

async function restrictedBy(filePath: string, code: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath });
  const messages = result?.messages ?? [];
  expect(messages.filter(({ fatal }) => fatal)).toEqual([]);
  return messages.map(({ ruleId }) => ruleId).filter((rule) => rule?.startsWith('no-restricted'));
}

const importing = (specifier: string) => `import { it } from '${specifier}';`;
const importingType = (specifier: string) => `import type { It } from '${specifier}';`;

describe('the lint rule on imports', () => {
  it.each([
    ['src/index.ts', './watershed.js'],
    ['src/index.ts', './websocket/web-socket.js'],
    ['src/index.ts', './errors.js'],
    ['src/browser.ts', './errors.js'],
    ['src/watershed.ts', './watershed-connection.js'],
    ['src/watershed.ts', './handshake/accept.js'],
    ['src/watershed.ts', './connection/connection.js'],
    ['src/watershed-connection.ts', './connection/connection.js'],
    ['src/watershed-connection.ts', './message-iterator.js'],
    ['src/watershed-connection.ts', 'node:events'],
    ['src/websocket/web-socket.ts', '../connection/connection.js'],
    ['src/connection/connection.ts', '../protocol/receiver.js'],
    ['src/connection/connection.ts', './timer.js'],
    ['src/connection/connection.ts', 'node:stream'],
    ['src/handshake/accept.ts', '../protocol/frame.js'],
    ['src/handshake/accept.ts', '../options.js'],
    ['src/handshake/accept.ts', '../checks.js'],
    ['src/options.ts', './checks.js'],
    ['src/checks.ts', './nearest.js'],
    ['src/handshake/accept.ts', 'node:http'],
    ['src/protocol/receiver.ts', './frame.js'],
    ['src/protocol/receiver.ts', '../errors.js'],
    ['src/protocol/receiver.ts', 'node:zlib'],
  ])('lets %s import %s', async (file, specifier) => {
    expect(await restrictedBy(file, importing(specifier))).toEqual([]);
  });

  it.each([
    ['src/errors.ts', './options.js'],
    ['src/options.ts', './errors.js'],
    ['src/checks.ts', './errors.js'],
    ['src/nearest.ts', './checks.js'],
    ['src/options.ts', 'node:util'],
    ['src/browser.ts', './options.js'],
    ['src/browser.ts', 'node:events'],
    ['src/protocol/receiver.ts', '../connection/connection.js'],
    ['src/protocol/receiver.ts', '../handshake/accept.js'],
    ['src/protocol/receiver.ts', './../connection/connection.js'],
    ['src/protocol/receiver.ts', 'node:http'],
    ['src/protocol/receiver.ts', 'node:net'],
    ['src/protocol/receiver.ts', 'node:tls'],
    ['src/protocol/receiver.ts', 'node:timers'],
    ['src/protocol/receiver.ts', 'node:events'],
    ['src/protocol/receiver.ts', 'buffer'],
    ['src/handshake/accept.ts', '../connection/connection.js'],
    ['src/handshake/accept.ts', '../watershed.js'],
    ['src/handshake/accept.ts', 'node:process'],
    ['src/connection/connection.ts', '../handshake/accept.js'],
    ['src/connection/connection.ts', '../watershed-connection.js'],
    ['src/connection/connection.ts', 'stream'],
    ['src/connection/connection.ts', 'ws'],
    ['src/watershed.ts', './index.js'],
    ['src/watershed-connection.ts', './websocket/web-socket.js'],
    ['src/websocket/web-socket.ts', '../watershed-connection.js'],
    ['src/index.ts', 'undici'],
  ])('refuses %s importing %s', async (file, specifier) => {
    expect(await restrictedBy(file, importing(specifier))).toEqual(['no-restricted-imports']);
  });

  it('refuses an import of types as it refuses one of values', async () => {
    expect(await restrictedBy('src/protocol/receiver.ts', importingType('../connection/connection.js'))).toEqual([
      'no-restricted-imports',
    ]);
  });

  it('lets each face import the types of the other', async () => {
    expect(await restrictedBy('src/watershed-connection.ts', importingType('./websocket/web-socket.js'))).toEqual([]);
    expect(await restrictedBy('src/websocket/web-socket.ts', importingType('../watershed-connection.js'))).toEqual([]);
  });

  it('refuses exports that pass on what may not be imported', async () => {
    expect(await restrictedBy('src/protocol/receiver.ts', "export { it } from 'node:net';")).toEqual([
      'no-restricted-imports',
    ]);
  });

  it('refuses imports inside an expression, timers in protocol/ and default exports', async () => {
    expect(await restrictedBy('src/protocol/receiver.ts', "export const it = import('node:net');")).toEqual([
      'no-restricted-syntax',
    ]);
    expect(await restrictedBy('src/protocol/receiver.ts', 'setTimeout(() => undefined, 1);')).toEqual([
      'no-restricted-globals',
    ]);
    expect(await restrictedBy('src/watershed.ts', 'export default 1;')).toEqual(['no-restricted-exports']);
  });
});
