/**
 * One scenario: every implementation in it does the same work, in turns, round after round, and the processor time of
 * each turn is taken. A round has several short turns of each, so that what else the machine does meets all of them.
 */

const TURNS = 4;
/** Milliseconds within which everything has to be delivered once, before anything is timed. */
const CHECK_TIME = 60_000;

/**
 * @typedef {object} Turn
 * @property {number} cpu  microseconds of the process under test for a message, user and system
 * @property {number} system  the part of it that the kernel had
 * @property {number} faults  pages that the kernel had to give it for a message: memory that malloc had handed back
 * @property {number} wall  microseconds for a message by the clock
 * @property {number} wire  bytes that it sent for a message
 *
 * @typedef {object} Contestant
 * @property {string} name
 * @property {(name: string, ...args: unknown[]) => Promise<any>} call  into the process under test
 * @property {boolean} isRaw
 */

/**
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {Contestant[]} contestants
 * @param {(name: string, ...args: unknown[]) => Promise<any>} callLoad
 * @param {{ rounds: number, roundTime: number, warmUps: number, onProgress: (text: string) => void }} settings
 * @returns {Promise<Map<string, Turn[]>>}  for each implementation the mean of each round
 */
export async function holdContest(scenario, contestants, callLoad, { rounds, roundTime, warmUps, onProgress }) {
  const units = new Map();
  for (const contestant of contestants) {
    onProgress(`${contestant.name} opens`);
    await open(scenario, contestant, callLoad);
  }
  // By turns too: what was warmed up first would wait for all others, and be several times slower when it is measured.
  for (let round = 0; round < warmUps * scenario.warmUp; round++) {
    for (const contestant of contestants) {
      onProgress(`${contestant.name} warms up`);
      // Each time anew: what was measured cold would be a fraction of a turn when it is warm, and of the warm-up.
      const before = units.get(contestant);
      units.set(contestant, await calibrate(scenario, contestant, callLoad, roundTime / TURNS, before));
      for (let count = 0; count < TURNS; count++) await turn(scenario, contestant, callLoad, units.get(contestant));
    }
  }

  const means = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    onProgress(`round ${round + 1} of ${rounds}`);
    const turns = new Map(contestants.map((contestant) => [contestant, []]));
    for (let count = 0; count < TURNS; count++) {
      // Nobody always comes after the same one.
      const order = contestants.map((_, index) => contestants[(index + round + count) % contestants.length]);
      if (count % 2 === 1) order.reverse();
      for (const contestant of order) {
        turns.get(contestant).push(await turn(scenario, contestant, callLoad, units.get(contestant)));
      }
    }
    for (const [{ name }, own] of turns) means.get(name).push(meanOf(own));
  }

  for (const { name, call } of contestants) {
    await callLoad('close', name);
    await call('close');
  }
  return means;
}

/**
 * Opens the connections, and looks whether what is delivered is what was sent.
 * @returns {Promise<number>}  the port of whoever listens
 */
export async function open(scenario, { name: id, call, isRaw }, callLoad) {
  const { role, flow, variants } = scenario;
  let port;
  if (role === 'server') {
    port = await call('serve', scenario);
    await callLoad('connect', id, { scenario, isRaw, port });
  } else {
    port = await callLoad('listen', id, { scenario, isRaw });
    await call('connect', scenario, port);
    await callLoad('ready', id);
  }
  await callLoad('keep', id);
  if (flow === 'receive') await call('inspect');
  const [sent] = await inTime(
    Promise.all([callLoad('check', id), call('work', variants)]),
    `${id} did not deliver what was sent within ${CHECK_TIME / 1_000} s`,
  );
  if (flow !== 'receive') return port;
  const received = await call('digests');
  if (sent.toSorted().join() !== received.toSorted().join()) {
    throw new Error(`${id} delivered other messages than were sent`);
  }
  return port;
}

/** What is lost or cut short would be waited for without end. */
async function inTime(result, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => { reject(new Error(message)); }, CHECK_TIME);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How often each connection has to do its part for a turn of this many milliseconds, tried from `units` on. */
export async function calibrate(scenario, contestant, callLoad, turnTime, units = 1) {
  for (;;) {
    const started = performance.now();
    await turn(scenario, contestant, callLoad, units);
    const time = performance.now() - started;
    if (time >= turnTime / 2) {
      const wanted = Math.max(1, Math.round((units * turnTime) / time));
      // How many bytes a compressed message has depends on the message: a turn has all of them equally often.
      return scenario.deflate ? Math.ceil(wanted / scenario.variants) * scenario.variants : wanted;
    }
    units = Math.ceil(units * Math.min(8, Math.max(1.5, turnTime / time)));
  }
}

/** @returns {Promise<Turn>} */
export async function turn({ connections, block }, { name, call }, callLoad, units) {
  const before = await call('mark');
  const [bytes] = await Promise.all([callLoad('work', name, units), call('work', units)]);
  const after = await call('mark');
  const messages = units * connections * block;
  const system = after.system - before.system;
  return {
    cpu: (after.user - before.user + system) / messages,
    system: system / messages,
    faults: (after.faults - before.faults) / messages,
    wall: ((after.time - before.time) / messages) * 1_000,
    wire: bytes / messages,
  };
}

/** Every turn of an implementation has as many messages.
 * @param {Turn[]} turns
 */
function meanOf(turns) {
  const keys = /** @type {(keyof Turn)[]} */ (['cpu', 'system', 'faults', 'wall', 'wire']);
  return Object.fromEntries(keys.map((key) => [key, turns.reduce((sum, each) => sum + each[key], 0) / turns.length]));
}
