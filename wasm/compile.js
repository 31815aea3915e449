/**
 * The text of src/protocol/wasm-module.ts, from frames.ts: to write it, and to see in a test that it is up to date.
 */
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

/** @returns {Promise<string>} */
export async function compileModule() {
  /** @type {Uint8Array | undefined} */
  let binary;
  const baseDir = fileURLToPath(new URL('.', import.meta.url));
  const { error, stderr } = await asc.main(['--baseDir', baseDir, '--config', 'asconfig.json', '--outFile', 'frames.wasm'], {
    writeFile: (name, contents) => {
      if (name.endsWith('.wasm')) binary = /** @type {Uint8Array} */ (contents);
    },
  });
  if (error !== null) throw new Error(stderr.toString(), { cause: error });
  if (binary === undefined) throw new Error('asc wrote no module');
  const lines = Buffer.from(binary).toString('base64').match(/.{1,112}/g) ?? [];
  return [
    '/**',
    ' * Generated from wasm/frames.ts by `npm run build:wasm`: a WebAssembly module, in base64.',
    ' */',
    'export const WASM_MODULE =',
    `${lines.map((line) => `  '${line}'`).join(' +\n')};`,
    '',
  ].join('\n');
}
