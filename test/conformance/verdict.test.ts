/**
 * What a verdict is worth: an independent implementation gets good ones, and endpoints with a planted fault bad ones.
 */

import { describe, expect, it } from 'vitest';
import type { ConformanceCase, Section } from './case.js';
import { framing } from './cases/1-framing.js';
import { pingsAndPongs } from './cases/2-pings-and-pongs.js';
import { reservedBits } from './cases/3-reserved-bits.js';
import { opcodesSection } from './cases/4-opcodes.js';
import { fragmentation } from './cases/5-fragmentation.js';
import { utf8 } from './cases/6-utf8.js';
import { closing } from './cases/7-closing.js';
import { compressedPayloads } from './cases/12-compressed-payloads.js';
import { compressionParameters } from './cases/13-compression-parameters.js';
import { faultyTestee, type Fault } from './faulty-testee.js';
import { acceptRawPeer, connectRawPeer } from './opening-handshake.js';
import type { End } from './raw-peer.js';
import { runCase } from './run-case.js';
import type { Testee } from './testee.js';
import { wsTestee } from './ws-testee.js';

/** Milliseconds for cases that must be passed: no slow machine needs that long. */
const patience = 10_000;
/** Milliseconds for cases that must be failed: some faults are seen by the endpoint's silence alone. */
const shortPatience = 1000;

const sections: readonly Section[] = [
  framing,
  pingsAndPongs,
  reservedBits,
  opcodesSection,
  fragmentation,
  utf8,
  closing,
];
const allCases = sections.flatMap(({ cases }) => cases);

/** Runs the cases one after another, and gives what was wrong, by the case's id. */
async function judge(
  testee: Testee,
  end: End,
  cases: readonly ConformanceCase[],
  patience: number,
): Promise<Record<string, string[]>> {
  const server = await testee.listen();
  const failed: Record<string, string[]> = {};
  try {
    for (const conformanceCase of cases) {
      const { deflate } = conformanceCase;
      const connect = (port: number): void => {
        testee.connect(port);
      };
      const peer = await (end === 'server'
        ? connectRawPeer(server.port, patience, deflate)
        : acceptRawPeer(connect, patience, deflate));
      const problems = await runCase(conformanceCase, peer);
      if (problems.length > 0) {
        failed[conformanceCase.id] = problems;
      }
    }
  } finally {
    await server.close();
  }
  return failed;
}

describe.concurrent('an independent implementation', () => {
  it.each(['server', 'client'] as const)(
    'ws, which looks at UTF-8 only when a message is complete, fails 6.4.x and passes the rest (%s end)',
    { timeout: 60_000 },
    async (end) => {
      const failFast = allCases.filter(({ id }) => id.startsWith('6.4.'));
      const rest = allCases.filter((conformanceCase) => !failFast.includes(conformanceCase));
      expect(await judge(wsTestee(false), end, rest, patience)).toEqual({});
      const failed = await judge(wsTestee(false), end, failFast, shortPatience);
      expect(Object.keys(failed)).toEqual(['6.4.1', '6.4.2', '6.4.3', '6.4.4']);
    },
  );
});

describe('an independent implementation that compresses', () => {
  // Of each group the messages of 1 KiB, and those of 8 KiB in fragments.
  const cases = [compressedPayloads, compressionParameters]
    .flatMap((section) => section.cases)
    .filter(({ id }) => /\.(4|11)$/.test(id));

  it.each(['server', 'client'] as const)('ws passes (%s end)', { timeout: 60_000 }, async (end) => {
    expect(await judge(wsTestee({ threshold: 0 }), end, cases, patience)).toEqual({});
  });

  it('an endpoint that declines compression fails', async () => {
    const declined = judge(wsTestee(false), 'server', cases.slice(0, 1), shortPatience);
    await expect(declined).rejects.toThrow('permessage-deflate was not accepted');
  });

  it.each(['13.2.4', '13.3.10', '13.5.4'])(
    'an endpoint that compresses with a context or a window that was not agreed on fails %s',
    async (caseId) => {
      const testee = faultyTestee('compresses with a context and a window that were not agreed on');
      const all = [...compressedPayloads.cases, ...compressionParameters.cases];
      const run = (id: string): Promise<Record<string, string[]>> =>
        judge(testee, 'server', all.filter((each) => each.id === id), patience);
      expect(await run('13.1.4')).toEqual({});
      expect((await run(caseId))[caseId]?.join('; ')).toMatch(/cannot be inflated: .*invalid distance/);
    },
  );
});

describe.concurrent('a wrong endpoint', () => {
  const faults: readonly [fault: Fault, end: End, caseId: string, problem: RegExp][] = [
    ['answers only the last PING of a read', 'server', '2.10', /expected 10 .* got 1 /],
    ['answers PING after CLOSE', 'server', '7.1.3', /opcode 10 came after the CLOSE/],
    ['closes by itself after an echo', 'server', '1.1.2', /was to be started by the peer/],
    ['echoes text as binary', 'client', '1.1.2', /expected 1 \[text .* got 1 \[binary /],
    ['ends TCP in the middle of a frame', 'server', '1.1.2', /in the middle of a frame/],
    ['ends TCP without a CLOSE frame', 'server', '3.1', /expected one CLOSE frame, got 0/],
    ['fails with an empty CLOSE frame', 'server', '3.1', /expected 1002, got none/],
    ['fails with an empty CLOSE frame', 'client', '3.1', /expected 1002, got none/],
    ['looks at UTF-8 when the message is complete', 'server', '6.4.1', /in vain for its CLOSE frame/],
    ['masks at the wrong end', 'server', '1.1.2', /a server masked a frame/],
    ['masks at the wrong end', 'client', '1.1.2', /a client masked no frame/],
    ['never ends TCP', 'server', '1.1.2', /the server did not end TCP first/],
    ['pings unasked', 'server', '1.1.2', /got 2 \[text .* ping /],
    ['replies to every CLOSE with 1000', 'client', '7.9.1', /expected 1002, got 1000/],
    ['resets TCP in place of ending it', 'server', '1.1.2', /TCP did not end in order/],
    ['sends two CLOSE frames', 'client', '7.3.3', /expected one CLOSE frame, got 2/],
    ['sets RSV1', 'server', '1.1.2', /RSV=4/],
  ];

  it('passes every case that is used here when it has no fault', async () => {
    const cases = allCases.filter(({ id }) => faults.some(([, , caseId]) => caseId === id));
    expect(await judge(faultyTestee('none'), 'server', cases, patience)).toEqual({});
    expect(await judge(faultyTestee('none'), 'client', cases, patience)).toEqual({});
  });

  it.each(faults)('that %s fails at the %s end in %s', async (fault, end, caseId, problem) => {
    const cases = allCases.filter(({ id }) => id === caseId);
    const failed = await judge(faultyTestee(fault), end, cases, shortPatience);
    expect(failed[caseId]?.join('; ')).toMatch(problem);
  });
});
