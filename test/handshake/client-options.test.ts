// The options of a client's end, and what is said about wrong ones.
import { Agent } from 'node:http';

import { describe, expect, it } from 'vitest';
import { Agent as UndiciAgent } from 'undici';

import { resolveWebSocketOptions } from '../../src/handshake/client-options.js';
import { defaultConnectionOptions } from '../../src/options.js';

function check(options: Record<string, unknown>): void {
  resolveWebSocketOptions(options);
}

describe('resolveWebSocketOptions', () => {
  it("gives the connection's options, the missing ones filled in", () => {
    expect(resolveWebSocketOptions({})).toEqual(defaultConnectionOptions);
    const resolved = resolveWebSocketOptions({ maxPayload: 1, origin: 'a' });
    expect(resolved).toEqual({ ...defaultConnectionOptions, maxPayload: 1 });
    const defaults = { ...defaultConnectionOptions, closeTimeout: 5 };
    expect(resolveWebSocketOptions({ maxPayload: 1 }, defaults)).toEqual({ ...defaults, maxPayload: 1 });
  });

  it('takes every option there is', () => {
    resolveWebSocketOptions({
      headers: { 'X-A': '1' },
      origin: 'http://example.com',
      agent: new Agent(),
      signal: new AbortController().signal,
      followRedirects: true,
      maxRedirects: 0,
      allowBlockedPorts: true,
      serialize: true,
      handshakeTimeout: 1,
      ca: ['a', Buffer.from('b')],
      cert: 'a',
      checkServerIdentity: () => undefined,
      ciphers: 'a',
      createConnection: () => undefined,
      family: 4,
      key: Buffer.from('a'),
      localAddress: '127.0.0.1',
      localPort: 65_535,
      lookup: () => undefined,
      maxVersion: 'TLSv1.3',
      minVersion: 'TLSv1.2',
      passphrase: 'a',
      pfx: [{ buf: 'a' }],
      rejectUnauthorized: false,
      servername: 'a',
      socketPath: 'a',
      heartbeat: { interval: 1, timeout: 1 },
    });
    resolveWebSocketOptions({ agent: false, family: 0 });
    resolveWebSocketOptions({ family: 6, localPort: 0 });
    resolveWebSocketOptions({ dispatcher: new UndiciAgent() });
    resolveWebSocketOptions({ dispatcher: new UndiciAgent(), agent: undefined, ca: undefined });
  });

  it.each([
    ['headers', 1, 'options.headers must be a Headers, an object or an array, but is 1'],
    ['headers', null, 'options.headers must be a Headers, an object or an array, but is null'],
    ['headers', ['a'], 'options.headers must be made of pairs of a name and a value, but is "a"'],
    ['headers', [['a']], 'options.headers must be made of pairs of a name and a value, but is an array'],
    ['headers', [[1, 'a']], 'options.headers must be made of pairs of a name and a value, but is an array'],
    ['headers', { a: 1 }, 'options.headers["a"] must be a string or an array of strings, but is 1'],
    ['headers', { a: undefined }, 'options.headers["a"] must be a string or an array of strings, but is undefined'],
    ['origin', 1, 'options.origin must be a string, but is 1'],
    ['agent', true, 'options.agent must be an http.Agent or false, but is true'],
    ['agent', {}, 'options.agent must be an http.Agent or false, but is an object'],
    ['dispatcher', null, 'options.dispatcher must be a Dispatcher of undici, but is null'],
    ['signal', new EventTarget(), 'options.signal must be an AbortSignal, but is an object'],
    ['signal', 'a', 'options.signal must be an AbortSignal, but is "a"'],
    ['followRedirects', 1, 'options.followRedirects must be true or false, but is 1'],
    ['allowBlockedPorts', 1, 'options.allowBlockedPorts must be true or false, but is 1'],
    ['serialize', 1, 'options.serialize must be true or false, but is 1'],
    ['maxRedirects', '1', 'options.maxRedirects must be a number, but is "1"'],
    ['handshakeTimeout', '1', 'options.handshakeTimeout must be a number of milliseconds, but is "1"'],
    ['ca', 1, 'options.ca must be a string, a Buffer or an array, but is 1'],
    ['cert', null, 'options.cert must be a string, a Buffer or an array, but is null'],
    ['lookup', 'a', 'options.lookup must be a function, but is "a"'],
    ['servername', 1, 'options.servername must be a string, but is 1'],
    ['rejectUnauthorized', 'no', 'options.rejectUnauthorized must be true or false, but is "no"'],
    ['family', 5, 'options.family must be 0, 4 or 6, but is 5'],
    ['localPort', '1', 'options.localPort must be a number, but is "1"'],
    ['socketPath', 1, 'options.socketPath must be a string that is not empty, but is 1'],
    ['socketPath', '', 'options.socketPath must be a string that is not empty, but is ""'],
    ['header', {}, 'options.header is not an option: did you mean headers?'],
    ['handShakeTimeout', 1, 'options.handShakeTimeout is not an option: did you mean handshakeTimeout?'],
    ['path', '/', /^options\.path is not an option/],
    ['host', 'a', /^options\.host is not an option/],
    ['port', 1, /^options\.port is not an option/],
    ['method', 'POST', /^options\.method is not an option/],
  ])('refuses %s as %o with a TypeError', (name, value, message) => {
    expect(() => { check({ [name]: value }); }).toThrow(TypeError);
    expect(() => { check({ [name]: value }); }).toThrow(message);
  });

  it.each([
    ['headers', { 'a b': '1' }, 'options.headers must have tokens as names (RFC 9110 section 5.1), but one is "a b"'],
    ['headers', { a: '1\r\nb: 2' }, /^options\.headers\["a"\] must be a header field's value/],
    ['headers', [['a', '1\n']], /^options\.headers\["a"\] must be a header field's value/],
    ['origin', 'a\r\nb: 2', /^options\.origin must be a header field's value/],
    ['maxRedirects', -1, /^options\.maxRedirects must be a whole number from 0 on/],
    ['handshakeTimeout', 0, /^options\.handshakeTimeout must be a whole number of milliseconds from 1 to/],
    ['handshakeTimeout', Infinity, /^options\.handshakeTimeout must be a whole number of milliseconds from 1 to/],
    ['localPort', -1, 'options.localPort must be a port, from 0 to 65535, but is -1'],
    ['localPort', 65_536, 'options.localPort must be a port, from 0 to 65535, but is 65536'],
    ['localPort', 1.5, 'options.localPort must be a port, from 0 to 65535, but is 1.5'],
  ])('refuses %s as %o with a RangeError', (name, value, message) => {
    expect(() => { check({ [name]: value }); }).toThrow(RangeError);
    expect(() => { check({ [name]: value }); }).toThrow(message);
  });

  it.each([
    'Connection',
    'upgrade',
    'Content-Length',
    'Transfer-Encoding',
    'Sec-WebSocket-Key',
    'sec-websocket-version',
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Extensions',
    'SEC-WEBSOCKET-ANYTHING',
  ])('does not let the header field %s be overridden, in any form', (name) => {
    for (const headers of [{ [name]: '1' }, [[name, '1']], new Headers({ [name]: '1' })]) {
      expect(() => { check({ headers }); }).toThrow(TypeError);
      expect(() => { check({ headers }); }).toThrow(new RegExp(`^options\\.headers must not have ${name}`, 'i'));
    }
  });

  it.each([['agent', new Agent()], ['agent', false], ['ca', 'a'], ['rejectUnauthorized', false], ['socketPath', '/a']])(
    'refuses %s together with a dispatcher, which would not know of it',
    (name, value) => {
      expect(() => { check({ dispatcher: new UndiciAgent(), [name]: value }); }).toThrow(TypeError);
      expect(() => { check({ dispatcher: new UndiciAgent(), [name]: value }); }).toThrow(
        `options.${name} cannot be used with options.dispatcher, which makes the connection itself`,
      );
    },
  );
});
