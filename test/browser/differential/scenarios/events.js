/**
 * The events themselves: their properties, their classes, and dispatching them again.
 */

import { noting, silent } from './listening.js';

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

const ATTRIBUTES = [
  ...['type', 'target', 'currentTarget', 'srcElement', 'eventPhase', 'bubbles', 'cancelable', 'composed'],
  ...['defaultPrevented', 'returnValue', 'cancelBubble', 'isTrusted'],
  ...['data', 'origin', 'lastEventId', 'source', 'ports', 'wasClean', 'code', 'reason'],
];

/**
 * All that an event says of itself.
 *
 * @param {Recorder} recorder
 * @param {any} event
 */
function describe(recorder, event) {
  recorder.lines.push(`${event}: ${ATTRIBUTES.map((name) => `${name} ${recorder.show(event[name])}`).join(', ')}`);
  const { constructor, timeStamp } = event;
  recorder.note('other', [constructor.name, event instanceof Event, typeof timeStamp, event.composedPath()]);
  event.preventDefault();
  recorder.note('defaultPrevented', event.defaultPrevented);
}

/** @type {Record<string, Scenario>} */
export const eventScenarios = {
  async 'event: open'(recorder) {
    const webSocket = silent(recorder, 'echo');
    webSocket.onopen = (/** @type {any} */ event) => {
      describe(recorder, event);
      recorder.lines.push(recorder.state(webSocket));
    };
    const event = await recorder.next(webSocket, 'open');
    await recorder.sleep(0);
    recorder.note('afterwards', [event.target, event.currentTarget, event.eventPhase, event.composedPath()]);
  },

  async 'event: message'(recorder) {
    const webSocket = silent(recorder, 'text:hello', 'echo');
    webSocket.onmessage = (/** @type {any} */ event) => {
      describe(recorder, event);
    };
    const event = await recorder.next(webSocket, 'message');
    await recorder.sleep(0);
    recorder.note('afterwards', [event.target, event.currentTarget, event.eventPhase, event.composedPath()]);
  },

  async 'event: close'(recorder) {
    const webSocket = silent(recorder, 'close:3000,bye', 'receive', 'end');
    webSocket.onclose = (/** @type {any} */ event) => {
      describe(recorder, event);
      recorder.lines.push(recorder.state(webSocket));
    };
    const event = await recorder.next(webSocket, 'close');
    await recorder.sleep(0);
    recorder.note('afterwards', [event.target, event.currentTarget, event.eventPhase, event.composedPath()]);
  },

  async 'event: error'(recorder) {
    const webSocket = silent(recorder, 'bytes:8300', 'wait:5', 'end');
    webSocket.onerror = (/** @type {any} */ event) => {
      describe(recorder, event);
      recorder.lines.push(recorder.state(webSocket));
    };
    await recorder.next(webSocket, 'close');
  },

  async 'event: error of a failed handshake'(recorder) {
    const webSocket = new recorder.WebSocket(recorder.environment.refused);
    recorder.sockets.push(webSocket);
    webSocket.onerror = (/** @type {any} */ event) => {
      describe(recorder, event);
    };
    await recorder.next(webSocket, 'close');
  },

  async 'event: own properties'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'bytes:8300', 'wait:5', 'end');
    const events = ['open', 'message', 'error', 'close'].map((type) => recorder.next(webSocket, type));
    for (const event of await Promise.all(events)) {
      recorder.note(event.type, [Object.keys(event), Object.getOwnPropertyNames(event)]);
    }
  },

  async 'event: read-only attributes'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'close:1000', 'receive', 'end');
    webSocket.onmessage = (/** @type {any} */ event) => {
      for (const name of ['data', 'origin', 'lastEventId', 'source', 'ports', 'type', 'isTrusted']) {
        recorder.attempt(`assign ${name}`, () => (event[name] = 'other'));
        if (name !== 'isTrusted') recorder.note(name, event[name]);
      }
      recorder.attempt('an expando', () => ((event.expando = 1), event.expando));
      recorder.note('ports are frozen', Object.isFrozen(event.ports));
    };
    const event = await recorder.next(webSocket, 'close');
    for (const name of ['code', 'reason', 'wasClean']) {
      recorder.attempt(`assign ${name}`, () => (event[name] = 'other'));
      recorder.note(name, event[name]);
    }
  },

  async 'event: attributes of the classes'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'close:1000', 'receive', 'end');
    const message = await recorder.next(webSocket, 'message');
    const close = await recorder.next(webSocket, 'close');
    const names = ['data', 'origin', 'lastEventId', 'source', 'ports', 'wasClean', 'code', 'reason'];
    for (const { constructor } of [message, close]) {
      recorder.note('class', [constructor.name, constructor.length]);
      for (const name of names) {
        const descriptor = Object.getOwnPropertyDescriptor(constructor.prototype, name);
        if (descriptor === undefined) continue;
        const { get, set, enumerable, configurable } = descriptor;
        recorder.note(name, [get?.name, typeof set, enumerable, configurable]);
        recorder.attempt('another receiver', () => get?.call({}));
      }
    }
  },

  async 'event: new MessageEvent'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'echo');
    const { constructor: MessageEvent } = await recorder.next(webSocket, 'message');
    recorder.attempt('without arguments', () => new MessageEvent());
    recorder.attempt('without new', () => MessageEvent('x'));
    recorder.attempt('bad dictionary', () => new MessageEvent('x', 1));
    recorder.attempt('bad source', () => new MessageEvent('x', { source: {} }));
    recorder.attempt('bad ports', () => new MessageEvent('x', { ports: [{}] }));
    recorder.attempt('ports that are no sequence', () => new MessageEvent('x', { ports: 1 }));
    const full = { data: [1], origin: 'o', lastEventId: 1, bubbles: 1, cancelable: true, composed: true };
    for (const dictionary of [undefined, null, {}, full]) {
      const event = new MessageEvent('some type', dictionary);
      describe(recorder, event);
      describe(recorder, new MessageEvent(event.type, event));
    }
    const event = new MessageEvent('x');
    event.initMessageEvent('y', true, true, 'data', 'origin', 'id', null, []);
    describe(recorder, event);
  },

  async 'event: new CloseEvent'(recorder) {
    const webSocket = silent(recorder, 'close:1000', 'receive', 'end');
    const { constructor: CloseEvent } = await recorder.next(webSocket, 'close');
    recorder.attempt('without arguments', () => new CloseEvent());
    recorder.attempt('without new', () => CloseEvent('x'));
    recorder.attempt('bad dictionary', () => new CloseEvent('x', 1));
    recorder.attempt('bad code', () => new CloseEvent('x', { code: Symbol('x') }));
    for (const dictionary of [undefined, null, {}, { code: 3000, reason: 'bye', wasClean: 'yes', bubbles: true }]) {
      const event = new CloseEvent('close', dictionary);
      describe(recorder, event);
      describe(recorder, new CloseEvent(event.type, event));
    }
    for (const code of [-1, 65535, 65536, 70000, 1.9, -0.5, NaN, Infinity, '12', null]) {
      recorder.attempt(`code ${code}`, () => new CloseEvent('close', { code }).code);
    }
  },

  async 'event: new CloseEvent with a lone surrogate'(recorder) {
    const webSocket = silent(recorder, 'close:1000', 'receive', 'end');
    const { constructor: CloseEvent } = await recorder.next(webSocket, 'close');
    recorder.note('reason', new CloseEvent('close', { reason: '\ud800' }).reason);
  },

  async 'event: dispatched again'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'close:3000,bye', 'receive', 'end');
    const other = new EventTarget();
    other.addEventListener('message', (/** @type {any} */ event) => {
      recorder.note('again', [event.data, event.isTrusted, event.target === other, event.currentTarget === other]);
    });
    const both = [recorder.next(webSocket, 'message'), recorder.next(webSocket, 'close')];
    const [message, close] = await Promise.all(both);
    await recorder.sleep(0);
    webSocket.onmessage = noting(recorder, 'onmessage');
    recorder.attempt('on another target', () => other.dispatchEvent(message));
    recorder.attempt('on the socket', () => webSocket.dispatchEvent(message));
    webSocket.onclose = noting(recorder, 'onclose', (event) => {
      recorder.note('isTrusted', event.isTrusted);
    });
    recorder.attempt('a close event', () => webSocket.dispatchEvent(close));
  },

  async 'event: dispatched again while it is dispatched'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'echo');
    webSocket.onmessage = (/** @type {any} */ event) => {
      recorder.attempt('dispatch', () => new EventTarget().dispatchEvent(event));
    };
    await recorder.next(webSocket, 'message');
  },

  async 'event: made by hand and dispatched on the socket'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'echo');
    const { constructor: MessageEvent } = await recorder.next(webSocket, 'message');
    webSocket.onmessage = (/** @type {any} */ event) => {
      recorder.note('onmessage', [event.data, event.isTrusted, event.target === webSocket]);
      event.preventDefault();
    };
    recorder.attempt('dispatch', () => webSocket.dispatchEvent(new MessageEvent('message', { data: 1 })));
    const cancelable = new MessageEvent('message', { data: 2, cancelable: true });
    recorder.attempt('cancelable', () => webSocket.dispatchEvent(cancelable));
    webSocket.onclose = noting(recorder, 'onclose');
    recorder.attempt('a close', () => webSocket.dispatchEvent(new Event('close')));
    recorder.note('readyState', webSocket.readyState);
    webSocket.addEventListener('own', noting(recorder, 'own'));
    recorder.attempt('another type', () => webSocket.dispatchEvent(new Event('own')));
    recorder.attempt('no event', () => webSocket.dispatchEvent({ type: 'own' }));
    recorder.attempt('nothing', () => webSocket.dispatchEvent());
  },
};
