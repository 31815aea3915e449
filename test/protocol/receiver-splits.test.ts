import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Receiver } from '../../src/protocol/receiver.js';
import { KEY } from './frame-bytes.js';
import { anyBytes, streamBytes, validStream } from './frame-streams.js';
import { inOwnMemory, receive, Recorder, render } from './recorder.js';

// Small enough to be met by the streams that are generated.
const LIMITS = { maxPayload: 65_536, maxFragments: 4 };

const splitPoints = fc.oneof(
  fc.array(fc.nat(), { maxLength: 12 }),
  // Many within the first frames, so that headers are cut.
  fc.array(fc.nat(60), { maxLength: 30 }),
);

function split(bytes: Buffer, points: readonly number[]): Buffer[] {
  const ends = [...points.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** What is done at a point where something can be done: between two pushes, or within an event. */
const actions = fc.array(fc.constantFrom('stop', 'resume', 'push', 'stop and resume', 'nothing', 'nothing'), {
  minLength: 1,
  maxLength: 12,
});

/**
 * Pushes all of the chunks, with stops, resumes and further pushes at the points that the script says, within events
 * too. Every other chunk is the receiver's own; the others are garbage as soon as their push has returned.
 */
class ScriptedRun {
  readonly recorder = new Recorder(() => {
    this.#onEvent();
  });
  readonly #receiver: Receiver;
  readonly #chunks: Buffer[];
  readonly #script: readonly string[];
  #next = 0;
  #isStopped = false;
  #pushes = 0;
  eventsWhileStopped = 0;

  constructor(isServer: boolean, chunks: readonly Buffer[], script: readonly string[]) {
    this.#receiver = new Receiver(this.recorder, { isServer, ...LIMITS });
    this.#chunks = [...chunks];
    this.#script = script;
  }

  run(): void {
    while (this.#chunks.length > 0) {
      this.#act();
      this.#push();
    }
    // Each event may stop it again.
    for (let seen = -1; seen !== this.recorder.events.length || this.#isStopped; ) {
      seen = this.recorder.events.length;
      this.#resume();
    }
  }

  #onEvent(): void {
    if (this.#isStopped) this.eventsWhileStopped++;
    this.#act();
  }

  #act(): void {
    const action = this.#script[this.#next++ % this.#script.length];
    if (action === 'push') this.#push();
    if (action === 'resume') this.#resume();
    if (action === 'stop' || action === 'stop and resume') {
      this.#isStopped = true;
      this.#receiver.stop();
    }
    if (action === 'stop and resume') this.#resume();
  }

  #resume(): void {
    this.#isStopped = false;
    this.#receiver.resume();
  }

  #push(): void {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return;
    const copy = inOwnMemory(chunk);
    this.#pushes++;
    if (this.#pushes % 2 === 0) {
      this.#receiver.push(copy, true);
      return;
    }
    this.#receiver.push(copy);
    expect(copy.equals(chunk)).toBe(true);
    copy.fill(0xa5);
  }
}

describe.each([
  { end: 'a server', isServer: true },
  { end: 'a client', isServer: false },
])('Receiver of $end', ({ isServer }) => {
  it('reports of a valid stream what was put into it', () => {
    fc.assert(
      fc.property(validStream, splitPoints, ({ frames, events }, points) => {
        const bytes = streamBytes(frames, isServer ? KEY : undefined);
        const limits = { maxPayload: 100_000, maxFragments: 10 };
        expect(render(receive([bytes], { isServer, ...limits }))).toEqual(events);
        expect(render(receive(split(bytes, points), { isServer, ...limits }))).toEqual(events);
      }),
      { numRuns: 300 },
    );
  });

  it('reports the same of any split of any bytes', () => {
    fc.assert(
      fc.property(anyBytes(isServer), splitPoints, (bytes, points) => {
        const whole = render(receive([bytes], { isServer, ...LIMITS }));
        expect(render(receive(split(bytes, points), { isServer, ...LIMITS }))).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  it('reports the same of any bytes one by one', () => {
    fc.assert(
      fc.property(anyBytes(isServer), (bytes) => {
        const start = bytes.subarray(0, 1500);
        const whole = render(receive([start], { isServer, ...LIMITS }));
        const oneByOne = Array.from(start, (_, index) => start.subarray(index, index + 1));
        expect(render(receive(oneByOne, { isServer, ...LIMITS }))).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  it('reports the same when it is stopped, resumed and pushed to at any points, and nothing while it is stopped', () => {
    fc.assert(
      fc.property(anyBytes(isServer), splitPoints, actions, (bytes, points, script) => {
        const whole = render(receive([bytes], { isServer, ...LIMITS }));
        const run = new ScriptedRun(isServer, split(bytes, points), script);
        run.run();
        expect(render(run.recorder.events)).toEqual(whole);
        expect(run.eventsWhileStopped).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the streams that are generated', () => {
  it('reach every kind of event and every error', () => {
    const seen = new Set<string>();
    for (const isServer of [true, false]) {
      for (const bytes of fc.sample(anyBytes(isServer), { numRuns: 3000, seed: 1 })) {
        for (const [name, value] of receive([bytes], { isServer, ...LIMITS })) {
          seen.add(value instanceof Error ? value.code : name);
        }
      }
    }
    expect([...seen].sort()).toEqual([
      'WATERSHED_CONTROL_FRAME_TOO_LONG',
      'WATERSHED_EXPECTED_CONTINUATION',
      'WATERSHED_FRAGMENTED_CONTROL_FRAME',
      'WATERSHED_INVALID_CLOSE_CODE',
      'WATERSHED_INVALID_CLOSE_PAYLOAD',
      'WATERSHED_INVALID_LENGTH',
      'WATERSHED_INVALID_UTF8',
      'WATERSHED_MASKED_FRAME',
      'WATERSHED_MESSAGE_TOO_BIG',
      'WATERSHED_RESERVED_BITS',
      'WATERSHED_RESERVED_OPCODE',
      'WATERSHED_TOO_MANY_FRAGMENTS',
      'WATERSHED_UNEXPECTED_CONTINUATION',
      'WATERSHED_UNMASKED_FRAME',
      'binary',
      'close',
      'ping',
      'pong',
      'text',
    ]);
  });
});
