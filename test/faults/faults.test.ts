/**
 * Every fault in every phase of a connection, for both faces, with and without compression and TLS. `npm test` runs a
 * part that has each of them at least once; `npm run faults` all combinations, with several seeds.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { watchTimers } from '../load/active-timers.js';
import { fatalFaults, harmlessFaults } from './fault-proxy.js';
import type { Settings } from './opening.js';
import { run } from './run-scenario.js';
import { type Phase, phases, type Scenario } from './scenario.js';

const isWhole = process.env['MODE'] === 'faults';

const faces = ['classic', 'standard'] as const;

const allSettings: Settings[] = faces.flatMap((serverFace) =>
  faces.flatMap((clientFace) =>
    [false, true].flatMap((isCompressed) =>
      [false, true].map((isSecure) => ({ serverFace, clientFace, isCompressed, isSecure })),
    ),
  ),
);

/** Each value of each setting, and every face at both ends of both transports. */
const someSettings: Settings[] = [
  { serverFace: 'classic', clientFace: 'classic', isCompressed: false, isSecure: false },
  { serverFace: 'standard', clientFace: 'standard', isCompressed: true, isSecure: false },
  { serverFace: 'classic', clientFace: 'standard', isCompressed: true, isSecure: true },
  { serverFace: 'standard', clientFace: 'classic', isCompressed: false, isSecure: true },
];

const seeds = isWhole ? [1, 2, 3] : [1];
const TIMEOUT = isWhole ? 600_000 : 60_000;
/** Scenarios of one test that are run at once. */
const AT_ONCE = 4;

const timers = watchTimers(() => String(new Error().stack));

expectNoOpenHandles();

afterAll(() => {
  expect([...timers.values()], 'where the timers were made that are left').toEqual([]);
});

describe.concurrent('a fault', () => {
  for (const fault of fatalFaults) {
    for (const phase of phases) {
      const title = `${fault} in ${phase}: both ends end, and no message is lost in silence or comes twice`;
      it(title, { timeout: TIMEOUT }, async ({ expect }) => {
        expect(await runAll(scenariosOf(fault, phase))).toEqual([]);
      });
    }
  }
  for (const fault of harmlessFaults) {
    for (const phase of phases) {
      it(`${fault} in ${phase}: nothing is changed`, { timeout: TIMEOUT }, async ({ expect }) => {
        expect(await runAll(scenariosOf(fault, phase))).toEqual([]);
      });
    }
  }
});

function scenariosOf(fault: Scenario['fault'], phase: Phase): Scenario[] {
  // In these it makes no difference.
  const isSymmetric = phase === 'the request' || phase === 'the response' || phase === 'idleness';
  const sides: Scenario['side'][] = isSymmetric ? ['client'] : ['client', 'server'];
  return (isWhole ? allSettings : someSettings)
    // The proxy sees no messages in TLS.
    .filter(({ isSecure }) => phase !== 'a fragmented message' || !isSecure)
    .flatMap((settings) => sides.flatMap((side) => seeds.map((seed) => ({ ...settings, fault, phase, side, seed }))));
}

/** What was wrong in any of them, and in which. */
async function runAll(scenarios: readonly Scenario[]): Promise<string[]> {
  const wrong: string[] = [];
  const rest = [...scenarios];
  const worker = async (): Promise<void> => {
    for (let scenario = rest.shift(); scenario !== undefined; scenario = rest.shift()) {
      const found = await run(scenario);
      wrong.push(...found.map((line) => `${line} [${describeScenario(scenario)}]`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return wrong;
}

function describeScenario({ serverFace, clientFace, isCompressed, isSecure, side, seed }: Scenario): string {
  const settings = [`${serverFace} server`, `${clientFace} client`];
  if (isCompressed) settings.push('compression');
  if (isSecure) settings.push('TLS');
  return [...settings, `at the ${side}`, `seed ${String(seed)}`].join(', ');
}
