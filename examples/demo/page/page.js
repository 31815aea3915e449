// @ts-check
/**
 * The demo's page: what the buttons do and what the messages mean. The messages are listed in server.js.
 */

import { byId } from './by-id.js';
import { Log } from './log.js';
import { ReconnectingSocket } from './reconnecting-socket.js';
import { bytes, sizeOf } from './size.js';
import { countTraffic } from './traffic.js';

const TRAFFIC_INTERVAL = 50;
const TRAFFIC_BACKLOG = 1024 * 1024;

const log = new Log(byId('log', HTMLElement), byId('entries', HTMLElement), byId('newest', HTMLButtonElement));

const url = `${location.protocol.replace('http', 'ws')}//${location.host}/socket`;
const socket = new ReconnectingSocket(url, showState, receive);

/** What this page has to remember of the connection that is open. */
let connection = freshConnection();

function freshConnection() {
  return {
    visitor: 0,
    maxPayload: 0,
    /** @type {{ to: string, name: string, from: number } | undefined} */
    announcedFile: undefined,
    /**
     * One for each chat message of ours that has not come back yet; they come back in order.
     * @type {(() => void)[]}
     */
    undelivered: [],
    pingsAsked: 0,
  };
}

// --- The connection's state

/** How the last connection that was open ended: it stays in sight while attempts to connect again fail. */
let lastClose = 'Closed: the server cannot be reached';

/** @param {import('./reconnecting-socket.js').State} state */
function showState(state) {
  const isOpen = state.name === 'open';
  if (state.name === 'closed' && state.wasOpen) {
    lastClose = closeText(state.code, state.reason);
    log.add({ kind: 'event', text: lastClose });
  }
  const stateElement = byId('state', HTMLElement);
  stateElement.dataset.state = state.name;
  const texts = { connecting: 'Connecting…', open: 'Open', closing: 'Closing…', closed: lastClose };
  stateElement.textContent = texts[state.name];
  for (const id of ['send', 'traffic', 'ping', 'close-button']) byId(id, HTMLButtonElement).disabled = !isOpen;
  byId('connect', HTMLElement).hidden = state.name !== 'closed';
  showRetry(state.name === 'closed' ? state.retryAt : undefined);

  if (isOpen) {
    connection = freshConnection();
  } else if (state.name === 'closed') {
    makeTraffic(false);
    byId('present', HTMLElement).textContent = '';
  }
}

/**
 * @param {number} code
 * @param {string} reason
 */
function closeText(code, reason) {
  // RFC 6455 section 7.4.1: these two are never sent, they say that there was no CLOSE frame, or none with a code.
  if (code === 1006) return 'Closed: 1006, the connection was lost';
  if (code === 1005) return 'Closed: 1005, no code was given';
  return `Closed: ${code}${reason === '' ? '' : `, ${reason}`}`;
}

let retryClock = 0;

/** @param {number | undefined} retryAt */
function showRetry(retryAt) {
  clearInterval(retryClock);
  const retry = byId('retry', HTMLElement);
  retry.hidden = retryAt === undefined;
  if (retryAt === undefined) return;
  const show = () => {
    retry.textContent = `Next attempt in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1000))} s`;
  };
  show();
  retryClock = setInterval(show, 250);
}

byId('connect', HTMLButtonElement).addEventListener('click', () => socket.connect());

// --- What comes in

/** @param {string | Blob} data */
function receive(data) {
  countTraffic('received', data);
  if (data instanceof Blob) {
    receiveFile(data);
    return;
  }
  const message = JSON.parse(data);
  if (message.type === 'welcome') {
    connection.visitor = message.visitor;
    connection.maxPayload = message.maxPayload;
    log.add({ kind: 'event', text: `Open. You are visitor ${message.visitor}.` });
  } else if (message.type === 'joined') {
    showPresent(message.present);
    if (message.visitor !== connection.visitor) log.add({ kind: 'event', text: `Visitor ${message.visitor} joined` });
  } else if (message.type === 'left') {
    showPresent(message.present);
    log.add({ kind: 'event', text: `Visitor ${message.visitor} left: ${leftText(message)}` });
  } else if (message.type === 'text') {
    if (isOurChat(message)) connection.undelivered.shift()?.();
    else log.add({ kind: 'received', who: senderOf(message), text: message.text, size: sizeOf(message.text) });
  } else if (message.type === 'file') {
    connection.announcedFile = message;
  } else if (message.type === 'pong') {
    showRoundTrip(message.roundTripTime);
  }
}

/** @param {Blob} file */
function receiveFile(file) {
  const announced = connection.announcedFile;
  connection.announcedFile = undefined;
  if (announced === undefined) return;
  if (isOurChat(announced)) connection.undelivered.shift()?.();
  else log.add({ kind: 'received', who: senderOf(announced), text: announced.name, size: file.size, file });
}

/** @param {{ to: string, from: number }} message */
function isOurChat({ to, from }) {
  return to === 'everyone' && from === connection.visitor;
}

/** @param {{ to: string, from: number }} message */
function senderOf({ to, from }) {
  return to === 'me' ? 'Echo' : `Visitor ${from}`;
}

/** @param {{ code: string | null, reason: string | null }} message */
function leftText({ code, reason }) {
  if (code === null) return 'no code';
  return reason ? `${code}, ${reason}` : code;
}

/** @param {number} present */
function showPresent(present) {
  byId('present', HTMLElement).textContent = `You are visitor ${connection.visitor} · ${present} here`;
}

