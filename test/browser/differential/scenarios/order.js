/**
 * The order of events, and the microtasks between them.
 */

import { noting, silent } from './listening.js';

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

/** @type {Record<string, Scenario>} */
export const orderScenarios = {
  async 'order: microtasks run before the next message'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'text:3', 'close:3000', 'receive', 'end');
    const chain = async (/** @type {string} */ name) => {
      for (let i = 0; i < 10; i++) {
        await undefined;
        if (i % 3 === 0) recorder.note(name, [i, webSocket.readyState]);
      }
    };
    webSocket.onopen = noting(recorder, 'onopen', () => chain('after open'));
    webSocket.onmessage = noting(recorder, 'onmessage', ({ data }) => chain(`after ${data}`));
    webSocket.onclose = noting(recorder, 'onclose', () => chain('after close'));
    await recorder.next(webSocket, 'close');
    await recorder.sleep(5);
  },

  async 'order: promises, microtasks and awaits in one handler'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'echo');
    webSocket.onmessage = async (/** @type {any} */ { data }) => {
      queueMicrotask(() => {
        recorder.note('queueMicrotask', data);
      });
      Promise.resolve().then(() => {
        recorder.note('then', data);
        queueMicrotask(() => {
          recorder.note('a microtask of a microtask', data);
        });
      });
      await undefined;
      recorder.note('await', data);
    };
    await recorder.next(webSocket, 'message');
    await recorder.next(webSocket, 'message');
    await recorder.sleep(5);
  },

  async 'order: listeners that are set after await see what follows'(recorder) {
    const webSocket = silent(recorder, 'text:1', 'text:2', 'close:3000', 'receive', 'end');
    await recorder.next(webSocket, 'open');
    await undefined;
    const first = await recorder.next(webSocket, 'message');
    recorder.note('first', first.data);
    await Promise.resolve();
    const second = await recorder.next(webSocket, 'message');
    recorder.note('second', second.data);
    const { code } = await recorder.next(webSocket, 'close');
    recorder.note('close', code);
  },

  async 'order: error and close are one task'(recorder) {
    const webSocket = silent(recorder, 'bytes:8300', 'wait:5', 'end');
    webSocket.onerror = noting(recorder, 'onerror', () => {
      recorder.note('readyState', webSocket.readyState);
      setTimeout(() => {
        recorder.note('a timer set in error', webSocket.readyState);
      }, 0);
      queueMicrotask(() => {
        recorder.note('a microtask of error', webSocket.readyState);
      });
    });
    webSocket.onclose = noting(recorder, 'onclose');
    await recorder.next(webSocket, 'close');
    await recorder.sleep(5);
  },

  async 'order: nothing fires within the constructor, send() or close()'(recorder) {
    const webSocket = recorder.connect(recorder.environment.refused);
    recorder.note('constructed', webSocket.readyState);
    await undefined;
    recorder.note('a microtask later', webSocket.readyState);
    await recorder.closed(webSocket);
    const other = recorder.start('echo');
    other.close();
    recorder.note('close() returned', other.readyState);
    await undefined;
    recorder.note('a microtask later', other.readyState);
    await recorder.closed(other);
  },

  async 'order: listeners set a task after the constructor miss nothing'(recorder) {
    const webSocket = silent(recorder, 'text:x', 'close:1000', 'receive', 'end');
    queueMicrotask(() => {
      for (const type of ['open', 'message', 'close']) webSocket.addEventListener(type, noting(recorder, type));
    });
    await recorder.next(webSocket, 'close');
  },

  async 'order: messages sent in open arrive in order'(recorder) {
    const webSocket = recorder.start('echo');
    webSocket.onopen = () => {
      for (let i = 0; i < 20; i++) webSocket.send(String(i));
    };
    for (let i = 0; i < 20; i++) await recorder.next(webSocket, 'message');
  },
};
