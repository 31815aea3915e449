/**
 * The closed list of the scenarios in which our WebSocket is meant to differ from Chromium's: why, and the trace that it
 * has instead.
 */

export interface Difference {
  /**
   * `standard`: Chromium departs from the standard, and we do not. `intended`: we differ from both on purpose.
   * `platform`: Node's own EventTarget, which is ours, differs from a browser's.
   */
  readonly kind: 'standard' | 'intended' | 'platform';
  readonly reason: string;
  /** Our trace. Not there where it is the platform's affair, which other versions may settle otherwise. */
  readonly trace?: readonly string[];
}

const OPEN = 'open Event [1 "" ""]';
const FAILED = ['error Event [3 "" ""]', 'close CloseEvent 1006 "" wasClean false [3 "" ""]'];
const CONNECTED_AND_CLOSED = ['readyState: 0', OPEN, 'close CloseEvent 1005 "" wasClean true [3 "" ""]'];
const CLOSED_BY_SERVER = [OPEN, 'close CloseEvent 3000 "bye" wasClean true [3 "" ""]'];

export const differences: Readonly<Record<string, Difference>> = {
  'event: new CloseEvent with a lone surrogate': {
    kind: 'standard',
    reason: 'CloseEventInit.reason is a USVString: a lone surrogate becomes U+FFFD.',
    trace: ['reason: "\ufffd"'],
  },
  'close(): codes that are rounded': {
    kind: 'standard',
    reason: '[Clamp] rounds to the nearest integer, halves to the even one (Web IDL section 3.2.4.9); Chromium cuts off.',
    trace: [
      ...[OPEN, 'close(3001.5): undefined', 'readyState: 2', closedWithReport('close 3002 ')],
      ...[OPEN, 'close(2999.5): undefined', 'readyState: 2', closedWithReport('close 3000 ')],
      ...[OPEN, 'close(999.5001): undefined', 'readyState: 2', closedWithReport('close 1000 ')],
      ...[OPEN, 'close(4999.5): throws DOMException InvalidAccessError 15', 'readyState: 1'],
      closedWithReport('close'),
    ],
  },
  'close(): a reason without a code': {
    kind: 'standard',
    reason: 'Without a code a reason goes out with 1000 (WebSockets Standard section 3.1, close); Chromium throws.',
    trace: [
      ...[OPEN, 'close(undefined, "bye"): undefined', 'readyState: 2'],
      closedWithReport('close 1000 bye'),
      ...[OPEN, `close(undefined, "${'x'.repeat(124)}"): throws DOMException SyntaxError 12`, 'readyState: 1'],
      closedWithReport('close'),
    ],
  },
  'the server closes and resets TCP': {
    kind: 'standard',
    reason: 'The closing handshake was completed: that is clean (RFC 6455 section 7.1.4), however TCP ends after it.',
    trace: CLOSED_BY_SERVER,
  },
  'handshake: 102 and then the 101': {
    kind: 'standard',
    reason: 'A client takes any number of 1xx answers before the final one (RFC 9110 section 15.2).',
    trace: CONNECTED_AND_CLOSED,
  },
  'handshake: 103 and then the 101': {
    kind: 'standard',
    reason: 'A client takes any number of 1xx answers before the final one (RFC 9110 section 15.2).',
    trace: CONNECTED_AND_CLOSED,
  },
  'constructor: a URL with a space in its host': {
    kind: 'standard',
    reason: 'A space is a forbidden host code point (URL Standard section 3.1); Chromium encodes it.',
    trace: ['ws://a b/: throws DOMException SyntaxError 12'],
  },

  'event: own properties': {
    kind: 'intended',
    reason: 'An error event says what went wrong, by two properties that are not enumerable; isTrusted is inherited.',
    trace: ['open: [[], []]', 'message: [[], []]', 'error: [[], ["error", "message"]]', 'close: [[], []]'],
  },
  'listeners: microtasks between two listeners of one event': {
    kind: 'intended',
    reason: 'JavaScript cannot run microtasks while another call is on the stack: they run after the last listener.',
    trace: ['listener: 1', 'listener: 2', 'microtask: 1'],
  },
  'the server closes: codes that may not be sent': {
    kind: 'intended',
    reason: 'A CLOSE frame with a code that must not be in one (RFC 6455 section 7.4) fails the connection.',
    trace: [0, 1, 999, 1005, 1006, 1015].flatMap((code) => [`code: ${String(code)}`, OPEN, ...FAILED]),
  },
  'the server closes: codes that are reserved': {
    kind: 'intended',
    reason: 'A CLOSE frame with a code that nobody has defined (RFC 6455 section 7.4.2) fails the connection.',
    trace: [1004, 1016, 1999, 2000, 2999, 5000, 65535].flatMap((code) => [`code: ${String(code)}`, OPEN, ...FAILED]),
  },
  'the server closes: then sends frames': {
    kind: 'intended',
    reason: 'What comes after a CLOSE frame is discarded (RFC 6455 section 1.4); Chromium fails the connection.',
    trace: CLOSED_BY_SERVER,
  },
  'the server closes: then sends another CLOSE': {
    kind: 'intended',
    reason: 'What comes after a CLOSE frame is discarded (RFC 6455 section 1.4); Chromium fails the connection.',
    trace: CLOSED_BY_SERVER,
  },
  'handshake: a field without a colon': {
    kind: 'intended',
    reason: "Node's HTTP parser refuses an answer that is not HTTP (RFC 9112 section 5).",
    trace: ['readyState: 0', ...FAILED],
  },
  'handshake: credentials in the URL': {
    kind: 'intended',
    reason: 'They are sent with the first request: there is no user who could be asked for them.',
    trace: [
      'url: "ws://us%20er:p%3Ass@{server}/?do=field%3Aauthorization&do=echo"',
      OPEN,
      'message MessageEvent "Basic dXMgZXI6cDpzcw==" [1 "" ""]',
    ],
  },
  'constructor: subprotocols that are an object without an iterator': {
    kind: 'intended',
    reason: "An object is a dictionary of options, as for Node's own class; to a browser it is a string.",
    trace: [
      'an empty object: "(none)"',
      'an object with protocols: "a, b"',
      'an object with a string throws: TypeError',
    ],
  },
  'event: dispatched again': {
    kind: 'intended',
    reason: 'isTrusted stays true: only the dispatch method of each target could take it back.',
    trace: [
      ...['again: ["x", true, true, true]', 'on another target: true', 'onmessage: "message"', 'on the socket: true'],
      ...['onclose: "close"', 'isTrusted: true', 'a close event: true'],
    ],
  },
  'class: symbols of the prototype': {
    kind: 'intended',
    reason: 'By these two Node lets a socket keep the process alive, or not.',
    trace: ['symbols: ["Symbol(nodejs.ref)", "Symbol(nodejs.unref)", "Symbol(Symbol.toStringTag)"]'],
  },
  'class: own names of the interface object': {
    kind: 'intended',
    reason: "accept makes a server's end, and from gives the face of a connection.",
    trace: ['names: ["CLOSED", "CLOSING", "CONNECTING", "OPEN", "accept", "from", "length", "name", "prototype"]'],
  },

  'event: dispatched again while it is dispatched': {
    kind: 'platform',
    reason: "Node's EventTarget throws an Error instead of an InvalidStateError.",
  },
  'listeners: capturing ones come first': {
    kind: 'platform',
    reason: "Neither Chromium nor Node's EventTarget has them come first, and they differ in the eventPhase.",
  },
  'listeners: added while their event is dispatched': {
    kind: 'platform',
    reason: "Node's EventTarget calls them for that event already.",
  },
};

/** The close event when the server's CLOSE says what it got. */
function closedWithReport(report: string): string {
  return `close CloseEvent 4000 "${report}" wasClean true [3 "" ""]`;
}
