/**
 * The class and its instances: constants, properties, receivers, subclasses.
 */

/** @typedef {import('../recorder.js').Scenario} Scenario */

/** @type {Record<string, Scenario>} */
export const classScenarios = {
  'class: constants'(recorder) {
    const { WebSocket } = recorder;
    for (const target of [WebSocket, WebSocket.prototype]) {
      for (const name of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']) {
        const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(target, name) ?? {};
        recorder.note(name, [value, writable, enumerable, configurable]);
        recorder.attempt('assigned', () => (/** @type {any} */ (target)[name] = 7));
      }
    }
  },

  'class: properties of the prototype'(recorder) {
    const { prototype } = recorder.WebSocket;
    for (const name of Object.getOwnPropertyNames(prototype).sort()) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
      const { value, get, set, writable, enumerable, configurable } = descriptor;
      if (typeof value === 'number') continue;
      for (const it of [value, get, set]) {
        if (typeof it === 'function') recorder.note(name, [it.name, it.length]);
      }
      recorder.note(name, [typeof value, typeof get, typeof set, writable, enumerable, configurable]);
    }
    const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
    recorder.note('toStringTag', [tag?.value, tag?.writable, tag?.enumerable, tag?.configurable]);
  },

  'class: symbols of the prototype'(recorder) {
    recorder.note('symbols', Object.getOwnPropertySymbols(recorder.WebSocket.prototype).map(String));
  },

  'class: the interface object'(recorder) {
    const { WebSocket } = recorder;
    recorder.note('name', WebSocket.name);
    recorder.note('length', WebSocket.length);
    recorder.note('enumerable', Object.keys(WebSocket).sort());
    recorder.note('parent', Object.getPrototypeOf(WebSocket) === EventTarget);
    recorder.note('parent of the prototype', Object.getPrototypeOf(WebSocket.prototype) === EventTarget.prototype);
    const prototype = Object.getOwnPropertyDescriptor(WebSocket, 'prototype');
    recorder.note('prototype', [prototype?.writable, prototype?.enumerable, prototype?.configurable]);
  },

  'class: own names of the interface object'(recorder) {
    recorder.note('names', Object.getOwnPropertyNames(recorder.WebSocket).sort());
  },

  'class: receivers that are no WebSocket'(recorder) {
    const { prototype } = recorder.WebSocket;
    for (const receiver of [{}, prototype, Object.create(prototype), new EventTarget(), null, undefined]) {
      for (const name of ['url', 'readyState', 'binaryType', 'onopen', 'onmessage', 'onerror', 'onclose']) {
        const { get, set } = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
        recorder.attempt(`get ${name}`, () => get?.call(receiver));
        if (set !== undefined) recorder.attempt(`set ${name}`, () => set.call(receiver, null));
      }
      recorder.attempt('send', () => prototype.send.call(receiver, 'x'));
      recorder.attempt('close', () => prototype.close.call(receiver));
    }
  },

  async 'class: instances'(recorder) {
    const webSocket = await recorder.open('echo');
    recorder.note('own names', Object.getOwnPropertyNames(webSocket));
    const enumerated = [];
    // EventTarget's own are the platform's affair.
    for (const name in webSocket) if (!(name in EventTarget.prototype)) enumerated.push(name);
    recorder.note('enumerated', enumerated.sort());
    recorder.note('string', String(webSocket));
    recorder.note('JSON', JSON.stringify(webSocket));
    recorder.note('then', webSocket.then);
    recorder.note('instanceof EventTarget', webSocket instanceof EventTarget);
    recorder.note('constructor', webSocket.constructor === recorder.WebSocket);
    recorder.attempt('an expando', () => (webSocket.expando = 1));
    const values = { other: 2, binaryType: 'arraybuffer' };
    recorder.attempt('Object.assign', () => Object.assign(webSocket, values) === webSocket);
    recorder.note('own names', Object.getOwnPropertyNames(webSocket));
    recorder.note('binaryType', webSocket.binaryType);
    recorder.attempt('extensible', () => Object.isExtensible(webSocket));
    recorder.note('awaited', (await webSocket) === webSocket);
  },

  async 'class: read-only attributes'(recorder) {
    const webSocket = await recorder.open('echo');
    for (const name of ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol']) {
      recorder.attempt(`assign ${name}`, () => (webSocket[name] = 'x'));
      recorder.attempt(`delete ${name}`, () => delete webSocket[name]);
      recorder.note(name, webSocket[name]);
    }
  },

  async 'class: a subclass'(recorder) {
    class Chatty extends recorder.WebSocket {
      constructor(/** @type {string} */ url) {
        super(url);
        this.greeting = 'hello';
      }

      /** @param {string} data */
      send(data) {
        super.send(`${this.greeting} ${data}`);
      }
    }
    /** @type {import('../recorder.js').Socket} */
    const webSocket = new Chatty(recorder.url('echo'));
    recorder.sockets.push(webSocket);
    recorder.note('instanceof', webSocket instanceof recorder.WebSocket);
    recorder.note('string', String(webSocket));
    recorder.note('CONNECTING', webSocket.CONNECTING);
    recorder.note('readyState', webSocket.readyState);
    await recorder.next(webSocket, 'open');
    webSocket.send('there');
    const { data, target } = await recorder.next(webSocket, 'message');
    recorder.note('echo', data);
    recorder.note('target', target === webSocket);
    webSocket.close();
    await recorder.next(webSocket, 'close');
    recorder.note('readyState', webSocket.readyState);
  },

  async 'class: Reflect.construct with another prototype'(recorder) {
    // Node's EventTarget knows its own by their constructor.
    const other = class Other extends EventTarget {};
    const webSocket = Reflect.construct(recorder.WebSocket, [recorder.url('echo')], other);
    recorder.note('prototype', Object.getPrototypeOf(webSocket) === other.prototype);
    const { get } = Object.getOwnPropertyDescriptor(recorder.WebSocket.prototype, 'readyState') ?? {};
    recorder.note('readyState', get?.call(webSocket));
    await new Promise((resolve) => EventTarget.prototype.addEventListener.call(webSocket, 'open', resolve));
    recorder.note('readyState', get?.call(webSocket));
    recorder.WebSocket.prototype.close.call(webSocket);
    await new Promise((resolve) => EventTarget.prototype.addEventListener.call(webSocket, 'close', resolve));
    recorder.note('readyState', get?.call(webSocket));
  },
};
