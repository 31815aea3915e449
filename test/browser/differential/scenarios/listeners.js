/**
 * Event handler attributes and listeners.
 */

import { noting, silent } from './listening.js';

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

/** @type {Record<string, Scenario>} */
export const listenerScenarios = {
  async 'handlers: values of the attributes'(recorder) {
    const webSocket = silent(recorder, 'echo');
    const listener = () => undefined;
    const object = { handleEvent() { recorder.note('handleEvent', 'called'); } };
    for (const name of ['onopen', 'onmessage', 'onerror', 'onclose']) {
      for (const value of [listener, object, [], null, listener, undefined, 1, 'x', true, Symbol('x'), class {}]) {
        recorder.attempt(`${name} = ${recorder.show(value)}`, () => {
          webSocket[name] = value;
          return [webSocket[name] === value, webSocket[name] === null];
        });
      }
    }
    webSocket.onopen = object;
    await recorder.next(webSocket, 'open');
  },

  async 'handlers: this, arguments, and the value that is returned'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'bytes:8300', 'wait:5', 'end');
    for (const name of ['onopen', 'onmessage', 'onerror', 'onclose']) {
      webSocket[name] = function (/** @type {unknown[]} */ ...args) {
        recorder.note(name, [this === webSocket, args.length, args[0]]);
        return false;
      };
    }
    const types = ['open', 'message', 'error', 'close'];
    const events = await Promise.all(types.map((type) => recorder.next(webSocket, type)));
    recorder.note('defaultPrevented', events.map((event) => event.defaultPrevented));
  },

  async 'handlers: false cancels an event that can be'(recorder) {
    const webSocket = silent(recorder, 'echo');
    for (const value of [false, true, undefined, null, 0]) {
      webSocket.onmessage = () => value;
      recorder.note(String(value), webSocket.dispatchEvent(new Event('message', { cancelable: true })));
    }
    webSocket.onerror = () => true;
    recorder.note('true from onerror', webSocket.dispatchEvent(new Event('error', { cancelable: true })));
    webSocket.onerror = () => false;
    recorder.note('false from onerror', webSocket.dispatchEvent(new Event('error', { cancelable: true })));
  },

  async 'handlers: keep their place when they are replaced'(recorder) {
    const webSocket = silent(recorder, 'echo');
    webSocket.addEventListener('open', noting(recorder, 'first'));
    webSocket.onopen = noting(recorder, 'never called');
    webSocket.addEventListener('open', noting(recorder, 'last'));
    webSocket.onopen = noting(recorder, 'the handler');
    await recorder.next(webSocket, 'open');
  },

  async 'handlers: lose their place when they are set to null'(recorder) {
    const webSocket = silent(recorder, 'echo');
    webSocket.onopen = noting(recorder, 'never called');
    webSocket.addEventListener('open', noting(recorder, 'first'));
    webSocket.onopen = null;
    webSocket.onopen = noting(recorder, 'the handler');
    webSocket.addEventListener('open', noting(recorder, 'last'));
    await recorder.next(webSocket, 'open');
  },

  async 'handlers: keep their place when they are set to an object that is no function'(recorder) {
    const webSocket = silent(recorder, 'echo');
    webSocket.onopen = noting(recorder, 'never called');
    webSocket.addEventListener('open', noting(recorder, 'last'));
    webSocket.onopen = {};
    webSocket.onopen = noting(recorder, 'the handler');
    await recorder.next(webSocket, 'open');
  },

  async 'handlers: replaced while their event is dispatched'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    const replace = () => {
      webSocket.onmessage = noting(recorder, 'the new handler');
    };
    webSocket.addEventListener('message', replace, { once: true });
    webSocket.onmessage = noting(recorder, 'the old handler');
    await recorder.next(webSocket, 'message');
    await recorder.next(webSocket, 'message');
  },

  async 'handlers: set to null while their event is dispatched'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    webSocket.addEventListener('message', () => {
      webSocket.onmessage = null;
    });
    webSocket.onmessage = noting(recorder, 'never called');
    await recorder.next(webSocket, 'message');
    await recorder.next(webSocket, 'message');
  },

  async 'handlers: are not removed as listeners'(recorder) {
    const webSocket = silent(recorder, 'echo');
    const listener = noting(recorder, 'called');
    webSocket.onopen = listener;
    webSocket.removeEventListener('open', listener);
    webSocket.addEventListener('open', listener);
    await recorder.next(webSocket, 'open');
  },

  async 'listeners: once, and the same one twice'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    const listener = noting(recorder, 'twice added');
    webSocket.addEventListener('message', noting(recorder, 'once'), { once: true });
    webSocket.addEventListener('message', listener);
    webSocket.addEventListener('message', listener);
    webSocket.addEventListener('message', listener, { passive: true });
    webSocket.addEventListener('message', listener, true);
    await recorder.next(webSocket, 'message');
    webSocket.removeEventListener('message', listener);
    await recorder.next(webSocket, 'message');
  },

  async 'listeners: capturing ones come first'(recorder) {
    const webSocket = silent(recorder, 'echo');
    const phase = (/** @type {Event} */ event) => {
      recorder.note('phase', event.eventPhase);
    };
    webSocket.addEventListener('open', noting(recorder, 'bubbling', phase));
    webSocket.addEventListener('open', noting(recorder, 'capturing', phase), { capture: true });
    await recorder.next(webSocket, 'open');
  },

  async 'listeners: signal'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    const controller = new AbortController();
    webSocket.addEventListener('message', noting(recorder, 'until aborted'), { signal: controller.signal });
    webSocket.addEventListener('message', noting(recorder, 'never added'), { signal: AbortSignal.abort() });
    recorder.attempt('a bad signal', () => webSocket.addEventListener('message', () => undefined, { signal: 1 }));
    await recorder.next(webSocket, 'message');
    controller.abort();
    await recorder.next(webSocket, 'message');
  },

  async 'listeners: objects with handleEvent'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    const listener = {
      /** @param {any} event */
      handleEvent(event) {
        recorder.note('handleEvent', [this === listener, event.data]);
        this.handleEvent = ({ data }) => {
          recorder.note('another handleEvent', data);
        };
      },
    };
    webSocket.addEventListener('message', listener);
    await recorder.next(webSocket, 'message');
    await recorder.next(webSocket, 'message');
  },

  async 'listeners: this, and what is no listener'(recorder) {
    const webSocket = silent(recorder, 'echo');
    webSocket.addEventListener('open', /** @this {unknown} */ function () {
      recorder.note('this', this === webSocket);
    });
    recorder.attempt('null', () => webSocket.addEventListener('open', null));
    recorder.attempt('undefined', () => webSocket.addEventListener('open', undefined));
    recorder.attempt('a number', () => webSocket.addEventListener('open', 1));
    recorder.attempt('a string', () => webSocket.addEventListener('open', 'x'));
    recorder.attempt('no listener', () => webSocket.addEventListener('open'));
    recorder.attempt('no arguments', () => webSocket.addEventListener());
    await recorder.next(webSocket, 'open');
  },

  async 'listeners: removed while their event is dispatched'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'echo');
    const removed = noting(recorder, 'never called');
    webSocket.addEventListener('message', noting(recorder, 'first', () => {
      webSocket.removeEventListener('message', removed);
    }));
    webSocket.addEventListener('message', removed);
    await recorder.next(webSocket, 'message');
  },

  async 'listeners: added while their event is dispatched'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    webSocket.addEventListener('message', noting(recorder, 'first', () => {
      webSocket.addEventListener('message', noting(recorder, 'added'), { once: true });
    }));
    await recorder.next(webSocket, 'message');
    recorder.note('the next message', true);
    await recorder.next(webSocket, 'message');
  },

  async 'listeners: stopImmediatePropagation and stopPropagation'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'close:1000', 'receive', 'end');
    webSocket.addEventListener('message', noting(recorder, 'stops', (event) => {
      if (event.data === '1') event.stopImmediatePropagation();
      else event.stopPropagation();
    }));
    webSocket.onmessage = noting(recorder, 'handler');
    webSocket.addEventListener('message', noting(recorder, 'listener'));
    await recorder.next(webSocket, 'close');
  },

  async 'listeners: exceptions stop neither the others nor the connection'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    webSocket.addEventListener('message', noting(recorder, 'throws', () => {
      throw new RangeError();
    }));
    webSocket.onmessage = noting(recorder, 'throws too', () => {
      throw new EvalError();
    });
    webSocket.addEventListener('message', noting(recorder, 'does not throw'));
    // Whether an exception is reported before or after the next listener is the platform's EventTarget's affair.
    const order = recorder.lines.length;
    await recorder.next(webSocket, 'message');
    await recorder.next(webSocket, 'message');
    await recorder.sleep(5);
    recorder.lines.push(...recorder.lines.splice(order).sort());
    recorder.note('readyState', webSocket.readyState);
  },

  async 'listeners: exceptions in open, error and close'(recorder) {
    const webSocket = silent(recorder, 'bytes:8300', 'wait:5', 'end');
    webSocket.onopen = noting(recorder, 'onopen', () => {
      throw new RangeError();
    });
    webSocket.onerror = noting(recorder, 'onerror', () => {
      throw new EvalError();
    });
    webSocket.onclose = noting(recorder, 'onclose', () => {
      throw new URIError();
    });
    const order = recorder.lines.length;
    await recorder.sleep(100);
    recorder.lines.push(...recorder.lines.splice(order).sort());
    recorder.note('readyState', webSocket.readyState);
  },

  async 'listeners: a rejected promise of a handler is not caught by the socket'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    webSocket.onmessage = async (/** @type {any} */ { data }) => {
      await Promise.reject(new RangeError()).catch(() => {
        recorder.note('rejected', data);
      });
    };
    await recorder.next(webSocket, 'message');
    await recorder.next(webSocket, 'message');
    await recorder.sleep(5);
  },

  async 'listeners: microtasks between two listeners of one event'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'echo');
    webSocket.addEventListener('message', () => {
      recorder.note('listener', 1);
      queueMicrotask(() => {
        recorder.note('microtask', 1);
      });
    });
    webSocket.addEventListener('message', () => {
      recorder.note('listener', 2);
    });
    await recorder.next(webSocket, 'message');
  },

  async 'listeners: EventTarget.prototype on a socket'(recorder) {
    const webSocket = silent(recorder, 'echo');
    const { addEventListener, removeEventListener, dispatchEvent } = EventTarget.prototype;
    const removed = noting(recorder, 'never called');
    addEventListener.call(webSocket, 'open', noting(recorder, 'added'));
    addEventListener.call(webSocket, 'open', removed);
    removeEventListener.call(webSocket, 'open', removed);
    await recorder.next(webSocket, 'open');
    recorder.note('dispatched', dispatchEvent.call(webSocket, new Event('open')));
  },
};
