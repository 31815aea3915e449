/**
 * The opening handshake: every answer of the server that makes a connection, and every one that does not.
 */

/** @typedef {import('../recorder.js').Recorder} Recorder */
/** @typedef {import('../recorder.js').Scenario} Scenario */

const SWITCHING = 'HTTP/1.1 101 Switching Protocols';
const CONNECTION = 'Connection: Upgrade';
const UPGRADE = 'Upgrade: websocket';
const ACCEPT = 'Sec-WebSocket-Accept: {accept}';
const ACCEPTED = [SWITCHING, CONNECTION, UPGRADE, ACCEPT];

/**
 * A scenario: the server gives the answer, then greets and echoes; the client closes once it is open.
 *
 * @param {readonly string[]} answer
 * @param {unknown} [protocols]
 * @returns {Scenario}
 */
function answered(answer, protocols) {
  return async (recorder) => {
    const url = recorder.urlAnswered(answer, 'echo');
    const webSocket = recorder.connect(url, ...(protocols === undefined ? [] : [protocols]));
    recorder.note('readyState', webSocket.readyState);
    webSocket.addEventListener('open', () => webSocket.close());
    await recorder.closed(webSocket);
  };
}

/**
 * A scenario: the answer ends the TCP connection, or is followed by nothing.
 *
 * @param {readonly string[]} answer
 * @param {...string} steps
 * @returns {Scenario}
 */
function ended(answer, ...steps) {
  return async (recorder) => {
    await recorder.closed(recorder.connect(recorder.urlAnswered(answer, ...steps)));
  };
}

/**
 * A scenario: the client asks for subprotocols, and the server chooses.
 *
 * @param {readonly string[] | string} asked
 * @param {readonly string[]} fields
 * @returns {Scenario}
 */
function chosen(asked, fields) {
  return answered([...ACCEPTED, ...fields.map((field) => `Sec-WebSocket-Protocol: ${field}`)], asked);
}

