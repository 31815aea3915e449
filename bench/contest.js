/**
 * One scenario: every implementation in it does the same work, in turns, round after round, and the processor time of
 * each turn is taken.
 */

/**
 * @typedef {object} Turn
 * @property {number} cpu  microseconds of the process under test for a message, user and system
 * @property {number} system  the part of it that the kernel had
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
 * @param {{ rounds: number, turnTime: number, warmUps: number, onProgress: (text: string) => void }} settings
 * @returns {Promise<Map<string, Turn[]>>}  the turns of each, in the order of the rounds
 */
export async function holdContest(scenario, contestants, callLoad, { rounds, turnTime, warmUps, onProgress }) {
  const units = new Map();
  for (const contestant of contestants) {
    onProgress(`${contestant.name} opens`);
    await open(scenario, contestant, callLoad);
    onProgress(`${contestant.name} warms up`);
    units.set(contestant, await calibrate(scenario, contestant, callLoad, turnTime));
    for (let count = 0; count < warmUps; count++) await turn(scenario, contestant, callLoad, units.get(contestant));
  }

  const turns = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    onProgress(`round ${round + 1} of ${rounds}`);
    // Nobody always comes after the same one.
    for (let step = 0; step < contestants.length; step++) {
      const contestant = contestants[(round + (round % 2 === 0 ? step : contestants.length - step)) % contestants.length];
      turns.get(contestant.name).push(await turn(scenario, contestant, callLoad, units.get(contestant)));
    }
  }

  for (const { name, call } of contestants) {
    await callLoad('close', name);
    await call('close');
  }
  return turns;
}

/** Opens the connections, and looks whether what is delivered is what was sent. */
async function open({ name, role, flow, variants }, { name: id, call, isRaw }, callLoad) {
  if (role === 'server') {
    await callLoad('connect', id, { name, isRaw, port: await call('serve', name) });
  } else {
    await call('connect', name, await callLoad('listen', id, { name, isRaw }));
    await callLoad('ready', id);
  }
  if (flow === 'receive') await call('inspect');
  const [sent] = await Promise.all([callLoad('check', id), call('work', variants)]);
  if (flow !== 'receive') return;
  const received = await call('digests');
  if (sent.toSorted().join() !== received.toSorted().join()) throw new Error(`${id} delivered other messages than were sent`);
}

/** How often each connection has to do its part for a turn of this many milliseconds. */
async function calibrate(scenario, contestant, callLoad, turnTime) {
  let units = 1;
  for (;;) {
    const started = performance.now();
    await turn(scenario, contestant, callLoad, units);
    const time = performance.now() - started;
    if (time >= turnTime / 2) return Math.max(1, Math.round((units * turnTime) / time));
    units = Math.ceil(units * Math.min(8, Math.max(1.5, turnTime / time)));
  }
}

/** @returns {Promise<Turn>} */
async function turn({ connections, block }, { name, call }, callLoad, units) {
  const before = await call('mark');
  const [bytes] = await Promise.all([callLoad('work', name, units), call('work', units)]);
  const after = await call('mark');
  const messages = units * connections * block;
  const system = after.system - before.system;
  return {
    cpu: (after.user - before.user + system) / messages,
    system: system / messages,
    wall: ((after.time - before.time) / messages) * 1_000,
    wire: bytes / messages,
  };
}
