import { describe, expect, it } from 'vitest';
import { Watershed } from '../src/index.js';
import { defaultConnectionOptions, resolveConnectionOptions } from '../src/options.js';
import { binary, text } from './conformance/frames.js';
import { handMadeRequest, HANDSHAKE, next, serverEnd } from './classic/ends.js';
import { duplexPair } from './classic/duplex-pair.js';

type Options = Record<string, unknown>;

/** Everywhere that the options of a connection are taken. */
const takers: Readonly<Record<string, (options: Options) => void>> = {
  'new Watershed': (options) => new Watershed(options),
  'accept': (options) => Watershed.accept(handMadeRequest(), duplexPair()[0], Buffer.alloc(0), options),
  'connect': (options) =>
    Watershed.connect(
      { statusCode: 101, headers: {} } as never, duplexPair()[0], Buffer.alloc(0), HANDSHAKE['sec-websocket-key'] as string, options,
    ),
};

function thrownBy(action: () => void): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not throw');
}

describe.each(Object.keys(takers))('%s', (taker) => {
  const take = takers[taker] as (options: Options) => void;

  it.each<[string, unknown, string, string]>([
    ['maxPayload', '1', 'a number', '"1"'],
    ['maxFragments', true, 'a number', 'true'],
    ['highWaterMark', null, 'a number', 'null'],
    ['maxBufferedAmount', 1n, 'a number', '1n'],
    ['closeTimeout', '10', 'a number of milliseconds', '"10"'],
    ['heartbeat', 10, 'an object', '10'],
    ['autoPong', 1, 'true or false', '1'],
    ['autoPong', null, 'true or false', 'null'],
    ['maxPayload', {}, 'a number', 'an object'],
    ['maxPayload', [], 'a number', 'an array'],
    ['maxPayload', () => 1, 'a number', 'a function'],
    ['maxPayload', Symbol('one'), 'a number', 'Symbol(one)'],
  ])('throws a TypeError for %s of a wrong type, with its name, the rule and the value', (name, value, rule, shown) => {
    const error = thrownBy(() => { take({ [name]: value }); });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`options.${name} must be ${rule}, but is ${shown}`);
  });

  it.each<[string, unknown, RegExp]>([
    ['maxPayload', -1, /^options\.maxPayload must be a whole number from 0 on, or Infinity, but is -1$/],
    ['maxPayload', 1.5, /but is 1\.5$/],
    ['maxPayload', NaN, /but is NaN$/],
    ['maxPayload', 2 ** 53, /^options\.maxPayload must be a whole number/],
    ['maxFragments', 0, /^options\.maxFragments must be a whole number from 1 on, or Infinity, but is 0$/],
    ['highWaterMark', -Infinity, /^options\.highWaterMark must be .* but is -Infinity$/],
    ['maxBufferedAmount', -1, /^options\.maxBufferedAmount must be/],
    ['closeTimeout', -1, /^options\.closeTimeout must be a whole number of milliseconds from 0 to 2147483647, but is -1$/],
    ['closeTimeout', 2 ** 31, /but is 2147483648$/],
    ['closeTimeout', Infinity, /but is Infinity$/],
    ['closeTimeout', 0.5, /but is 0\.5$/],
  ])('throws a RangeError for %s of %s', (name, value, message) => {
    const error = thrownBy(() => { take({ [name]: value }); });
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(message);
  });

  it.each<[Options, typeof TypeError | typeof RangeError, string]>([
    [{ interval: 10 }, TypeError, 'options.heartbeat.timeout must be a number of milliseconds, but is undefined'],
    [{ timeout: 10 }, TypeError, 'options.heartbeat.interval must be a number of milliseconds, but is undefined'],
    [{ interval: '1', timeout: 10 }, TypeError, 'options.heartbeat.interval must be a number of milliseconds, but is "1"'],
    [{ interval: 0, timeout: 10 }, RangeError, 'options.heartbeat.interval must be a whole number of milliseconds from 1 to 2147483647, but is 0'],
    [{ interval: 10, timeout: 10, inteval: 3 }, TypeError, 'options.heartbeat.inteval is not an option: did you mean interval?'],
  ])('throws for the heartbeat %j', (heartbeat, type, message) => {
    const error = thrownBy(() => { take({ heartbeat }); });
    expect(error).toBeInstanceOf(type);
    expect(error.message).toBe(message);
  });

  it.each([
    ['maxpayload', 'maxPayload'],
    ['maxPayloads', 'maxPayload'],
    ['highWatermark', 'highWaterMark'],
    ['closeTimeOut', 'closeTimeout'],
    ['heartBeat', 'heartbeat'],
    ['pong', 'autoPong'],
    ['maxBuffered', 'maxBufferedAmount'],
  ])('throws for the unknown name %s, and names %s', (name, nearest) => {
    const error = thrownBy(() => { take({ [name]: 1 }); });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`options.${name} is not an option: did you mean ${nearest}?`);
  });

  it.each(['constructor', 'toString', '__proto__'])('takes the name %s for unknown as any other', (name) => {
    expect(() => { take(JSON.parse(`{ "${name}": 1 }`) as Options); }).toThrow(`options.${name} is not an option`);
  });
});