/** @type {Record<string, Scenario>} */
export const handshakeScenarios = {
  'handshake: accepted': answered(ACCEPTED),
  'handshake: accepted, fields in another case and order': answered([
    'HTTP/1.1 101 What Ever',
    'sec-websocket-accept:   {accept}  ',
    'UPGRADE: WebSocket',
    'connection: keep-alive, UPGRADE',
    'X-Other: 1',
  ]),
  'handshake: accepted, without a reason phrase': answered(['HTTP/1.1 101', CONNECTION, UPGRADE, ACCEPT]),
  'handshake: accepted with other fields': answered([...ACCEPTED, 'Set-Cookie: a=b', 'Server: x', 'Date: x']),
  'handshake: 200 with a body': ended(['HTTP/1.1 200 OK', 'Content-Length: 5', '', 'hello'], 'wait:50', 'end'),
  'handshake: 200 with the fields of an upgrade': ended(['HTTP/1.1 200 OK', CONNECTION, UPGRADE, ACCEPT], 'end'),
  'handshake: 204': ended(['HTTP/1.1 204 No Content'], 'end'),
  'handshake: 301': async (recorder) => {
    const location = `${recorder.base.replace('ws', 'http')}?do=echo`;
    const answer = ['HTTP/1.1 301 Moved Permanently', `Location: ${location}`, 'Content-Length: 0'];
    await recorder.closed(recorder.connect(recorder.urlAnswered(answer, 'end')));
  },
  'handshake: 307 to a WebSocket URL': async (recorder) => {
    const answer = ['HTTP/1.1 307 Temporary Redirect', `Location: ${recorder.url('echo')}`, 'Content-Length: 0'];
    await recorder.closed(recorder.connect(recorder.urlAnswered(answer, 'end')));
  },
  'handshake: 400': ended(['HTTP/1.1 400 Bad Request', 'Content-Length: 0'], 'end'),
  'handshake: 401 with a body': ended(
    ['HTTP/1.1 401 Unauthorized', 'WWW-Authenticate: Basic realm="x"', 'Content-Length: 2', '', 'no'],
    'end',
  ),
  'handshake: 403 with a chunked body': ended(
    ['HTTP/1.1 403 Forbidden', 'Transfer-Encoding: chunked', '', '2\r\nno\r\n0'],
    'end',
  ),
  'handshake: 404 without an end': ended(['HTTP/1.1 404 Not Found', 'Content-Length: 10'], 'wait:300', 'reset'),
  'handshake: 426 with a version': ended(['HTTP/1.1 426 Upgrade Required', 'Sec-WebSocket-Version: 12'], 'end'),
  'handshake: 500': ended(['HTTP/1.1 500 Oh No', 'Content-Length: 0'], 'end'),
  'handshake: 503 with Retry-After': ended(['HTTP/1.1 503 Busy', 'Retry-After: 0', 'Content-Length: 0'], 'end'),
  'handshake: 102 and then the 101': answered(['HTTP/1.1 102 Processing', '', ...ACCEPTED]),
  'handshake: 103 and then the 101': answered(['HTTP/1.1 103 Early Hints', 'Link: <x>', '', ...ACCEPTED]),
  'handshake: without Upgrade': answered([SWITCHING, CONNECTION, ACCEPT]),
  'handshake: another Upgrade': answered([SWITCHING, CONNECTION, 'Upgrade: h2c', ACCEPT]),
  'handshake: two values in Upgrade': answered([SWITCHING, CONNECTION, 'Upgrade: websocket, h2c', ACCEPT]),
  'handshake: without Connection': answered([SWITCHING, UPGRADE, ACCEPT]),
  'handshake: another Connection': answered([SWITCHING, 'Connection: close', UPGRADE, ACCEPT]),
  'handshake: without an accept value': answered([SWITCHING, CONNECTION, UPGRADE]),
  'handshake: an empty accept value': answered([SWITCHING, CONNECTION, UPGRADE, 'Sec-WebSocket-Accept:']),
  'handshake: a wrong accept value': answered([
    SWITCHING,
    CONNECTION,
    UPGRADE,
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  ]),
  'handshake: an accept value with a character more': answered([
    SWITCHING,
    CONNECTION,
    UPGRADE,
    'Sec-WebSocket-Accept: {accept}x',
  ]),
  'handshake: the right accept value twice': answered([...ACCEPTED, ACCEPT]),
  'handshake: two accept values, the first one right': answered([...ACCEPTED, 'Sec-WebSocket-Accept: x']),
  'handshake: an extension that was not offered': answered([...ACCEPTED, 'Sec-WebSocket-Extensions: x-other']),
  'handshake: an extension field that cannot be read': answered([...ACCEPTED, 'Sec-WebSocket-Extensions: ;=,']),
  'handshake: an empty extension field': answered([...ACCEPTED, 'Sec-WebSocket-Extensions:']),
  'handshake: HTTP/1.0': answered(['HTTP/1.0 101 Switching Protocols', CONNECTION, UPGRADE, ACCEPT]),
  'handshake: garbage': ended(['garbage'], 'end'),
  'handshake: garbage that is long': ended(['x'.repeat(3000)], 'wait:5', 'end'),
  'handshake: a status line that is cut off': ended(['HTTP/1.1 1'], 'end'),
  'handshake: frames without an answer': ended([''], 'text:hello', 'end'),
  'handshake: a field without a colon': answered([...ACCEPTED, 'nonsense']),
  'handshake: a reset half-way': ended(['HTTP/1.1 101 Switching Protocols\r\nConnection'], 'wait:20', 'reset'),
  'handshake: no answer but an end': async (recorder) => {
    await recorder.closed(recorder.connect(`${recorder.url('end')}&answer=`));
  },
  'handshake: no answer but a reset': async (recorder) => {
    await recorder.closed(recorder.connect(`${recorder.url('reset')}&answer=`));
  },
  'handshake: no answer at all, and close()': async (recorder) => {
    const webSocket = recorder.connect(`${recorder.url('receive')}&answer=`);
    await recorder.sleep(50);
    recorder.note('readyState', webSocket.readyState);
    recorder.attempt('close', () => webSocket.close());
    recorder.note('readyState', webSocket.readyState);
    await recorder.closed(webSocket);
  },
  'handshake: the answer in two packets': async (recorder) => {
    const rest = new TextEncoder().encode('Upgrade: websocket\r\n\r\n');
    const hex = [...rest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const url = `${recorder.url('wait:20', `bytes:${hex}`, 'echo')}&answer=`;
    const head = encodeURIComponent([SWITCHING, CONNECTION, ACCEPT, ''].join('\r\n'));
    const webSocket = recorder.connect(url + head);
    await recorder.next(webSocket, 'open');
    webSocket.send('x');
    await recorder.next(webSocket, 'message');
  },
  'handshake: nobody listens': async (recorder) => {
    await recorder.closed(recorder.connect(recorder.environment.refused));
  },
  'handshake: TLS with a server that has none': async (recorder) => {
    await recorder.closed(recorder.connect(recorder.base.replace('ws', 'wss')));
  },
  'handshake: a host that does not exist': async (recorder) => {
    await recorder.closed(recorder.connect('ws://does-not-exist.invalid/'));
  },
  'handshake: ports that are blocked': async (recorder) => {
    for (const port of [0, 1, 22, 25, 6000, 6667, 10080]) {
      recorder.attempt(`port ${port}`, () => recorder.connect(`ws://127.0.0.1:${port}/`).readyState);
      const webSocket = recorder.sockets.at(-1);
      if (webSocket !== undefined) await recorder.closed(webSocket);
    }
  },
  'handshake: credentials in the URL': async (recorder) => {
    const url = recorder.url('field:authorization', 'echo').replace('ws://', 'ws://us%20er:p%3Ass@');
    const webSocket = recorder.connect(url);
    recorder.note('url', webSocket.url);
    await recorder.next(webSocket, 'message');
  },
  'handshake: fields of the request': async (recorder) => {
    const fields = ['upgrade', 'connection', 'sec-websocket-version', 'sec-websocket-protocol'];
    const webSocket = recorder.start(...fields.map((field) => `field:${field}`), 'echo');
    for (let i = 0; i < fields.length; i++) await recorder.next(webSocket, 'message');
  },

  'subprotocol: the one that was asked for': chosen('chat', ['chat']),
  'subprotocol: the second of two': chosen(['a', 'b'], ['b']),
  'subprotocol: none, though one was asked for': chosen('chat', []),
  'subprotocol: one that was not asked for': chosen(['a', 'b'], ['c']),
  'subprotocol: one, though none was asked for': answered([...ACCEPTED, 'Sec-WebSocket-Protocol: chat']),
  'subprotocol: one, though an empty list was asked for': chosen([], ['chat']),
  'subprotocol: another case': chosen('chat', ['Chat']),
  'subprotocol: two in one field': chosen(['a', 'b'], ['a, b']),
  'subprotocol: two fields': chosen(['a', 'b'], ['a', 'b']),
  'subprotocol: the same field twice': chosen('a', ['a', 'a']),
  'subprotocol: an empty field': chosen('a', ['']),
  'subprotocol: an empty field, though none was asked for': answered([...ACCEPTED, 'Sec-WebSocket-Protocol:']),
};
