// Mutation testing of one room of src/, which run.js names. A survivor is a line whose meaning no test holds.
const room = process.env['WATERSHED_MUTATION_ROOM'];
const folder = `coverage/mutation/${room}`;

export default {
  mutate: [`src/${room}/*.ts`, '!src/protocol/wasm-module.ts'],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // What is computed once, as a module is loaded, could only be judged by a process for each mutant.
  ignoreStatic: true,
  disableTypeChecks: false,
  tempDirName: `${folder}/sandbox`,
  // Beyond what the tests take: a mutant that never ends costs all of it.
  timeoutMS: 5000,
  timeoutFactor: 1.25,
  thresholds: { high: 95, low: 90, break: 90 },
  reporters: ['progress-append-only', 'clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
  htmlReporter: { fileName: `${folder}/index.html` },
  jsonReporter: { fileName: `${folder}/report.json` },
  ignorePatterns: ['bench', 'coverage', 'docs', 'examples', 'site'],
};