describe('options', () => {
  it('that are like the defaults are the defaults, and share their memory', () => {
    const { maxPayload } = defaultConnectionOptions;
    expect(resolveConnectionOptions({})).toBe(defaultConnectionOptions);
    expect(resolveConnectionOptions({ maxPayload, autoPong: true })).toBe(defaultConnectionOptions);
    expect(resolveConnectionOptions({ maxPayload: 1 })).toEqual({ ...defaultConnectionOptions, maxPayload: 1 });
  });

  it('must be an object', () => {
    expect(() => new Watershed('options' as never)).toThrow(/^options must be an object, but is "options"$/);
    expect(() => new Watershed(null as never)).toThrow(TypeError);
    expect(() => Watershed.requestHeaders(Watershed.generateKey(), 1 as never)).toThrow(/^options must be an object, but is 1$/);
    expect(() => new Watershed().closeAll(null as never)).toThrow(/^options must be an object, but is null$/);
  });

  it('may all be undefined, as if they were not given', async () => {
    const { connection, peer } = await serverEnd({
      maxPayload: undefined,
      maxFragments: undefined,
      highWaterMark: undefined,
      maxBufferedAmount: undefined,
      closeTimeout: undefined,
      heartbeat: undefined,
      autoPong: undefined,
      protocols: undefined,
      detached: undefined as never,
      headers: undefined,
      origin: undefined,
    });
    peer.send(text('fine'));
    expect(await next(connection, 'text')).toEqual(['fine']);
  });

  it('may be Infinity where they are a limit', async () => {
    const { connection, peer } = await serverEnd({
      maxPayload: Infinity, maxFragments: Infinity, highWaterMark: Infinity, maxBufferedAmount: Infinity,
    });
    expect(connection.send(Buffer.alloc(1024 * 1024))).toBe(true);
    peer.send(text('fine'));
    expect(await next(connection, 'text')).toEqual(['fine']);
  });

  it.each<[string, Options, string]>([
    ['protocols', { protocols: 'rfb' }, 'options.protocols must be an array of strings, but is "rfb"'],
    ['a protocol', { protocols: ['a', 1] }, 'options.protocols[1] must be a string, but is 1'],
    ['detached', { detached: 1 }, 'options.detached must be true or false, but is 1'],
    ['headers', { headers: 'X: y' }, 'options.headers must be an object, but is "X: y"'],
    ['a header', { headers: { 'X-Y': 1 } }, 'options.headers["X-Y"] must be a string or an array of strings, but is 1'],
    ['origin', { origin: 7 }, "options.origin must be 'same-origin', an array of origins or a function, but is 7"],
    ['origin', { origin: 'same_origin' }, 'options.origin must be \'same-origin\', an array of origins or a function, but is "same_origin"'],
  ])('of accept throw a TypeError for %s of a wrong type', (_name, options, message) => {
    const error = thrownBy(() => { takers['accept']?.(options); });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(message);
  });

  it.each<[string, Options, RegExp]>([
    ['a subprotocol that is no token', { protocols: ['a b'] }, /^options\.protocols\[0\] must be a token, .* but is "a b"$/],
    ['a field name that is no token', { headers: { 'X Y': 'z' } }, /^options\.headers must have tokens as names .* but one is "X Y"$/],
    ['a line break in a field', { headers: { 'X-Y': 'a\r\nSet-Cookie: b' } }, /^options\.headers\["X-Y"\] must be a header field's value, .*"a\\r\\nSet-Cookie: b"$/],
    ['a line break in a field of several lines', { headers: { 'X-Y': ['a', 'b\nc'] } }, /^options\.headers\["X-Y"\]/],
  ])('of accept throw a RangeError for %s', (_name, options, message) => {
    const error = thrownBy(() => { takers['accept']?.(options); });
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(message);
  });

  it('of connect throw for a subprotocol that is named twice', () => {
    expect(() => { takers['connect']?.({ protocols: ['a', 'b', 'a'] }); }).toThrow(
      'options.protocols must not name a subprotocol twice (RFC 6455 section 4.1), but has "a" twice',
    );
  });

  it('show a long value cut off', () => {
    const error = thrownBy(() => { takers['accept']?.({ maxPayload: 'x'.repeat(1_000) }); });
    expect(error.message).toBe(`options.maxPayload must be a number, but is "${'x'.repeat(60)}…"`);
  });
});

describe('a limit', () => {
  it('maxPayload of 0 lets empty messages in alone', async () => {
    const { connection, peer } = await serverEnd({ maxPayload: 0 });
    peer.send(text(''), binary('x'));
    expect(await next(connection, 'text')).toEqual(['']);
    expect((await peer.frame()).payload.readUInt16BE()).toBe(1009);
  });

  it('maxFragments counts the frames of a message, empty ones too, and more are a 1008', async () => {
    const { connection, peer } = await serverEnd({ maxFragments: 3 });
    const continuation = (fin: boolean) => ({ ...text('', { fin }), opcode: 0 });
    peer.send(text('3 frames', { fin: false }), continuation(false), continuation(true));
    expect(await next(connection, 'text')).toEqual(['3 frames']);
    peer.send(text('4 frames', { fin: false }), continuation(false), continuation(false), continuation(true));
    expect(await next(connection, 'error')).toMatchObject([{ code: 'WATERSHED_TOO_MANY_FRAGMENTS', closeCode: 1008 }]);
    expect((await peer.frame()).payload.readUInt16BE()).toBe(1008);
  });

  it('of an instance holds for its connections', () => {
    const shed = new Watershed({ highWaterMark: 1 });
    const connection = shed.accept(handMadeRequest(), duplexPair()[0], Buffer.alloc(0));
    expect(connection.send('x')).toBe(false);
    connection.destroy();
  });
});
