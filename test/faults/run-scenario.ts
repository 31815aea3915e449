/**
 * Runs one scenario: what the ends say to each other, and when the network fails them. What has to be true of it
 * afterwards stands in invariants.ts.
 */
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import type { ConnectionOptions } from '../../src/index.js';
import { type End, LARGE } from './end.js';
import { FaultProxy } from './fault-proxy.js';
import { findings } from './invariants.js';
import { connectTo, OneServer } from './opening.js';
import { randomNumbers } from './random.js';
import { GREETINGS, isFatal, isInHandshake, isSilent, type Scenario } from './scenario.js';

/** Bytes of a handshake that are passed on before the fault. */
const HANDSHAKE_PART = 20;
/** Milliseconds after which a client gives up a server of which it hears nothing. */
const HANDSHAKE_TIMEOUT = 800;
/** After so many milliseconds a scenario that has not ended is given up. */
const PATIENCE = 50_000;
/** What a peer that never reads may cost its sender, in bytes. */
const MAX_BUFFERED_AMOUNT = 1024 * 1024;

/** Runs a scenario and gives what was wrong: a line for each thing. */
export async function run(scenario: Scenario): Promise<string[]> {
  const options = optionsFor(scenario);
  const server = await OneServer.listen(scenario, options);
  const proxy = await FaultProxy.listen(server.port, scenario.isSecure, randomNumbers(scenario.seed));
  const conversation = new Conversation(scenario, server, proxy, options);
  const complaint = await withPatience(conversation);

  const { client } = conversation;
  const ends = [client, server.end];
  if (ends.every((end) => end?.hasEnded === true)) await proxy.readRest();
  for (const end of ends) if (end?.hasEnded === false) end.connection.destroy();
  await proxy.close();
  await server.close();
  // A callback that is called once too often may come late.
  await turn();
  await turn();
  if (complaint !== undefined) return [complaint];
  return findings(scenario, { client, server: server.end, up: proxy.up, down: proxy.down });
}

/** Holds the conversation. Gives what is wrong if it fails, or does not end. */
async function withPatience(conversation: Conversation): Promise<string | undefined> {
  const isOver = new AbortController();
  const complaint = await Promise.race([
    conversation.hold().catch(String),
    wait(PATIENCE, undefined, { signal: isOver.signal }).then(
      () => conversation.describe(),
      () => undefined,
    ),
  ]);
  isOver.abort();
  return complaint ?? undefined;
}

/** Where a peer can be heard, no machine is too slow for it. But there are timers, which must not be left. */
const NO_TIMEOUTS: ConnectionOptions = {
  closeTimeout: PATIENCE,
  heartbeat: { interval: PATIENCE, timeout: PATIENCE },
};

function optionsFor(scenario: Scenario): ConnectionOptions {
  return {
    perMessageDeflate: scenario.isCompressed,
    ...(isSilent(scenario) ? timeouts(scenario) : NO_TIMEOUTS),
    ...(scenario.fault === 'reader that never reads' && { maxBufferedAmount: MAX_BUFFERED_AMOUNT }),
  };
}

/** In the closing handshake it is closeTimeout alone that notices, elsewhere the heartbeat alone. */
function timeouts({ phase }: Scenario): ConnectionOptions {
  return phase === 'the closing handshake'
    ? { closeTimeout: 800 }
    : { closeTimeout: 800, heartbeat: { interval: 300, timeout: 700 } };
}

class Conversation {
  readonly #scenario: Scenario;
  readonly #server: OneServer;
  readonly #proxy: FaultProxy;
  readonly #options: ConnectionOptions;
  readonly #random: () => number;
  client: End | undefined;
  #step = 'the opening handshake';

  constructor(scenario: Scenario, server: OneServer, proxy: FaultProxy, options: ConnectionOptions) {
    this.#scenario = scenario;
    this.#server = server;
    this.#proxy = proxy;
    this.#options = options;
    this.#random = randomNumbers(scenario.seed);
  }

