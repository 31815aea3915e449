/**
 * Messages to the server: types, sizes and conversions, `send()` in every state, and bufferedAmount.
 */

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

const SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 131072];

/**
 * A scenario: what the server got when something was sent.
 *
 * @param {Readonly<Record<string, () => unknown>>} values
 * @returns {Scenario}
 */
function sent(values) {
  return async (recorder) => {
    for (const [label, value] of Object.entries(values)) {
      const webSocket = new recorder.WebSocket(recorder.url('receive', 'report', 'echo'));
      recorder.sockets.push(webSocket);
      await recorder.next(webSocket, 'open');
      try {
        recorder.note(`send ${label}`, webSocket.send(value()));
        recorder.note('bufferedAmount', webSocket.bufferedAmount);
      } catch (error) {
        recorder.note(`send ${label} throws`, error);
        webSocket.send('(nothing before this)');
      }
      const { data } = await recorder.next(webSocket, 'message');
      recorder.note('the server got', data);
      webSocket.close();
    }
  };
}

/**
 * The bytes 0 to 7.
 *
 * @param {object} options
 */
function eightBytes(options = {}) {
  // The second argument is not in the types of ES2023.
  const Constructor = /** @type {new (length: number, options: object) => ArrayBuffer} */ (ArrayBuffer);
  const bytes = new Constructor(8, options);
  new Uint8Array(bytes).set([0, 1, 2, 3, 4, 5, 6, 7]);
  return bytes;
}

function detached() {
  const buffer = eightBytes();
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return { buffer, view };
}

