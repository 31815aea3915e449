/**
 * Compiles frames.ts and writes it into src/, as a module that needs no file when it runs.
 *
 *     npm run build:wasm
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileModule } from './compile.js';

await writeFile(fileURLToPath(new URL('../src/protocol/wasm-module.ts', import.meta.url)), await compileModule());