  /** Where it has got to. */
  describe(): string {
    const states = [this.client, this.#server.end].map((end) =>
      end === undefined
        ? 'none'
        : `${end.role} (${end.face}) sent ${String(end.sent.length)}, received ${String(end.received.length)}, ` +
          `buffered ${String(end.bufferedAmount)}, events ${end.events.join(' ')}`,
    );
    return `it did not end: it was waiting for ${this.#step}; ${states.join('; ')}`;
  }

  /** From the opening handshake until both ends have ended. */
  async hold(): Promise<void> {
    const scenario = this.#scenario;
    const { up, down } = this.#proxy;
    if (scenario.phase === 'the request') up.after(HANDSHAKE_PART, this.#fault);
    if (scenario.phase === 'the response') down.after(HANDSHAKE_PART, this.#fault);
    const handshakeTimeout = isInHandshake(scenario) && isSilent(scenario) ? HANDSHAKE_TIMEOUT : undefined;
    this.client = await connectTo(this.#proxy.port, scenario, { ...this.#options, handshakeTimeout });
    if (isFatal(scenario) && isInHandshake(scenario)) {
      await this.#ended([this.client, this.#server.end]);
      return;
    }
    if (this.client === undefined) throw new Error('The handshake has failed');
    const ends = [this.client, await this.#server.accepted] as const;
    for (const end of ends) await end.until(() => end.isOpen);
    for (const end of ends) for (let count = 0; count < GREETINGS; count++) end.send();
    await this.#delivered(ends);

    const [from, to] = scenario.side === 'client' ? ends : ([ends[1], ends[0]] as const);
    if (isFatal(scenario)) await this.#meetFatalFault(from, to);
    else await this.#meetHarmlessFault(from, to);
    await this.#ended(ends);
  }

  readonly #fault = (): void => {
    this.#proxy.apply(this.#scenario.fault);
  };

  async #meetFatalFault(from: End, to: End): Promise<void> {
    this.#arm();
    if (this.#scenario.phase === 'the closing handshake') {
      from.close();
      return;
    }
    from.sendMany();
    to.sendMany();
    if (this.#scenario.fault !== 'reader that never reads') return;
    // Until the sender has had enough.
    while (from.isOpen) {
      from.send(LARGE);
      await turn();
    }
  }

  async #meetHarmlessFault(from: End, to: End): Promise<void> {
    this.#arm();
    from.sendMany();
    to.sendMany();
    if (this.#scenario.phase !== 'the closing handshake') {
      const ends = [from, to];
      await this.#delivered(ends);
      this.#step = 'nothing to be buffered any more, and to be told so';
      for (const end of ends) {
        while (end.bufferedAmount > 0) await turn();
        await end.until(() => !end.needsDrain);
      }
    }
    from.close();
  }

  /** Sets the moment of the fault. */
  #arm(): void {
    const { phase, side } = this.#scenario;
    const { up, down } = this.#proxy;
    const [flow, answer] = side === 'client' ? [up, down] : [down, up];
    if (phase === 'idleness') this.#fault();
    if (phase === 'a frame') flow.after(Math.round(LARGE * (0.3 + 0.2 * this.#random())), this.#fault);
    if (phase === 'a fragmented message') flow.betweenFragments(this.#fault);
    if (phase === 'the closing handshake') answer.after(0, this.#fault);
  }

  async #delivered(ends: readonly [End, End] | readonly End[]): Promise<void> {
    this.#step = 'messages';
    const [one, other] = ends as readonly [End, End];
    await one.until(() => one.received.length >= other.sent.length);
    await other.until(() => other.received.length >= one.sent.length);
  }

  async #ended(ends: readonly (End | undefined)[]): Promise<void> {
    this.#step = 'the end';
    for (const end of ends) await end?.until(() => end.hasEnded);
  }
}
