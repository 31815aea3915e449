// The tests that judge mutants: of each room, those that see it from near by and take no seconds. The rest of the suite
// sees it through other programs, and would take days.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const room = process.env['WATERSHED_MUTATION_ROOM'] ?? 'protocol';

const judges: Record<string, { include: string[]; exclude?: string[] }> = {
  protocol: {
    include: ['test/protocol/*.test.ts'],
    exclude: ['test/protocol/receiver-splits.test.ts'],
  },
  handshake: {
    include: [
      'test/handshake/*.test.ts',
      'test/classic/users-rely-on-handshake.test.ts',
      'test/security/handshake.test.ts',
      'test/watershed.test.ts',
    ],
    exclude: ['test/handshake/{any-input,blocked-ports-of-fetch,interceptor,policy}.test.ts'],
  },
  connection: {
    include: [
      'test/{connection,classic}/*.test.ts',
      'test/websocket/{accept,both-faces,buffered-amount,closing,direct-reads,events,sending,task-queue}.test.ts',
      'test/security/{first-bytes,limits}.test.ts',
      'test/{message-iterator,watershed,watershed-connection}.test.ts',
    ],
  },
};

/** The milliseconds that each file takes without a mutant: measured by run.js. */
const measured = process.env['WATERSHED_MUTATION_DURATIONS'] ?? '';
const durations = existsSync(measured) ? (JSON.parse(readFileSync(measured, 'utf8')) as Record<string, number>) : {};

/** The first failing test ends a mutant's run, so the quick ones come first. Vitest's own order has the slow ones first. */
class QuickFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const duration = ({ moduleId }: TestSpecification): number => durations[path.relative('.', moduleId)] ?? 0;
    return Promise.resolve(files.sort((a, b) => duration(a) - duration(b)));
  }
}

export default defineConfig({
  resolve: { alias: { 'fast-check': path.join(import.meta.dirname, 'fast-check.ts') } },
  test: {
    include: judges[room]?.include ?? [],
    exclude: [
      // They replace a part of the platform, for all files when files are not isolated.
      'test/protocol/{without-webassembly,permessage-deflate-failure}.test.ts',
      ...(judges[room]?.exclude ?? []),
    ],
    isolate: false,
    sequence: { sequencer: QuickFirst },
    // What a mutant keeps from coming is not waited for long. In protocol/ everything is there at once, or computes.
    testTimeout: room === 'protocol' ? 20_000 : 5000,
    hookTimeout: 5000,
  },
});
