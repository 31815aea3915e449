// The lint rules: typescript-eslint's strict ones, and which part of src/ may import which (CONTRIBUTING.md, "Where
// things belong"). A wrong import fails the lint.
import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const shared = String.raw`\.\./(checks|errors|options)\.js`;
// An import of node:process reads all that it has, which opens the standard streams: `process` itself is there anyway.
const builtin = String.raw`node:(?!process$)[\w/]+`;
const sibling = String.raw`\./[\w-]+\.js`;
const enginesOf = (from) => String.raw`${from}/(connection|handshake|protocol)/[\w-]+\.js`;

export default defineConfig(
  // wasm/frames.ts is AssemblyScript: its compiler checks it.
  globalIgnores(['dist/', 'coverage/', 'site/', 'wasm/frames.ts']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
  },
  {
    // Plain JavaScript is checked by tsc too, and tsc knows which globals there are.
    files: ['**/*.{js,mjs}'],
    rules: { 'no-undef': 'off' },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      // An import inside an expression would get around the rules below.
      'no-restricted-syntax': ['error', { selector: 'ImportExpression', message: 'src/ imports statically.' }],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },

  // The files beside index.ts are the classic face; the rooms after this one are the exceptions.
  room({
    files: ['src/*.ts'],
    imports: [String.raw`\./(?!index\.)[\w-]+\.js`, builtin, enginesOf(String.raw`\.`)],
    typesOf: String.raw`\./websocket/[\w-]+\.js`,
    message: 'The classic face imports its own files, the engine, and nothing of websocket/ but types.',
  }),
  room({
    files: ['src/errors.ts', 'src/nearest.ts'],
    imports: [],
    message: 'errors.ts and nearest.ts import nothing.',
  }),
  room({
    files: ['src/options.ts', 'src/checks.ts'],
    imports: [String.raw`\./(checks|nearest)\.js`],
    message: 'options.ts imports checks.ts, which imports nearest.ts.',
  }),
  room({
    files: ['src/browser.ts'],
    imports: [String.raw`\./errors\.js`],
    message: 'browser.ts runs in a browser: of all the files, only errors.ts does too.',
  }),
  room({
    files: ['src/protocol/**/*.ts'],
    // Of node:worker_threads, a fact of the platform: what may be transferred.
    imports: [sibling, shared, 'node:(buffer|crypto|worker_threads|zlib)'],
    message: 'protocol/ is pure: it imports its own files, checks, errors, options, and of Node what knows no socket.',
  }),
  {
    files: ['src/protocol/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'process'].map((name) => ({
          name,
          message: 'protocol/ knows no timer and no process.',
        })),
      ],
    },
  },
  room({
    files: ['src/handshake/**/*.ts'],
    imports: [sibling, shared, builtin, String.raw`\.\./protocol/[\w-]+\.js`],
    message: 'handshake/ imports its own files, protocol/, checks, errors, options and node: modules.',
  }),
  room({
    files: ['src/connection/**/*.ts'],
    imports: [sibling, shared, builtin, String.raw`\.\./protocol/[\w-]+\.js`],
    message: 'connection/ imports its own files, protocol/, checks, errors, options and node: modules.',
  }),
  room({
    files: ['src/websocket/**/*.ts'],
    imports: [sibling, shared, builtin, enginesOf(String.raw`\.\.`)],
    typesOf: String.raw`\.\./watershed(-connection)?\.js`,
    message: 'websocket/ imports its own files, the engine, and nothing of the classic face but types.',
  }),
  room({
    files: ['src/cli/**/*.ts'],
    imports: [sibling, String.raw`\.\./(index|nearest)\.js`, builtin],
    message: 'cli/ imports its own files, what the package exports, nearest.ts and node: modules.',
  }),
  room({
    files: ['src/index.ts'],
    imports: [sibling, String.raw`\./websocket/[\w-]+\.js`, enginesOf(String.raw`\.`)],
    message: 'index.ts exports what is in src/.',
  }),
);

/** What the files of one part of src/ may import (`imports`) and import as types alone (`typesOf`): nothing else. */
function room({ files, imports, typesOf, message }) {
  const allowed = typesOf === undefined ? imports : [...imports, typesOf];
  const patterns = [{ regex: `^(?!(${allowed.join('|')})$)`, message }];
  if (typesOf !== undefined) patterns.push({ regex: `^${typesOf}$`, allowTypeImports: true, message });
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}