// --- What goes out

/**
 * @param {object} message
 * @param {ArrayBuffer} [file]
 */
function send(message, file) {
  for (const data of file === undefined ? [JSON.stringify(message)] : [JSON.stringify(message), file]) {
    countTraffic('sent', data);
    socket.send(data);
  }
}

const composer = byId('composer', HTMLFormElement);
const textInput = byId('text', HTMLTextAreaElement);

function recipient() {
  return String(new FormData(composer).get('to'));
}

/**
 * Logs what was sent, and in a chat that it has come back to us: that is, to everybody.
 * @param {string} to
 * @param {string} text
 * @param {number} size
 */
function logSent(to, text, size) {
  const note = log.add({ kind: 'sent', who: to === 'me' ? 'To the echo' : 'To everyone', text, size });
  if (to === 'everyone') connection.undelivered.push(() => note('✓ delivered'));
}

composer.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = textInput.value;
  if (text === '' || !socket.isOpen) return;
  const to = recipient();
  const message = { type: 'text', to, text };
  if (isTooBig(sizeOf(JSON.stringify(message)), 'This message')) return;
  send(message);
  logSent(to, text, sizeOf(text));
  textInput.value = '';
  textInput.focus();
});

textInput.addEventListener('keydown', (event) => {
  // While an input method composes a character, Enter belongs to it.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

/** @param {Iterable<File>} files */
async function sendFiles(files) {
  for (const file of [...files]) {
    if (!socket.isOpen) {
      log.add({ kind: 'problem', text: `${file.name} was not sent: there is no connection.` });
      continue;
    }
    if (isTooBig(file.size, file.name)) continue;
    try {
      const content = await file.arrayBuffer();
      const to = recipient();
      send({ type: 'file', to, name: file.name }, content);
      logSent(to, file.name, content.byteLength);
    } catch {
      log.add({ kind: 'problem', text: `${file.name} cannot be read.` });
    }
  }
}

/**
 * @param {number} size
 * @param {string} what
 */
function isTooBig(size, what) {
  if (size <= connection.maxPayload) return false;
  const most = bytes(connection.maxPayload);
  log.add({ kind: 'problem', text: `${what} is too big: ${bytes(size)}, and the server takes ${most}.` });
  return true;
}

const fileInput = byId('file', HTMLInputElement);
fileInput.addEventListener('change', () => {
  void sendFiles(fileInput.files ?? []);
  // So that the same file can be chosen again.
  fileInput.value = '';
});

const dropTarget = byId('drop', HTMLElement);
addEventListener('dragover', (event) => {
  if (!event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  dropTarget.hidden = false;
});
addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) dropTarget.hidden = true;
});
addEventListener('drop', (event) => {
  dropTarget.hidden = true;
  if (!event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  void sendFiles(event.dataTransfer.files);
});

byId('clear', HTMLButtonElement).addEventListener('click', () => log.clear());

// --- Traffic, to have something to watch

const trafficButton = byId('traffic', HTMLButtonElement);
let trafficTimer = 0;

/** @param {boolean} on */
function makeTraffic(on) {
  clearInterval(trafficTimer);
  trafficButton.setAttribute('aria-pressed', String(on));
  trafficButton.textContent = on ? 'Stop the traffic' : 'Make some traffic';
  if (!on) return;
  trafficTimer = setInterval(() => {
    // Swells and ebbs, as traffic does.
    const swell = 1 + Math.sin(Date.now() / 4000);
    if (socket.bufferedAmount > TRAFFIC_BACKLOG || Math.random() > 0.2 + 0.4 * swell) return;
    send({ type: 'traffic', filler: 'x'.repeat(Math.random() * 400 * swell) });
  }, TRAFFIC_INTERVAL);
}

trafficButton.addEventListener('click', () => makeTraffic(trafficButton.getAttribute('aria-pressed') !== 'true'));

// --- Ping and close

byId('ping', HTMLButtonElement).addEventListener('click', () => {
  connection.pingsAsked += 1;
  send({ type: 'ping' });
});

/** @param {number} milliseconds */
function showRoundTrip(milliseconds) {
  const text = `${milliseconds < 10 ? milliseconds.toFixed(2) : milliseconds.toFixed(0)} ms`;
  byId('round-trip', HTMLElement).textContent = text;
  // The server also pings a silent page on its own account; only what was asked for is an event.
  if (connection.pingsAsked === 0) return;
  connection.pingsAsked -= 1;
  log.add({ kind: 'event', text: `PONG after ${text}` });
}

const codeInput = byId('code', HTMLInputElement);
const reasonInput = byId('reason', HTMLInputElement);
for (const input of [codeInput, reasonInput]) input.addEventListener('input', () => input.setCustomValidity(''));

byId('close', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const code = /^\d{4}$/.test(codeInput.value) ? Number(codeInput.value) : NaN;
  if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
    complain(codeInput, 'A page may close with 1000, or with 3000 to 4999.');
  } else if (sizeOf(reasonInput.value) > 123) {
    complain(reasonInput, `A reason has up to 123 bytes in UTF-8; this one has ${sizeOf(reasonInput.value)}.`);
  } else {
    socket.close(code, reasonInput.value);
  }
});

/**
 * @param {HTMLInputElement} input
 * @param {string} problem
 */
function complain(input, problem) {
  input.setCustomValidity(problem);
  input.reportValidity();
}

byId('address', HTMLElement).textContent = url;
socket.connect();
