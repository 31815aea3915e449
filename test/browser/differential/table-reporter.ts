/**
 * Prints what `npm run differential` is run for: each scenario, and what each class does in it, held against Chromium.
 */
import { stripVTControlCharacters } from 'node:util';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { differences } from './differences.js';
import { readRecording } from './recording.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test that has recorded a class: what the class does in each scenario, in a word. */
    verdicts?: Readonly<Record<string, string>>;
  }
}

const LEGEND = `
same: as Chromium. standard: as the standard has it, from which Chromium departs. intended: one of our differences, in
differences.ts with its reason. platform: Node's own EventTarget. differs: anything else; of ours, a defect.
`;

export default class TableReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tests = testModules.flatMap((testModule) => [...testModule.children.allTests()]);
    const columns = tests.flatMap((test) => {
      const { verdicts } = test.meta();
      return verdicts === undefined ? [] : [{ title: test.fullName.split(' > ')[0] ?? '', verdicts }];
    });
    const { browser, traces } = readRecording();
    const names = Object.keys(traces);
    const lines = [
      row('scenario', 'Chromium', ...columns.map(({ title }) => title)),
      ...names.map((name) => row(name, chromiumVerdict(name), ...columns.map(({ verdicts }) => verdicts[name] ?? ''))),
      row(`differs, of ${String(names.length)}`, '', ...columns.map(({ verdicts }) => differing(verdicts))),
      `${LEGEND}\nThe traces of ${browser}.`,
      ...tests.filter((test) => test.result().state !== 'passed').map(describeFailure),
      ...testModules.flatMap((testModule) => testModule.errors()).map(describeError),
      ...unhandledErrors.map(describeError),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

function chromiumVerdict(name: string): string {
  return differences[name]?.kind === 'standard' ? 'departs' : '';
}

function differing(verdicts: Readonly<Record<string, string>>): string {
  return String(Object.values(verdicts).filter((verdict) => verdict === 'differs').length);
}

function row(title: string, ...columns: string[]): string {
  return title.padEnd(84) + columns.map((column) => column.padStart(11)).join('');
}

function describeFailure(test: TestCase): string {
  const { state, errors = [] } = test.result();
  return [`\n${state}: ${test.fullName}`, ...errors.map(describeError)].join('\n');
}

function describeError({ message, diff, stack }: SerializedError & { diff?: string }): string {
  return stripVTControlCharacters(diff ?? stack ?? message);
}
