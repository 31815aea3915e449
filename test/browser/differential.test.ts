/**
 * Our WebSocket class against a browser's: the same scenarios, the same server, the same trace, but for the closed list
 * of differences. `npm run differential` prints the table, with the classes of others as further columns.
 */
import { isDeepStrictEqual } from 'node:util';
import * as undici from 'undici';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { WebSocket } from '../../src/index.js';
import { differences } from './differential/differences.js';
import { recordInNode, type Traces } from './differential/record-in-node.js';
import type { Environment } from './differential/recorder.js';
import { readRecording } from './differential/recording.js';
import { scenarios } from './differential/scenarios/index.js';

const chromium = readRecording().traces;
const names = Object.keys(scenarios);

describe('Watershed', () => {
  let traces: Traces = {};

  beforeAll(async () => {
    traces = await recordInNode(WebSocket, 4000);
  });

  it('has been through every scenario that was recorded', ({ task }) => {
    task.meta.verdicts = verdictsOf(traces);
    expect(Object.keys(chromium)).toEqual(names);
    expect(names).toEqual(expect.arrayContaining(Object.keys(differences)));
  });

  it.each(names.filter((name) => !(name in differences)))('does what Chromium does: %s', (name) => {
    expect(traces[name]).toEqual(chromium[name]);
  });

  it.each(Object.entries(differences))('differs from Chromium as it is meant to: %s', (name, { trace }) => {
    // Without a trace it is the platform's affair, as long as the scenario can be gone through.
    if (trace === undefined) expect(traces[name]).not.toContain('gave up waiting');
    else expect(traces[name]).toEqual(trace);
    expect(trace, 'a difference that is none').not.toEqual(chromium[name]);
  });
});

// Only for the table: a class that misses events takes long.
if (process.env['MODE'] === 'differential') {
  const classes = Object.entries<unknown>({ undici: undici.WebSocket, ws: ws.WebSocket, Node: globalThis.WebSocket });
  // Node has a WebSocket since version 22.
  for (const [name, WebSocket] of classes.filter(([, value]) => value !== undefined)) {
    describe(name, () => {
      it('has been through every scenario', { timeout: 300_000 }, async ({ task }) => {
        const traces = await recordInNode(WebSocket as Environment['WebSocket'], 500);
        task.meta.verdicts = verdictsOf(traces);
        expect(Object.keys(traces)).toEqual(names);
      });
    });
  }
}

/** For the table: `same` as Chromium, a kind of difference that is in the list, or another. */
function verdictsOf(recorded: Traces): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      if (isDeepStrictEqual(recorded[name], chromium[name])) return [name, 'same'];
      const { kind, trace } = differences[name] ?? {};
      const isListed = kind !== undefined && (trace === undefined || isDeepStrictEqual(recorded[name], trace));
      return [name, isListed ? kind : 'differs'];
    }),
  );
}
