/**
 * Makes the JavaScript of dist/, as a part of `npm run build`: one file for the library, which the command line shares, and
 * one for browsers. To load a module takes longer than to run what is in it: importing the library takes less than half as
 * long as from a file for each of src/.
 */
import { build } from 'rolldown';

const output = {
  dir: 'dist',
  format: 'esm',
  sourcemap: true,
  // They are in the package.
  sourcemapExcludeSources: true,
  chunkFileNames: '[name].js',
};

await build({
  input: { index: 'src/index.ts', 'cli/main': 'src/cli/main.ts' },
  platform: 'node',
  output: { ...output, codeSplitting: { groups: [{ name: 'library', test: () => true, minShareCount: 2 }] } },
});
await build({ input: { browser: 'src/browser.ts' }, platform: 'browser', output });
