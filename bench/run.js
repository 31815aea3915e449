/**
 * The benchmarks: Watershed beside other implementations, each in a process of its own, and one process of bare sockets
 * that is the other end of them all. `npm run bench -- --help` says what can be asked for.
 */
import { parseArgs } from 'node:util';
import { attacks } from './attackers.js';
import { compare } from './compare.js';
import { peers } from './peers.js';
import { scenarios } from './scenarios.js';

const HELP = `npm run bench -- [program] [options]

Without a program, the scenarios: the processor's time and the memory that each implementation takes for the same work.

  --quick            three short rounds beside ws and the bare sockets alone, without a verdict
  --scenario A,B     these scenarios alone; the beginning of a name is enough
  --peer A,B         these implementations alone, beside Watershed
  --rounds N         so many rounds (7, and 21 where a target is below 1.2, if not given)
  --node PATH        the Node that runs what is measured (this one if not given)
  --list             names the scenarios and the implementations

Programs, which take --rounds and --node too:

  latency            the round trip of a quiet connection beside a flood
  growth             what a message costs by its length, its fragments, and the number of connections
  startup            what it costs to import the library
  attacks            what an attack costs: memory, and the delay of a well-behaved connection (--list names them,
                     --scenario chooses)
  profile            where the processor's time goes in five of the scenarios (--scenario for others; --peer for the
                     process of another implementation)
`;

const programs = ['latency', 'growth', 'startup', 'attacks', 'profile'];

const { values, positionals: [program] } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    peer: { type: 'string' },
    rounds: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const known = program === 'attacks' ? attacks : scenarios;
const asked = {
  isQuick: values.quick,
  scenarios: values.scenario && choose(values.scenario, known.map(({ name }) => name)),
  peers: values.peer && choose(values.peer, Object.keys(peers)),
  rounds: values.rounds && Number(values.rounds),
  node: values.node,
  // What is less than a whole run is not kept with whole ones.
  suffix: values.quick ? '-quick' : values.scenario || values.peer || values.rounds ? '-part' : '',
};

if (values.help) console.log(HELP);
else if (values.list) list();
else if (program === undefined) await compare(asked);
else if (programs.includes(program)) await (await import(`./${program}.js`)).run(asked);
else refuse(`There is no program ${program}: see --help`);

function list() {
  for (const { name, what } of known) console.log(`${name.padEnd(24)} ${what}`);
  console.log(`\nbeside ${Object.keys(peers).slice(1).join(', ')}`);
}

/**
 * The names that are one of those asked for, or begin as it does.
 * @param {string} text
 * @param {string[]} names
 */
function choose(text, names) {
  return text.split(',').flatMap((part) => {
    if (names.includes(part)) return [part];
    const found = names.filter((name) => name.startsWith(part));
    if (found.length === 0) refuse(`Nothing is called ${part}: see --list`);
    return found;
  });
}

/**
 * What was typed is wrong: that, and no stack.
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  console.error(message);
  process.exit(1);
}
