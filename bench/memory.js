/**
 * One scenario of memory: every implementation in turns, each time in a fresh process, looked at before and after.
 */

/** Connections that are opened and closed before the first look, so that all code is there. */
const WARM_UP = 200;
/** Blocks that a connection gets while one message of 1,000 is kept: 1,000 and more are. */
const KEPT_UNITS = 640;

/**
 * @typedef {object} Holding
 * @property {number} resident  bytes of the process for a connection
 * @property {number} heap  bytes of the JavaScript heap for a connection
 * @property {number} held  bytes of the heap and outside of it for a message that is kept
 */

/**
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {string[]} names
 * @param {(name: string) => import('./contest.js').Contestant & { stop: () => void }} start
 * @param {(name: string, ...args: unknown[]) => Promise<any>} callLoad
 * @param {{ rounds: number, onProgress: (text: string) => void }} settings
 * @returns {Promise<Map<string, Holding[]>>}
 */
export async function measureMemory(scenario, names, start, callLoad, { rounds, onProgress }) {
  const holdings = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      onProgress(`round ${round + 1} of ${rounds}, ${name}`);
      const contestant = start(name);
      holdings.get(name).push(await measure(scenario, contestant, callLoad));
      contestant.stop();
    }
  }
  return holdings;
}

async function measure(scenario, { call, isRaw }, callLoad) {
  const { flow, connections } = scenario;
  const port = await call('serve', scenario);
  const isKept = flow === 'kept';
  await callLoad('connect', 'warm-up', { scenario, isRaw, port, connections: isKept ? 1 : WARM_UP });
  if (flow === 'used') await callLoad('work', 'warm-up', 1);
  if (isKept) {
    await Promise.all([callLoad('work', 'warm-up', KEPT_UNITS), call('work', KEPT_UNITS)]);
  } else {
    await callLoad('close', 'warm-up');
  }

  const before = await call('memory');
  if (isKept) {
    await call('keep');
    await Promise.all([callLoad('work', 'warm-up', KEPT_UNITS), call('work', KEPT_UNITS)]);
  } else {
    await callLoad('connect', 'memory', { scenario, isRaw, port });
    if (flow === 'used') await callLoad('work', 'memory', 1);
  }
  const after = await call('memory');
  await callLoad('close', isKept ? 'warm-up' : 'memory');

  const count = isKept ? after.kept : connections;
  return Object.fromEntries(['resident', 'heap', 'held'].map((key) => [key, (after[key] - before[key]) / count]));
}
