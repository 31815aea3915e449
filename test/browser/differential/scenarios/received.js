/**
 * Messages from the server: types, sizes, fragments and binaryType.
 */

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

const SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 131072];

/**
 * A scenario: the server sends with the answer to the handshake, then the client closes when the last message is there.
 *
 * @param {number} count how many messages come
 * @param {...string} steps
 * @returns {Scenario}
 */
function received(count, ...steps) {
  return async (recorder) => {
    const webSocket = recorder.start(...steps, 'echo');
    for (let i = 0; i < count; i++) await recorder.next(webSocket, 'message');
    webSocket.close();
    await recorder.closed(webSocket);
  };
}

/** @type {Record<string, Scenario>} */
export const receivedScenarios = {
  'received: a text': received(1, 'text:hello'),
  'received: an empty text': received(1, 'text:'),
  'received: texts beyond ASCII': received(3, 'text:żółw ☃ 😀', 'text:\uFEFFbyte order mark', 'text:nul \u0000 and more'),
  'received: texts of every length form': received(SIZES.length, ...SIZES.map((size) => `texts:${size}`)),
  'received: binary messages of every length form': received(SIZES.length, ...SIZES.map((size) => `binaries:${size}`)),
  'received: a text of a megabyte': received(1, 'texts:1048576'),
  'received: fragments': received(1, 'first:a', 'middle:b', 'middle:', 'last:c'),
  'received: fragments that are empty': received(2, 'first:', 'middle:', 'last:', 'first:', 'last:x'),
  // U+2603 is e2 98 83.
  'received: fragments that split a character': received(1, 'bytes:0101e2', 'bytes:000198', 'bytes:800183'),
  'received: control frames between fragments': received(1, 'first:a', 'ping:x', 'middle:b', 'pong:y', 'last:c'),
  'received: control frames alone': received(1, 'ping:', 'ping:x', 'pong:', 'pong:y', 'text:after them'),
  'received: messages in many packets': received(3, 'text:a', 'wait:5', 'text:b', 'wait:5', 'text:c'),
  'received: a frame in two packets': received(1, 'bytes:8105', 'wait:10', 'bytes:68656c', 'wait:10', 'bytes:6c6f'),

  async 'received: binary as a Blob'(recorder) {
    const webSocket = recorder.start('binary:00ff10', 'binary:', 'echo');
    const events = [await recorder.next(webSocket, 'message'), await recorder.next(webSocket, 'message')];
    for (const { data } of events) {
      recorder.note('bytes', await data.arrayBuffer());
      recorder.note('tag', Object.prototype.toString.call(data));
      recorder.note('type', data.type);
    }
  },

  async 'received: binary as an ArrayBuffer'(recorder) {
    const webSocket = recorder.start('binary:00ff10', 'binary:', 'echo');
    webSocket.binaryType = 'arraybuffer';
    const events = [await recorder.next(webSocket, 'message'), await recorder.next(webSocket, 'message')];
    for (const { data } of events) recorder.note('length', [data.byteLength, Object.prototype.toString.call(data)]);
    new Uint8Array(events[0].data)[0] = 9;
    recorder.note('written to', events[0].data);
    structuredClone(events[0].data, { transfer: [events[0].data] });
    recorder.note('transferred', events[0].data.byteLength);
  },

  async 'received: data is the same at each reading'(recorder) {
    const webSocket = recorder.start('binary:00', 'binary:01', 'echo');
    const event = await recorder.next(webSocket, 'message');
    recorder.note('Blob', event.data === event.data);
    webSocket.binaryType = 'arraybuffer';
    recorder.note('still a Blob', event.data);
    const other = await recorder.next(webSocket, 'message');
    recorder.note('ArrayBuffer', other.data === other.data);
  },

  async 'binaryType: values'(recorder) {
    const webSocket = await recorder.open('echo');
    const strings = ['arraybuffer', 'ArrayBuffer', 'text', '', 'blob', ' blob'];
    for (const value of [...strings, undefined, null, 1, {}, ['arraybuffer']]) {
      recorder.attempt(`set ${typeof value}`, () => (webSocket.binaryType = value));
      recorder.note('binaryType', webSocket.binaryType);
    }
    recorder.attempt('set a symbol', () => (webSocket.binaryType = Symbol('x')));
    webSocket.close();
    webSocket.binaryType = 'arraybuffer';
    recorder.note('binaryType while CLOSING', webSocket.binaryType);
    await recorder.closed(webSocket);
    webSocket.binaryType = 'blob';
    recorder.note('binaryType when CLOSED', webSocket.binaryType);
  },

  async 'binaryType: switched between two messages of one packet'(recorder) {
    const webSocket = recorder.start('binary:00', 'binary:01', 'binary:02', 'text:end', 'echo');
    webSocket.onmessage = () => (webSocket.binaryType = webSocket.binaryType === 'blob' ? 'arraybuffer' : 'blob');
    for (let i = 0; i < 4; i++) await recorder.next(webSocket, 'message');
  },

  async 'binaryType: switched in a microtask between two messages of one packet'(recorder) {
    const webSocket = recorder.start('binary:00', 'binary:01', 'binary:02', 'text:end', 'echo');
    await recorder.next(webSocket, 'open');
    webSocket.binaryType = 'arraybuffer';
    await recorder.next(webSocket, 'message');
    webSocket.binaryType = 'blob';
    await recorder.next(webSocket, 'message');
    webSocket.binaryType = 'arraybuffer';
    await recorder.next(webSocket, 'message');
  },
};
