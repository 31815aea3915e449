/** Turns a section of cases into tests: one for each case and end. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Section } from './case.js';
import { acceptRawPeer, connectRawPeer } from './opening-handshake.js';
import { runCase } from './run-case.js';
import { watershedTestee, type EchoServer } from './testee.js';

/** Milliseconds of silence after which a testee is given up. Only a failing case ever waits that long. */
const patience = 10_000;
/** Milliseconds that a whole case may take: out of reach, because a stalled one ends by `patience`. */
const timeout = 120_000;

export function testSection({ number, title, count, cases }: Section): void {
  describe(`${String(number)} ${title}`, () => {
    it(`has ${String(count)} cases, all under different ids of the section`, () => {
      const ids = new Set(cases.map(({ id }) => id).filter((id) => id.startsWith(`${String(number)}.`)));
      expect([cases.length, ids.size]).toEqual([count, count]);
    });

    describe('server end', () => {
      let server: EchoServer;
      beforeAll(async () => {
        server = await watershedTestee.listen();
      });
      afterAll(() => server.close());

      for (const conformanceCase of cases) {
        it(`${conformanceCase.id} ${conformanceCase.title}`, { timeout }, async () => {
          const peer = await connectRawPeer(server.port, patience, conformanceCase.deflate);
          expect(await runCase(conformanceCase, peer)).toEqual([]);
        });
      }
    });

    describe('client end', () => {
      for (const conformanceCase of cases) {
        it(`${conformanceCase.id} ${conformanceCase.title}`, { timeout }, async () => {
          const peer = await acceptRawPeer(
            (port) => {
              watershedTestee.connect(port);
            },
            patience,
            conformanceCase.deflate,
          );
          expect(await runCase(conformanceCase, peer)).toEqual([]);
        });
      }
    });
  });
}
