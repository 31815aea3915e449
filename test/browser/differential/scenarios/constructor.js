/**
 * The constructor: its arguments, and what it throws.
 */

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

/**
 * Records what the constructor makes of the arguments: the URL, or what it throws.
 *
 * @param {Recorder} recorder
 * @param {string} label
 * @param {() => any} make
 */
function attemptUrl(recorder, label, make) {
  recorder.attempt(label, () => {
    const webSocket = make();
    webSocket.close();
    recorder.sockets.push(webSocket);
    return webSocket.url;
  });
}

/**
 * Records what the constructor throws for subprotocols, or what the server then gets to see of them.
 *
 * @param {Recorder} recorder
 * @param {readonly (readonly [label: string, protocols: () => unknown])[]} cases
 */
async function attemptProtocols(recorder, cases) {
  for (const [label, protocols] of cases) {
    try {
      const webSocket = new recorder.WebSocket(recorder.url('field:sec-websocket-protocol', 'echo'), protocols());
      recorder.sockets.push(webSocket);
      const type = await Promise.race([recorder.next(webSocket, 'message'), recorder.next(webSocket, 'close')]);
      recorder.note(label, type.type === 'message' ? type.data : 'no connection');
      webSocket.close();
    } catch (error) {
      recorder.note(`${label} throws`, error);
    }
  }
}

/**
 * An object that notes when it is converted to a string.
 *
 * @param {Recorder} recorder
 * @param {string} name
 * @param {string} string
 */
function converted(recorder, name, string) {
  return {
    toString() {
      recorder.note('converted', name);
      return string;
    },
  };
}

