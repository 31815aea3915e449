/**
 * The clients' process of the soak: it keeps so many connections open, sends numbered messages and looks for their
 * echoes, and ends connections at random, in every way, to open them again.
 */
import { takeStock, memory } from './stock.js';
import { request } from 'node:http';
import { Watershed, WatershedConnection, WebSocket } from 'watershed';
import { answerCalls } from '../../bench/calls.js';

/** Opening handshakes that are under way at a time. */
const MAX_OPENING = 200;
const HANDSHAKE_TIMEOUT = 300_000;
/** Milliseconds between two turns of traffic. */
const TURN = 20;
/** Messages without an echo from which on a connection is left alone for a while. */
const MAX_UNANSWERED = 4;
/** Ports that one address of this machine has for its connections, with room for those that wait to be free again. */
const PORTS_OF_ADDRESS = 20_000;

/** How a connection is ended, and whether the closing handshake is completed. */
const endings = {
  'closed by the client': { isClean: true, end: (slot) => { slot.close(); } },
  'closed by the server': { isClean: true, end: (slot) => { slot.send('!close'); } },
  'reset by the client': { isClean: false, end: (slot) => { slot.connection.socket.resetAndDestroy(); } },
  'reset by the server': { isClean: false, end: (slot) => { slot.send('!reset'); } },
  'destroyed by the client': { isClean: false, end: (slot) => { slot.connection.destroy(); } },
};
const waysToEnd = Object.keys(endings);

let figures;
let faults;
let slots = [];
let port = 0;
/** Slots that wait to be opened. */
let toOpen = [];
let opening = 0;
let isClosing = false;
let onSettled = () => {};

/** One connection after the other. */
class Slot {
  constructor(index) {
    this.index = index;
    this.isStandard = index % 2 === 0;
    this.isCompressed = Math.floor(index / 4) % 4 === 0;
    this.localAddress = index < PORTS_OF_ADDRESS ? undefined : `127.0.0.${1 + Math.floor(index / PORTS_OF_ADDRESS)}`;
    this.reset();
  }

  reset() {
    this.webSocket = undefined;
    this.classic = undefined;
    this.isOpen = false;
    this.sent = 0;
    this.received = 0;
    /** How it is being ended. */
    this.way = undefined;
  }

  open() {
    // Both faces at both ends, in all pairs.
    const path = this.index % 4 < 2 ? '/standard' : '/classic';
    if (this.isStandard) this.openStandard(path);
    else this.openClassic(path);
  }

  openStandard(path) {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
      perMessageDeflate: this.isCompressed && { threshold: 0 },
      heartbeat: { interval: 30_000, timeout: 60_000 },
      // How fast a machine is that has much to do is not the question.
      handshakeTimeout: HANDSHAKE_TIMEOUT,
      ...(this.localAddress !== undefined && { localAddress: this.localAddress }),
    });
    this.webSocket = webSocket;
    let error;
    webSocket.onopen = () => { this.opened(); };
    webSocket.onmessage = ({ data }) => { this.receive(data); };
    webSocket.onerror = (event) => { error = event.message; };
    webSocket.onclose = ({ code, wasClean }) => { this.ended(wasClean, error ?? `close ${code}`); };
  }

  openClassic(path) {
    const key = Watershed.generateKey();
    const perMessageDeflate = this.isCompressed && { threshold: 0 };
    const headers = Watershed.requestHeaders(key, { perMessageDeflate });
    const { localAddress } = this;
    const upgrade = request({ host: '127.0.0.1', port, path, headers, localAddress, agent: false });
    upgrade.on('response', (response) => {
      response.resume();
      this.ended(false, `refused with ${response.statusCode}`);
    });
    upgrade.on('error', (error) => { this.ended(false, error.message); });
    upgrade.on('upgrade', (res, socket, head) => {
      const heartbeat = { interval: 30_000, timeout: 60_000 };
      const connection = Watershed.connect(res, socket, head, key, { perMessageDeflate, heartbeat });
      this.classic = connection;
      connection.on('text', (text) => { this.receive(text); });
      connection.on('error', (error) => { fault(`an error of a connection: ${error.message}`); });
      connection.on('end', (code) => { this.ended(code === 'NORMAL' || code === 'GOING_AWAY', `end ${code}`); });
      this.opened();
    });
    upgrade.end();
  }

  /** The classic face, which can do everything. */
  get connection() {
    return this.classic ?? WatershedConnection.from(this.webSocket);
  }

  opened() {
    figures.made++;
    figures.open++;
    this.isOpen = true;
    opening--;
    openMore();
  }

  send(text) {
    if (this.isStandard) this.webSocket.send(text);
    else this.classic.send(text);
  }

  close() {
    if (this.isStandard) this.webSocket.close(1000);
    else this.classic.end();
  }

  /** Sends the next message, unless the connection is behind or being ended. */
  say() {
    if (!this.isOpen || this.way !== undefined || this.sent - this.received >= MAX_UNANSWERED) return;
    this.send(messageOf(this.sent++));
  }

  receive(text) {
    if (text !== messageOf(this.received)) fault(`a message that was not sent, or out of order: ${text.slice(0, 20)}`);
    this.received++;
    figures.messages++;
    if (isClosing) settle();
  }

  end(way) {
    this.way = way;
    endings[way].end(this);
  }

  ended(wasClean, what) {
    const { way, isOpen, sent, received } = this;
    if (isOpen) figures.open--;
    else opening--;
    if (way !== undefined) {
      figures.endings[way]++;
      if (wasClean !== endings[way].isClean) fault(`a connection that was ${way} ended otherwise: ${what}`);
    } else if (!isClosing) {
      fault(`a connection ${isOpen ? 'ended by itself' : 'could not be opened'}: ${what}`);
    } else if (!wasClean) {
      fault(`a connection was not closed cleanly at the end: ${what}`);
    } else if (received < sent) {
      fault(`${sent - received} echoes were lost`);
    }
    this.reset();
    if (isClosing) settle();
    // Not in the call that ends it: the figures of this turn come first.
    else setImmediate(() => { openAgain(this); });
  }
}

