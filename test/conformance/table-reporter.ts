/**
 * Prints what `npm run conformance` is run for: how many cases of each section were passed at each end, how long that
 * took, and what was wrong in the others. The suites' names are the sections and the ends.
 */

import { stripVTControlCharacters } from 'node:util';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

const ends = ['server end', 'client end'];

export default class TableReporter implements Reporter {
  #start = 0;

  onTestRunStart(): void {
    this.#start = performance.now();
  }

  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tests = testModules.flatMap((testModule) => [...testModule.children.allTests()]);
    const cases = tests.filter((test) => ends.includes(endOf(test)));
    const sections = [...new Set(cases.map(sectionOf))].sort((a, b) => parseInt(a) - parseInt(b));
    const casesOf = (section: string): TestCase[] => cases.filter((test) => sectionOf(test) === section);
    const lines = [
      row('section', 'cases', ...ends),
      ...sections.map((section) => rowOf(section, casesOf(section))),
      rowOf('total', cases),
      `in ${((performance.now() - this.#start) / 1000).toFixed(0)} s`,
      '',
      ...tests.filter((test) => !isPassed(test)).map(describeFailure),
      ...testModules.flatMap((testModule) => testModule.errors()).map(describeError),
      ...unhandledErrors.map(describeError),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

function sectionOf({ fullName }: TestCase): string {
  return fullName.split(' > ')[0] ?? '';
}

function endOf({ fullName }: TestCase): string {
  return fullName.split(' > ')[1] ?? '';
}

function isPassed(test: TestCase): boolean {
  return test.result().state === 'passed';
}

function rowOf(title: string, cases: readonly TestCase[]): string {
  const passed = (end: string): string => String(cases.filter((test) => endOf(test) === end && isPassed(test)).length);
  return row(title, String(new Set(cases.map(({ name }) => name)).size), ...ends.map(passed));
}

function row(title: string, ...columns: string[]): string {
  return title.padEnd(28) + columns.map((column) => column.padStart(12)).join('');
}

function describeFailure(test: TestCase): string {
  const { state, errors = [] } = test.result();
  return [`${state}: ${test.fullName}`, ...errors.map(describeError)].join('\n');
}

function describeError({ message, diff, stack }: SerializedError & { diff?: string }): string {
  return stripVTControlCharacters(diff ?? stack ?? message);
}