/** @type {Record<string, Scenario>} */
export const sentScenarios = {
  'sent: strings': sent({
    'a text': () => 'hello',
    'an empty text': () => '',
    'a text beyond ASCII': () => 'żółw ☃ 😀',
    'a byte order mark': () => '\uFEFFx',
    'lone surrogates': () => '\ud800a\udc00',
    'a String': () => new String('object'),
  }),

  'sent: values that become strings': sent({
    undefined: () => undefined,
    null: () => null,
    'a number': () => 1.5,
    'a bigint': () => 12n,
    'a boolean': () => true,
    'an object': () => ({}),
    'an array': () => [1, [2]],
    'a function': () => Object.assign(() => 1, { toString: () => 'function' }),
    'an object with toString': () => ({ toString: () => 'string', valueOf: () => 1 }),
    'a Date that throws': () => ({ toString: () => decodeURIComponent('%') }),
    'an object without a prototype': () => Object.create(null),
    'a symbol': () => Symbol('x'),
  }),

  'sent: buffers and views': sent({
    'an ArrayBuffer': () => eightBytes(),
    'an empty ArrayBuffer': () => new ArrayBuffer(0),
    'a Uint8Array': () => new Uint8Array(eightBytes()),
    'a part of it': () => new Uint8Array(eightBytes(), 2, 3),
    'an empty part of it': () => new Uint8Array(eightBytes(), 8),
    'a Uint8ClampedArray': () => new Uint8ClampedArray([1, 300]),
    'an Int16Array': () => new Int16Array(eightBytes(), 2, 2),
    'a Float64Array': () => new Float64Array(eightBytes()),
    'a BigInt64Array': () => new BigInt64Array(eightBytes()),
    'a DataView': () => new DataView(eightBytes(), 1, 4),
    'a detached ArrayBuffer': () => detached().buffer,
    'a view on a detached ArrayBuffer': () => detached().view,
  }),

  'sent: shared and resizable buffers': sent({
    'a SharedArrayBuffer': () => new SharedArrayBuffer(8),
    'a view on a SharedArrayBuffer': () => new Uint8Array(new SharedArrayBuffer(8)),
    'a DataView on a SharedArrayBuffer': () => new DataView(new SharedArrayBuffer(8)),
    'a resizable ArrayBuffer': () => eightBytes({ maxByteLength: 16 }),
    'a view on a resizable ArrayBuffer': () => new Uint8Array(eightBytes({ maxByteLength: 16 })),
    'a DataView on a resizable ArrayBuffer': () => new DataView(eightBytes({ maxByteLength: 16 })),
  }),

  'sent: Blobs': sent({
    'a Blob': () => new Blob(['ab', new Uint8Array([1])]),
    'an empty Blob': () => new Blob([]),
    'a part of a Blob': () => new Blob(['0123456789']).slice(2, 5),
    'a File': () => new File(['in a file'], 'name'),
  }),

  async 'sent: no argument'(recorder) {
    const webSocket = await recorder.open('echo');
    recorder.attempt('send()', () => webSocket.send());
    recorder.attempt('two arguments', () => webSocket.send('x', 'y'));
    await recorder.next(webSocket, 'message');
  },

  async 'sent: texts and binary messages of every length form'(recorder) {
    const webSocket = await recorder.open('echo');
    webSocket.binaryType = 'arraybuffer';
    for (const size of SIZES) {
      webSocket.send('x'.repeat(size));
      await recorder.next(webSocket, 'message');
      webSocket.send(new Uint8Array(size).fill(3));
      await recorder.next(webSocket, 'message');
    }
  },

  async 'sent: a megabyte in each type'(recorder) {
    const webSocket = await recorder.open('echo');
    webSocket.binaryType = 'arraybuffer';
    const bytes = new Uint8Array(1048576).fill(5);
    for (const data of ['x'.repeat(1048576), bytes, new Blob([bytes])]) {
      webSocket.send(data);
      await recorder.next(webSocket, 'message');
    }
  },

  async 'sent: Blobs keep their place among others'(recorder) {
    const webSocket = await recorder.open('echo');
    webSocket.binaryType = 'arraybuffer';
    webSocket.send('1');
    webSocket.send(new Blob(['2'.repeat(100000)]));
    webSocket.send(new Uint8Array([3]));
    webSocket.send(new Blob(['4']));
    webSocket.send('5');
    for (let i = 0; i < 5; i++) await recorder.next(webSocket, 'message');
  },

  async 'sent: Blobs go out before the CLOSE'(recorder) {
    const webSocket = await recorder.open('receive', 'receive', 'report', 'receive', 'closeReport', 'end');
    webSocket.send(new Blob(['x'.repeat(100000)]));
    webSocket.send(new Blob(['2']));
    webSocket.close(3000, 'bye');
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
    await recorder.closed(webSocket);
  },

  async 'sent: bytes are taken at the call'(recorder) {
    const webSocket = await recorder.open('echo');
    webSocket.binaryType = 'arraybuffer';
    for (const size of [4, 200, 70000]) {
      const bytes = new Uint8Array(size).fill(1);
      webSocket.send(bytes);
      bytes.fill(2);
      webSocket.send(bytes.buffer);
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      await recorder.next(webSocket, 'message');
      await recorder.next(webSocket, 'message');
    }
  },

  async 'send: while CONNECTING'(recorder) {
    const webSocket = recorder.start('echo');
    for (const value of ['x', '', new Uint8Array(1), new Blob(['x']), undefined]) {
      recorder.attempt(`send ${typeof value}`, () => webSocket.send(value));
    }
    recorder.attempt('send()', () => webSocket.send());
    recorder.attempt('send a symbol', () => webSocket.send(Symbol('x')));
    recorder.attempt('send what throws', () => webSocket.send({ toString: () => decodeURIComponent('%') }));
    const noting = {
      toString() {
        recorder.note('converted', true);
        return 'x';
      },
    };
    recorder.attempt('send an object', () => webSocket.send(noting));
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
    await recorder.next(webSocket, 'open');
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
  },

  async 'send: while CONNECTING, after close()'(recorder) {
    const webSocket = recorder.start('echo');
    webSocket.close();
    recorder.note('readyState', webSocket.readyState);
    recorder.attempt('send', () => webSocket.send('abc'));
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
    await recorder.closed(webSocket);
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
  },

  async 'send: while CLOSING and when CLOSED'(recorder) {
    const webSocket = await recorder.open('receive', 'closeReport', 'end');
    webSocket.close();
    const binaries = [new Uint8Array(10), new ArrayBuffer(20), new DataView(new ArrayBuffer(9), 4)];
    const values = ['abc', 'ż', ...binaries, new Blob(['x'.repeat(30)])];
    for (const value of values) {
      recorder.attempt('send', () => webSocket.send(value));
      recorder.note('bufferedAmount', webSocket.bufferedAmount);
    }
    recorder.attempt('send()', () => webSocket.send());
    recorder.attempt('send a symbol', () => webSocket.send(Symbol('x')));
    await recorder.closed(webSocket);
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
    for (const value of values) {
      recorder.attempt('send', () => webSocket.send(value));
      recorder.note('bufferedAmount', webSocket.bufferedAmount);
    }
    recorder.attempt('send()', () => webSocket.send());
    await recorder.sleep(20);
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
  },

  async 'bufferedAmount: grows with each send, and never within a task falls'(recorder) {
    const webSocket = await recorder.open('echo');
    const binaries = [new Uint8Array(5), new Float64Array(2), new Blob(['xyz']), new ArrayBuffer(7)];
    for (const value of ['a', 'żółw', '\ud800', '', ...binaries]) {
      webSocket.send(value);
      recorder.note('bufferedAmount', webSocket.bufferedAmount);
    }
    await undefined;
    recorder.note('bufferedAmount in a microtask', webSocket.bufferedAmount);
    for (let i = 0; i < 8; i++) await recorder.next(webSocket, 'message');
    while (webSocket.bufferedAmount > 0) await recorder.sleep(1);
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
  },

  async 'bufferedAmount: stays while the server does not read'(recorder) {
    const webSocket = await recorder.open('pause', 'wait:1500', 'resume', 'receive', 'text:got it', 'echo');
    // More than the operating system's buffers take.
    webSocket.send(new Uint8Array(16 * 1048576));
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
    await recorder.sleep(50);
    recorder.note('bufferedAmount has not fallen to 0', webSocket.bufferedAmount > 0);
    while (webSocket.bufferedAmount > 0) await recorder.sleep(1);
    recorder.note('bufferedAmount', webSocket.bufferedAmount);
    await recorder.next(webSocket, 'message');
  },

  async 'bufferedAmount: grows when the connection is lost'(recorder) {
    const webSocket = await recorder.open('pause', 'wait:50', 'reset');
    webSocket.send(new Uint8Array(16 * 1048576));
    await recorder.closed(webSocket);
    const before = webSocket.bufferedAmount;
    webSocket.send('abc');
    recorder.note('bufferedAmount has grown by', webSocket.bufferedAmount - before);
  },
};
