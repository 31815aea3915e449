/**
 * What has to be true after a scenario, whatever happened in it: nothing lost in silence, nothing twice, nothing out of
 * order, every callback once, one end of everything, no socket left.
 */
import type { End, Message, Role } from './end.js';
import type { Flow } from './fault-proxy.js';
import { GREETINGS, isFatal, isInHandshake, type Outcome, type Scenario } from './scenario.js';

/** How an end has to end. */
type Ending =
  /** There is none: the connection was never accepted, or the classic face's request has failed. */
  | 'absent'
  /** The opening handshake has failed, and the standard face has said so. */
  | 'failed'
  /** The peer went away without a CLOSE. */
  | 'lost'
  | 'clean';

/** A line for each thing that is wrong. */
export function findings(scenario: Scenario, outcome: Outcome): string[] {
  const { server, client, up, down } = outcome;
  const wrong: string[] = [];
  const check = (isRight: boolean, what: () => string): void => {
    if (!isRight) wrong.push(what());
  };

  for (const role of ['server', 'client'] as const) {
    checkEnding(outcome[role], endingOf(scenario, role), scenario, check);
  }
  if (server !== undefined && client !== undefined) {
    checkDelivery(client, server, scenario, check);
    checkDelivery(server, client, scenario, check);
    checkCallbacks(client, up, scenario, check);
    checkCallbacks(server, down, scenario, check);
  }
  return wrong;
}

type Check = (isRight: boolean, what: () => string) => void;

function endingOf(scenario: Scenario, role: Role): Ending {
  const { phase, side, isSecure, clientFace } = scenario;
  if (!isFatal(scenario)) return 'clean';
  if (isInHandshake(scenario)) {
    if (role === 'client') return clientFace === 'classic' ? 'absent' : 'failed';
    return phase === 'the response' && !isSecure ? 'lost' : 'absent';
  }
  // Who only answers a CLOSE has closed when it has answered, whether or not that arrives (RFC 6455 section 7.1.4).
  return phase === 'the closing handshake' && role !== side ? 'clean' : 'lost';
}

function checkEnding(end: End | undefined, ending: Ending, { fault }: Scenario, check: Check): void {
  const isAbsent = end === undefined;
  const isRight = isAbsent === (ending === 'absent');
  check(isRight, () => `an end that should be ${ending} was ${isAbsent ? 'absent' : 'there'}`);
  if (isAbsent) return;
  const { role, face, events, closeCode, wasClean } = end;
  const said = `the ${role}'s events were ${events.join(', ')}`;
  if (ending === 'failed') {
    check(/^error \w+,close$/.test(events.join()), () => said);
  } else {
    // The one loss that the standard face reports as an error ("flagged as full").
    const isFull = fault === 'reader that never reads' && ending === 'lost' && face === 'standard';
    const before = face === 'standard' ? ['open'] : ending === 'lost' ? ['connectionReset'] : [];
    const last = face === 'standard' ? 'close' : 'end';
    const reported = events.filter((event) => !(isFull && event === 'error WATERSHED_BUFFER_LIMIT'));
    check(reported.join() === [...before, last].join(), () => said);
    check(events.length - reported.length < 2, () => said);
  }
  const isClean = ending === 'clean';
  check(closeCode === (isClean ? 1000 : undefined), () => `the ${role}'s close code was ${String(closeCode)}`);
  check((wasClean ?? isClean) === isClean, () => `the ${role}'s wasClean was ${String(wasClean)}`);

  const { socket } = end.connection;
  if (socket === undefined) return;
  check(socket.destroyed, () => `the ${role}'s socket was left`);
  for (const event of ['data', 'drain', 'finish']) {
    check(socket.listenerCount(event) === 0, () => `a listener of '${event}' was left on the ${role}'s socket`);
  }
}

/** What `to` was given of what `from` has sent. */
function checkDelivery(from: End, to: End, scenario: Scenario, check: Check): void {
  const { sent } = from;
  const { received } = to;
  const way = `from the ${from.role} to the ${to.role}`;
  check(received.length <= sent.length, () => `more messages came ${way} than were sent`);
  const wrong = received.findIndex((message, index) => !isSame(message, sent[index]?.message));
  check(wrong < 0, () => `message ${String(wrong)} ${way} is another one, or was changed`);

  // The standard face drops what comes after its own close().
  const mayDrop = to.face === 'standard' && to.hasClosed;
  const count = `${String(received.length)} of ${String(sent.length)} messages came ${way}`;
  // The peer's CLOSE stands behind all that it sent; and an answer to our CLOSE says that ours have arrived.
  const isComplete = to.closeCode !== undefined || (from.hasClosed && from.closeCode !== undefined);
  if (isComplete && !mayDrop) check(received.length === sent.length, () => count);
  if (!isFatal(scenario) || isInHandshake(scenario) || from.role !== scenario.side) return;
  // That it happened where it was meant to. A reset may overtake what it follows.
  const expected = GREETINGS + (['a frame', 'a fragmented message'].includes(scenario.phase) ? 2 : 0);
  const isExact = received.length === expected || (scenario.fault === 'reset' && received.length < expected);
  check(isExact, () => `${count}, and ${String(expected)} should have`);
}

/** What the sender was told. `flow` is what came from it to the proxy. */
function checkCallbacks(end: End, flow: Flow, scenario: Scenario, check: Check): void {
  const { sent, role, face, bufferedAtEnd } = end;
  const isHarmless = !isFatal(scenario);
  if (isHarmless) check(bufferedAtEnd === 0, () => `${String(bufferedAtEnd)} bytes were buffered at the ${role}`);
  if (face === 'standard') return;
  const wrong = sent.findIndex(({ calls }) => calls.length !== 1);
  const calls = String(sent[wrong]?.calls.length);
  check(wrong < 0, () => `callback ${String(wrong)} of the ${role} was called ${calls} times`);
  const taken = sent.filter(({ calls }) => calls[0] === undefined).length;
  const firstError = sent.findIndex(({ calls }) => calls[0] !== undefined);
  const isInOrder = firstError < 0 || firstError === taken;
  check(isInOrder, () => `the ${role} was told of a lost message, and then of one that left`);
  if (isHarmless) check(firstError < 0, () => `the ${role} was told that message ${String(firstError)} is lost`);
  // What a socket has taken arrives, if anybody reads it; a reset takes back even that.
  if (flow.messages === undefined || scenario.fault === 'reset') return;
  const came = flow.messages;
  check(taken <= came, () => `the ${role} was told that ${String(taken)} messages left, but ${String(came)} did`);
}

function isSame(one: Message, other: Message | undefined): boolean {
  const isBinary = Buffer.isBuffer(one) && Buffer.isBuffer(other);
  return isBinary ? one.equals(other) : one === other;
}