/** What is wrong is counted, and the first of it told. */
function fault(what) {
  faults.set(what, (faults.get(what) ?? 0) + 1);
}

function messageOf(number) {
  return `${number} ${'steady small traffic '.repeat(1 + (number % 8))}`;
}

function openAgain(slot) {
  if (isClosing) return;
  toOpen.push(slot);
  openMore();
}

function openMore() {
  while (opening < MAX_OPENING && toOpen.length > 0) {
    opening++;
    toOpen.pop().open();
  }
  if (opening === 0) settle();
}

/** Something has come to rest, which somebody may be waiting for. */
function settle() {
  onSettled();
}

/** Resolves when the condition holds. */
async function until(condition) {
  while (!condition()) {
    await new Promise((resolve) => {
      onSettled = resolve;
    });
  }
  onSettled = () => {};
}

answerCalls({
  /** Opens so many connections to the port. */
  async open(toPort, connections) {
    port = toPort;
    isClosing = false;
    faults = new Map();
    figures = { open: 0, made: 0, messages: 0, endings: Object.fromEntries(waysToEnd.map((way) => [way, 0])) };
    slots = Array.from({ length: connections }, (_, index) => new Slot(index));
    toOpen = [...slots].reverse();
    openMore();
    await until(() => opening === 0 && toOpen.length === 0);
  },

  /** Sends so many messages and ends so many connections a second, for so many milliseconds. */
  async run(messages, ended, milliseconds) {
    const start = performance.now();
    let said = 0;
    let done = 0;
    await new Promise((resolve) => {
      const clock = setInterval(() => {
        const elapsed = performance.now() - start;
        for (; said < (messages * elapsed) / 1_000; said++) slots[said % slots.length].say();
        for (; done < (ended * elapsed) / 1_000; done++) endOne(waysToEnd[done % waysToEnd.length]);
        if (elapsed < milliseconds) return;
        clearInterval(clock);
        resolve();
      }, TURN);
    });
  },

  /** Waits for everything that is under way, and closes every third connection. The server closes the rest. */
  async close() {
    const isSettled = ({ isOpen, way }) => isOpen && way === undefined;
    await until(() => opening === 0 && toOpen.length === 0 && slots.every(isSettled));
    isClosing = true;
    await until(() => slots.every(({ sent, received }) => sent === received));
    for (const slot of slots) if (slot.index % 3 === 0) slot.close();
  },

  /** Resolves when all connections have ended, with the figures and with what was wrong. */
  async ended() {
    await until(() => figures.open === 0);
    slots = [];
    return { ...figures, faults: [...faults].map(([what, count]) => `${count} times: ${what}`) };
  },

  progress: () => ({ ...figures, ...memory() }),
  stock: takeStock,
});

/** Ends one of the connections, that way. */
function endOne(way) {
  const slot = slots[Math.floor(Math.random() * slots.length)];
  if (slot.isOpen && slot.way === undefined) slot.end(way);
}
