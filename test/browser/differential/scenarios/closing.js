/**
 * The end of a connection: `close()` in every state, the server's CLOSE, failures, and the loss of TCP.
 */

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

/**
 * A scenario: what the server does ends the connection.
 *
 * @param {...string} steps
 * @returns {Scenario}
 */
function ended(...steps) {
  return async (recorder) => {
    const webSocket = recorder.start(...steps);
    await recorder.closed(webSocket);
  };
}

/**
 * A scenario: the client closes with arguments, and the server answers with a CLOSE that says what it got.
 *
 * @param {readonly (readonly unknown[])[]} calls
 * @returns {Scenario}
 */
function closed(calls) {
  return async (recorder) => {
    for (const args of calls) {
      const webSocket = await recorder.open('receive', 'closeReport', 'end');
      const shown = args.map((argument) => recorder.show(argument)).join(', ');
      recorder.attempt(`close(${shown})`, () => webSocket.close(...args));
      recorder.note('readyState', webSocket.readyState);
      if (webSocket.readyState === 1) webSocket.close();
      await recorder.closed(webSocket);
    }
  };
}

/** @type {Record<string, Scenario>} */
export const closingScenarios = {
  'close(): without arguments': closed([[], [undefined], [undefined, undefined]]),
  'close(): codes that are taken': closed([
    [1000], [3000], [4999], [3999, undefined], ['3000'], [' 4000 '], [3000.4], [3000.5],
    [{ valueOf: () => 3333 }],
  ]),
  'close(): codes that throw': closed([
    [0], [1], [999], [1001], [1002], [1004], [1005], [1006], [1011], [1015], [1999], [2999], [5000],
    [65535], [65536 + 1000], [-1], [NaN], [Infinity], [null], [true], ['x'], [{}], [999.4], [2999.4],
    [5000.5],
  ]),
  'close(): arguments that cannot be converted': closed([
    [Symbol('x')], [1000n], [1000, Symbol('x')], [1001, Symbol('x')], [Object.create(null)],
  ]),
  'close(): reasons': closed([
    [1000, ''], [1000, 'bye'], [3000, 'żółw'], [3000, 'x'.repeat(123)], [3000, '☃'.repeat(41)],
    [1000, null], [1000, 1], [1000, {}], [1000, '\ud800'], [1000, 'a\u0000b'],
  ]),
  'close(): reasons that throw': closed([
    [1000, 'x'.repeat(124)], [3000, '☃'.repeat(42)], [3000, `${'x'.repeat(121)}\ud800`],
    [1001, 'x'.repeat(124)],
  ]),
  'close(): a reason without a code': closed([[undefined, 'bye'], [undefined, 'x'.repeat(124)]]),
  'close(): codes that are rounded': closed([[3001.5], [2999.5], [999.5001], [4999.5]]),

  async 'close(): while CONNECTING, at once'(recorder) {
    const webSocket = recorder.start('echo');
    recorder.attempt('close', () => webSocket.close());
    recorder.note('readyState', webSocket.readyState);
    await recorder.closed(webSocket);
  },
  async 'close(): while CONNECTING, with a code and a reason'(recorder) {
    const webSocket = recorder.start('echo');
    recorder.attempt('a bad code', () => webSocket.close(1001));
    recorder.attempt('a bad reason', () => webSocket.close(1000, 'x'.repeat(124)));
    recorder.note('readyState', webSocket.readyState);
    recorder.attempt('close', () => webSocket.close(3000, 'bye'));
    recorder.attempt('again', () => webSocket.close(4000, 'again'));
    await recorder.closed(webSocket);
  },
  async 'close(): while CONNECTING, in a microtask'(recorder) {
    const webSocket = recorder.start('echo');
    await undefined;
    webSocket.close();
    recorder.note('readyState', webSocket.readyState);
    await recorder.closed(webSocket);
  },
  async 'close(): while CLOSING and when CLOSED'(recorder) {
    const webSocket = await recorder.open('receive', 'closeReport', 'end');
    webSocket.close(3000, 'first');
    recorder.attempt('a second', () => webSocket.close(3001, 'second'));
    recorder.attempt('a bad code', () => webSocket.close(1001));
    recorder.attempt('a bad reason', () => webSocket.close(1000, 'x'.repeat(124)));
    await recorder.closed(webSocket);
    recorder.attempt('when CLOSED', () => webSocket.close());
    recorder.attempt('a bad code', () => webSocket.close(1001));
    recorder.attempt('a bad reason', () => webSocket.close(1000, 'x'.repeat(124)));
    recorder.note('readyState', webSocket.readyState);
  },
  async 'close(): in the open handler'(recorder) {
    const webSocket = recorder.start('text:never seen', 'receive', 'closeReport', 'end');
    webSocket.addEventListener('open', () => webSocket.close(3000));
    await recorder.closed(webSocket);
  },
  async 'close(): in the message handler, with messages behind it'(recorder) {
    const webSocket = recorder.start('text:1', 'text:2', 'text:3', 'receive', 'text:4', 'closeReport', 'end');
    webSocket.addEventListener('message', () => webSocket.close(3000));
    await recorder.closed(webSocket);
  },
  async 'close(): with messages under way'(recorder) {
    const webSocket = await recorder.open('receive', 'text:never seen', 'binary:00', 'closeReport', 'end');
    webSocket.close(3000);
    await recorder.closed(webSocket);
  },
  async 'close(): in the close handler'(recorder) {
    const webSocket = recorder.start('close:1000', 'end');
    webSocket.addEventListener('close', () => {
      recorder.attempt('close', () => webSocket.close());
      recorder.attempt('send', () => webSocket.send('x'));
    });
    await recorder.closed(webSocket);
  },
  async 'close(): in the error handler'(recorder) {
    const webSocket = recorder.start('bytes:c100', 'wait:5', 'end');
    webSocket.addEventListener('error', () => {
      recorder.attempt('close', () => webSocket.close());
      recorder.attempt('send', () => webSocket.send('x'));
    });
    await recorder.closed(webSocket);
  },
  async 'close(): messages sent before it are not lost'(recorder) {
    const webSocket = await recorder.open('receive', 'receive', 'receive', 'report', 'receive', 'closeReport', 'end');
    webSocket.send('1');
    webSocket.send('x'.repeat(200000));
    webSocket.send('3');
    webSocket.close();
    await recorder.closed(webSocket);
  },

  async 'both close at once'(recorder) {
    const webSocket = recorder.start('close:3001,server', 'receive', 'end');
    webSocket.addEventListener('open', () => webSocket.close(3002, 'client'));
    await recorder.closed(webSocket);
  },
  async 'the answer to CLOSE comes late'(recorder) {
    const webSocket = await recorder.open('receive', 'wait:150', 'closeReport', 'end');
    webSocket.close(3000);
    await recorder.sleep(50);
    recorder.note('readyState', webSocket.readyState);
    await recorder.closed(webSocket);
  },
  async 'the answer to CLOSE never comes, and TCP ends'(recorder) {
    const webSocket = await recorder.open('receive', 'wait:5', 'end');
    webSocket.close(3000);
    await recorder.closed(webSocket);
  },
  async 'the answer to CLOSE never comes, and TCP is reset'(recorder) {
    const webSocket = await recorder.open('receive', 'wait:20', 'reset');
    webSocket.close(3000);
    await recorder.closed(webSocket);
  },
  async 'the answer to CLOSE has no code'(recorder) {
    const webSocket = await recorder.open('receive', 'close:', 'end');
    webSocket.close(3000, 'bye');
    await recorder.closed(webSocket);
  },
  async 'the answer to CLOSE is a protocol error'(recorder) {
    const webSocket = await recorder.open('receive', 'bytes:c100', 'wait:5', 'end');
    webSocket.close(3000, 'bye');
    await recorder.closed(webSocket);
  },
  async 'the server answers CLOSE and does not end TCP'(recorder) {
    const webSocket = await recorder.open('receive', 'closeReport', 'wait:3000');
    webSocket.close();
    await recorder.closed(webSocket);
  },
  'the server closes and resets TCP': ended('close:3000,bye', 'receive', 'reset'),

  'the server closes: no code': ended('close:', 'receive', 'end'),
  'the server closes: 1000': ended('close:1000', 'receive', 'end'),
  'the server closes: a reason': ended('close:1001,going away', 'receive', 'end'),
  'the server closes: a reason beyond ASCII': ended('close:3000,żółw 😀', 'receive', 'end'),
  'the server closes: a reason of 123 bytes': ended(`close:4999,${'r'.repeat(123)}`, 'receive', 'end'),
  'the server closes: after a message': ended('text:last words', 'close:1000', 'receive', 'end'),
  'the server closes: in a later packet': ended('wait:20', 'close:1011,oh no', 'receive', 'end'),
  'the server closes: in the middle of a fragmented message': ended('first:a', 'close:1000', 'receive', 'end'),
  async 'the server closes: every code that may be sent'(recorder) {
    for (const code of [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
      await recorder.closed(recorder.start(`close:${code}`, 'receive', 'end'));
    }
  },
  async 'the server closes: codes that may not be sent'(recorder) {
    for (const code of [0, 1, 999, 1005, 1006, 1015]) {
      recorder.note('code', code);
      await recorder.closed(recorder.start(`close:${code}`, 'wait:5', 'end'));
    }
  },
  async 'the server closes: codes that are reserved'(recorder) {
    for (const code of [1004, 1016, 1999, 2000, 2999, 5000, 65535]) {
      recorder.note('code', code);
      await recorder.closed(recorder.start(`close:${code}`, 'wait:5', 'end'));
    }
  },
  'the server closes: a code of one byte': ended('bytes:880103', 'wait:5', 'end'),
  'the server closes: a reason that is no UTF-8': ended('bytes:880403e8c328', 'wait:5', 'end'),
  'the server closes: a fragmented CLOSE': ended('bytes:080203e8', 'wait:5', 'end'),
  'the server closes: 126 bytes': ended(`bytes:887e007e03e8${'61'.repeat(124)}`, 'wait:5', 'end'),
  async 'the server closes: what it gets back'(recorder) {
    await recorder.closed(recorder.start('close:3000,bye', 'receive', 'end'));
  },
  async 'the server closes: sending in the close handler of a closed socket'(recorder) {
    const webSocket = recorder.start('text:x', 'close:1000', 'receive', 'end');
    webSocket.addEventListener('message', () => {
      recorder.attempt('send', () => webSocket.send('answer'));
    });
    await recorder.closed(webSocket);
  },
  'the server closes: then sends frames': ended('close:3000,bye', 'text:never seen', 'ping:', 'receive', 'end'),
  'the server closes: then sends another CLOSE': ended('close:3000,bye', 'close:3001,again', 'receive', 'end'),

  'TCP ends after the handshake': ended('wait:5', 'end'),
  'TCP ends in the packet of the handshake': ended('end'),
  'TCP ends after a message': ended('text:last words', 'end'),
  'TCP ends in the middle of a frame': ended('bytes:810568', 'end'),
  'TCP ends in the middle of a message': ended('first:a', 'middle:b', 'end'),
  'TCP is reset after the handshake': ended('wait:30', 'reset'),
  'TCP is reset after a message': ended('text:last words', 'wait:30', 'reset'),

  'failure: an unknown opcode': ended('bytes:8300', 'wait:5', 'end'),
  'failure: an unknown control opcode': ended('bytes:8b00', 'wait:5', 'end'),
  'failure: RSV1': ended('bytes:c100', 'wait:5', 'end'),
  'failure: RSV2': ended('bytes:a100', 'wait:5', 'end'),
  'failure: RSV3': ended('bytes:9100', 'wait:5', 'end'),
  'failure: a masked frame': ended('masked:hello', 'wait:5', 'end'),
  'failure: a continuation of nothing': ended('last:x', 'wait:5', 'end'),
  'failure: a message inside a fragmented one': ended('first:a', 'text:b', 'wait:5', 'end'),
  'failure: a fragmented ping': ended('bytes:0900', 'wait:5', 'end'),
  'failure: a ping of 126 bytes': ended(`ping:${'x'.repeat(126)}`, 'wait:5', 'end'),
  'failure: a text that is no UTF-8': ended('bytes:8102c328', 'wait:5', 'end'),
  'failure: a text that ends inside a character': ended('bytes:8102e298', 'wait:5', 'end'),
  'failure: a text with a surrogate': ended('bytes:8103eda080', 'wait:5', 'end'),
  'failure: a fragment that is no UTF-8, before the message ends': ended('bytes:0102c328', 'wait:100', 'end'),
  'failure: a length that is not in its shortest form': ended('bytes:817e000161', 'wait:5', 'end'),
  'failure: a length with the top bit set': ended('bytes:827f8000000000000000', 'wait:5', 'end'),
  'failure: after messages, which are delivered': ended('text:1', 'text:2', 'bytes:c100', 'text:3', 'wait:5', 'end'),
  'failure: in the packet of the handshake': ended('bytes:8300', 'end'),
  async 'failure: close() was called in the message before it'(recorder) {
    const webSocket = recorder.start('text:1', 'bytes:c100', 'wait:5', 'end');
    webSocket.addEventListener('message', () => webSocket.close(3000));
    await recorder.closed(webSocket);
  },
};
