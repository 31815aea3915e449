/**
 * The life of a connection, whatever is done to it: random calls on both ends, of both faces, outside and inside of
 * events, pauses, broken frames, resets and ends of the transport, in any order. What must hold always is looked at
 * when all is over. Timers go by the model's own clock.
 *
 * `STATE_MACHINE_RUNS=10000 npx vitest run test/state-machine` takes more of them. A failure shows a seed, a path and
 * the shortest steps: `STATE_MACHINE_SEED` and `STATE_MACHINE_PATH` take it up there.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CuttingDuplex } from './cutting-duplex.js';
import { type Kind, openSides, type Side } from './side.js';

const RUNS = Number(process.env['STATE_MACHINE_RUNS'] ?? 300);
const SEED = process.env['STATE_MACHINE_SEED'];
const PATH = process.env['STATE_MACHINE_PATH'];
/** Milliseconds of the model's clock. */
const CLOSE_TIMEOUT = 1_000;
const HEARTBEAT = { interval: 200, timeout: 100 };

type Step =
  | { readonly do: 'send'; readonly kind: Kind; readonly length: number }
  | { readonly do: 'end'; readonly code: number | undefined }
  | { readonly do: 'wait'; readonly time: number }
  | { readonly do: 'turn' }
  | Bare;
interface Bare {
  readonly do: 'ping' | 'pong' | 'pause' | 'resume' | 'destroy' | 'reset' | 'hangUp' | 'misbehave';
}
type Call = Exclude<Step, { readonly do: 'turn' | 'wait' }>;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      kind: fc.constantFrom('text' as const, 'binary' as const, 'blob' as const, 'broadcast' as const),
      // Short, longer than a chunk, and what is compressed by a thread.
      length: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(1_500, 20_000, 80_000)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('end' as const), code: fc.constantFrom(undefined, 1000, 4000) }),
  },
  { weight: 6, arbitrary: bare('ping', 'pong', 'pause', 'resume') },
  { weight: 8, arbitrary: fc.constant({ do: 'turn' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), time: fc.constantFrom(50, 150, 1_000) }) },
  { weight: 1, arbitrary: bare('destroy', 'reset', 'hangUp', 'misbehave') },
);

function bare(...names: Bare['do'][]): fc.Arbitrary<Bare> {
  return fc.record({ do: fc.constantFrom(...names) });
}

const face = fc.constantFrom('classic' as const, 'standard' as const);
const options = fc.record({
  perMessageDeflate: fc.boolean(),
  heartbeat: fc.constantFrom(undefined, HEARTBEAT),
  highWaterMark: fc.constantFrom(1_000, 65_536),
  maxBufferedAmount: fc.constantFrom(Infinity, Infinity, 100_000),
});

/** What has happened in any of the runs. */
const reached = new Set<string>();
const realSetTimeout = setTimeout;

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); });
afterEach(() => { vi.useRealTimers(); });

it('keeps what it promises', { timeout: 20_000 + RUNS * 100 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ side: fc.nat(1), isInside: fc.boolean(), step }), { maxLength: 40 }),
      fc.tuple(face, face),
      fc.tuple(fc.constantFrom(1, 3, 100, 65_536), fc.constantFrom(7, 1_000, 65_536)),
      options,
      async (steps, faces, [serverPiece, clientPiece], given) => {
        const streams = [new CuttingDuplex(serverPiece, true), new CuttingDuplex(clientPiece, false)] as const;
        const { watershed, sides } = openSides(streams, faces, { ...given, closeTimeout: CLOSE_TIMEOUT });
        let count = 0;
        for (const { side: index, isInside, step: each } of steps) {
          const side = sides[index] as Side;
          if (each.do === 'turn') await turns(1);
          else if (each.do === 'wait') vi.advanceTimersByTime(each.time);
          else if (isInside) side.inside.push(() => { take(each, side, String(count++)); });
          else take(each, side, String(count++));
        }
        for (const side of sides) side.resume();
        await turns(3);
        for (const side of sides) {
          side.inside.length = 0;
          side.resume();
          side.end(1000);
        }
        await allEnded(sides);
        await turns(2);
        for (const side of sides) for (const what of [...side.told, ...side.outcomes]) reached.add(what ?? 'a message');
        if (sides.every((side) => side.wasClean)) reached.add('a clean close');
        check(sides[0], sides[1]);
        check(sides[1], sides[0]);
        // Nothing is left of them.
        expect(await watershed.closeAll()).toEqual({ clean: 0, destroyed: 0 });
        expect(vi.getTimerCount(), 'timers').toBe(0);
      },
    ),
    {
      numRuns: RUNS,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
      ...(PATH === undefined ? {} : { path: PATH }),
    },
  );
  if (RUNS >= 100) {
    const all = 'a clean close,a message,connectionReset,drain,error,failed,open,ping,pong,sent,the end';
    expect([...reached].sort()).toEqual(all.split(','));
  }
});

function take(call: Call, side: Side, name: string): void {
  if (call.do === 'send') side.send(call.kind, `${name}:`.padEnd(call.length, 'grün '));
  else if (call.do === 'end') side.end(call.code);
  else side[call.do]();
}

/** What must hold of an end, and of what its peer got from it. */
function check(side: Side, peer: Side): void {
  expect(side.faults).toEqual([]);
  expect(side.callbacksDue, 'callbacks that were not called').toBe(0);
  // In order, without a gap, none twice.
  expect(peer.received.map(short)).toEqual(side.sent.slice(0, peer.received.length).map(short));
  expect(peer.received).toEqual(side.sent.slice(0, peer.received.length));
  // All of it before the CLOSE, unless that says that the connection was failed. The standard face drops what comes
  // after its own close().
  if (peer.wasClean && !side.told.has('error') && peer.face === 'classic') {
    expect(peer.received.map(short)).toEqual(side.sent.map(short));
  }
  // Behind one that could not be sent none was.
  const outcomes = side.outcomes.filter((outcome) => outcome !== undefined);
  expect(outcomes).toEqual([...outcomes].sort().reverse());
  const { frames } = side.stream;
  const closes = frames.filter(({ opcode }) => opcode === 8).length;
  expect(closes, 'CLOSE frames').toBeLessThan(2);
  if (closes === 1) expect(frames.findLast(({ opcode }) => opcode !== 3)?.opcode, 'the last frame').toBe(8);
  expect(side.stream.destroyed, 'the transport is gone').toBe(true);
  expect(side.stream.eventNames().filter((name) => name !== 'error' && name !== 'end'), 'listeners').toEqual([]);
}

function short(message: string): string {
  return `${message.slice(0, 12)} (${String(message.length)})`;
}

/** Waits for the ends; time goes on only when nothing else does. */
async function allEnded(sides: readonly Side[]): Promise<void> {
  const ended = Promise.all(sides.map((side) => side.ended)).then(() => true);
  for (let rounds = 0; rounds < 20; rounds++) {
    // A thread may be compressing.
    const aWhile = new Promise<false>((resolve) => { realSetTimeout(() => { resolve(false); }, 20); });
    if (await Promise.race([ended, aWhile])) return;
    vi.advanceTimersByTime(CLOSE_TIMEOUT);
  }
  throw new Error('It does not end');
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}
