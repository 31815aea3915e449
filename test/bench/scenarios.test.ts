/**
 * The benchmarks, without timing anything: in every scenario Watershed and the bare sockets do what is asked, which the
 * load decodes and compares.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';

interface Scenario {
  name: string;
  peers: string[];
  connections: number;
  size: number;
  flow: string;
}
type Call = (name: string, ...args: unknown[]) => Promise<unknown>;
interface Subject {
  name: string;
  call: Call;
  stop: () => void;
}
interface Turn {
  cpu: number;
  wall: number;
}

interface Bench {
  scenarios: Scenario[];
  startSubject: (name: string, node: string) => Subject;
  startLoad: () => Pick<Subject, 'call' | 'stop'>;
  open: (scenario: Scenario, subject: Subject, callLoad: Call) => Promise<number>;
  turn: (scenario: Scenario, subject: Subject, callLoad: Call, units: number) => Promise<Turn>;
}

// Plain JavaScript, whose types are told here.
const [{ scenarios }, { startSubject, startLoad }, { open, turn }] = (await Promise.all(
  ['scenarios', 'processes', 'contest'].map((name) => import(`../../bench/${name}.js`)),
)) as [Bench, Bench, Bench];

const subjects: Subject[] = [];
let load: Pick<Subject, 'call' | 'stop'>;

beforeAll(() => {
  load = startLoad();
  for (const name of ['watershed', 'raw']) subjects.push(startSubject(name, process.execPath));
});

afterAll(() => {
  for (const { stop } of [load, ...subjects]) stop();
});

// Measures of memory take seconds, and so do messages of 16 MiB.
const cheap = scenarios.filter(({ flow, size }) => !['idle', 'used', 'kept'].includes(flow) && size <= 1_048_576);

test.each(cheap)('$name', async (scenario) => {
  for (const subject of subjects) {
    if (subject.name !== 'watershed' && !scenario.peers.includes(subject.name)) continue;
    await open(scenario, subject, load.call);
    const { cpu, wall } = await turn(scenario, subject, load.call, 1);
    expect(cpu).toBeGreaterThan(0);
    expect(wall).toBeGreaterThan(0);
    await load.call('close', subject.name);
    await subject.call('close');
  }
});