/** @type {Record<string, Scenario>} */
export const constructorScenarios = {
  'constructor: no argument, and no new'(recorder) {
    const { WebSocket, base } = recorder;
    recorder.attempt('new WebSocket()', () => new WebSocket());
    recorder.attempt('WebSocket(url)', () => /** @type {any} */ (WebSocket)(base));
  },

  'constructor: URLs that are taken'(recorder) {
    const { WebSocket, base } = recorder;
    const host = base.slice(5, -1);
    const port = host.slice(host.indexOf(':'));
    const urls = {
      'http:': `http://${host}/`,
      'https:': `https://${host}/`,
      'wss:': `wss://${host}/`,
      'upper case': `WS://${host}/A`,
      'without a path': `ws://${host}`,
      'with a query': `ws://${host}?a=b`,
      'without slashes': `ws:${host}/x`,
      'with spaces around it': `  ws://${host}/ \n`,
      'with a tab and a line feed in it': `ws://${host}/a\tb\nc`,
      'with characters to encode': `ws://${host}/ä ö"<>?ü '`,
      'with dots to remove': `ws://${host}/a/../b/./c`,
      'with backslashes': `ws:\\\\${host}\\a`,
      'with a lone surrogate': `ws://${host}/\ud800`,
      'with a short address': `ws://127.1${port}/`,
      'with a hexadecimal address': `ws://0x7f000001${port}/`,
      'with an encoded host': `ws://127%2e0.0.1${port}/`,
      'with the default port': 'ws://127.0.0.1:80/',
      'with the default port of wss': 'wss://127.0.0.1:443/',
    };
    for (const [label, url] of Object.entries(urls)) attemptUrl(recorder, label, () => new WebSocket(url));
  },

  'constructor: relative URLs'(recorder) {
    const { WebSocket } = recorder;
    for (const url of ['', 'x', '/x', '../x', '?x', '//127.0.0.1:99/x']) {
      attemptUrl(recorder, `"${url}"`, () => new WebSocket(url));
    }
  },

  'constructor: URLs that throw'(recorder) {
    const { WebSocket, base } = recorder;
    const urls = ['ws://', 'ws://h:99999/', 'ws://h:x/', 'ws://[::1', 'wss://', 'http://', 'ftp://h/'];
    const others = ['file:///x', 'about:blank', 'javascript:1', 'mailto:a@b', 'blob:x', 'data:,x', 'wsx://h/'];
    for (const url of [...urls, ...others]) recorder.attempt(url, () => new WebSocket(url));
    for (const fragment of ['#', '#x', '?a#', '#ä']) {
      recorder.attempt(fragment, () => new WebSocket(base + fragment));
      recorder.attempt(`http ${fragment}`, () => new WebSocket(base.replace('ws', 'http') + fragment));
    }
  },

  'constructor: a URL with a space in its host'(recorder) {
    attemptUrl(recorder, 'ws://a b/', () => new recorder.WebSocket('ws://a b/'));
  },

  'constructor: URLs that are no strings'(recorder) {
    const { WebSocket, base } = recorder;
    attemptUrl(recorder, 'a URL', () => new WebSocket(new URL(base)));
    attemptUrl(recorder, 'an object', () => new WebSocket({ toString: () => `${base}object` }));
    attemptUrl(recorder, 'an array', () => new WebSocket([`${base}array`]));
    attemptUrl(recorder, 'a String', () => new WebSocket(new String(`${base}String`)));
    for (const url of [undefined, null, 0, true, 1n]) attemptUrl(recorder, String(url), () => new WebSocket(url));
    recorder.attempt('a symbol', () => new WebSocket(Symbol('x')));
    recorder.attempt('an object that throws', () => new WebSocket({ toString: () => decodeURIComponent('%') }));
    recorder.attempt('an object without a prototype', () => new WebSocket(Object.create(null)));
  },

  'constructor: the order of conversions and checks'(recorder) {
    const { WebSocket, base } = recorder;
    const make = (/** @type {string} */ url, /** @type {string} */ protocol) => () => {
      const webSocket = new WebSocket(converted(recorder, 'url', url), [converted(recorder, 'protocol', protocol)]);
      webSocket.close();
      recorder.sockets.push(webSocket);
      return webSocket.protocol;
    };
    recorder.attempt('both good', make(base, 'a'));
    recorder.attempt('bad URL', make('ws://', 'a'));
    recorder.attempt('bad protocol', make(base, 'a b'));
    recorder.attempt('bad URL and a protocol that cannot be converted', () => new WebSocket('ws://', [Symbol('x')]));
    recorder.attempt('neither can be converted', () => new WebSocket(Symbol('x'), { [Symbol.iterator]: 1 }));
  },

  async 'constructor: subprotocols that are strings'(recorder) {
    const tokens = ['a', 'A-b.c', "!#$%&'*+-.^_`|~09azAZ"];
    const others = ['', 'a b', ' a', 'a,b', 'ä', '\u0000', '\u007f', '\t', '\u0100'];
    const separators = [...'()<>@,;:\\"/[]?={} '];
    await attemptProtocols(
      recorder,
      [...tokens, ...others, ...separators].map((protocol) => [JSON.stringify(protocol), () => protocol]),
    );
  },

  async 'constructor: subprotocols that are sequences'(recorder) {
    await attemptProtocols(recorder, [
      ['none', () => []],
      ['one', () => ['a']],
      ['two', () => ['b', 'a']],
      ['the same twice', () => ['a', 'a']],
      ['the same twice, apart', () => ['a', 'b', 'a']],
      ['twice, but for the case', () => ['a', 'A']],
      ['an empty one', () => ['a', '']],
      ['a bad one', () => ['a', 'b c']],
      ['a number, null and undefined', () => [1, null, undefined]],
      ['a symbol', () => [Symbol('x')]],
      ['nested', () => [['a']]],
      ['nested, two', () => [['a', 'b']]],
      ['a Set', () => new Set(['x', 'y'])],
      ['an iterator', () => ['g', 'h'].values()],
      ['a String', () => new String('ab')],
      ['an array with a hole', () => Object.assign([], { 1: 'b' })],
      ['a typed array', () => new Uint8Array([1, 2])],
      ['an iterator that throws', () => ({ [Symbol.iterator]: () => decodeURIComponent('%') })],
    ]);
  },

  async 'constructor: subprotocols that are neither'(recorder) {
    await attemptProtocols(recorder, [
      ['undefined', () => undefined],
      ['null', () => null],
      ['a number', () => 1],
      ['a boolean', () => false],
      ['a symbol', () => Symbol('x')],
      ['an iterator that is no function', () => ({ [Symbol.iterator]: 1 })],
      ['an iterator that gives no object', () => ({ [Symbol.iterator]: () => 1 })],
      ['a function', () => Object.assign(() => undefined, { toString: () => 'function' })],
    ]);
  },

  async 'constructor: subprotocols that are an object without an iterator'(recorder) {
    await attemptProtocols(recorder, [
      ['an empty object', () => ({})],
      ['an object with protocols', () => ({ protocols: ['a', 'b'] })],
      ['an object with a string', () => ({ toString: () => 'string' })],
    ]);
  },

  async 'constructor: a third argument'(recorder) {
    const webSocket = recorder.connect(recorder.url('echo'), 'a', {});
    webSocket.addEventListener('open', () => webSocket.close());
    await recorder.closed(webSocket);
  },

  async 'constructor: the state before anything has happened'(recorder) {
    const webSocket = recorder.start('echo');
    for (const name of ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol', 'binaryType']) {
      recorder.note(name, webSocket[name]);
    }
    for (const name of ['onopen', 'onmessage', 'onerror', 'onclose']) recorder.note(name, webSocket[name]);
    await recorder.next(webSocket, 'open');
    recorder.note('url', webSocket.url);
  },
};
