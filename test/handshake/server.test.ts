import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { HandshakeError } from '../../src/errors.js';
import {
  acceptHandshake,
  type AcceptHandshakeOptions,
  type AcceptedHandshake,
  type HandshakeRequest,
} from '../../src/handshake/server.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

const headers = {
  host: 'example.com',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
};

const request: HandshakeRequest = { method: 'GET', httpVersion: '1.1', headers };

type Change = Record<string, string | string[] | undefined>;

function accept(changes: Change = {}, options: Partial<AcceptHandshakeOptions> = {}): AcceptedHandshake {
  return acceptHandshake(
    { ...request, headers: { ...headers, ...changes } },
    { isSecure: false, versionRequired: false, ...options },
  );
}

function refusal(attempt: () => unknown): Partial<HandshakeError> {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
    const { code, statusCode, message, headers: fields } = error;
    return { code, statusCode, message, headers: fields };
  }
  throw new Error('The handshake was accepted');
}

const invalid = (message: unknown): object => ({
  code: 'WATERSHED_INVALID_REQUEST',
  statusCode: 400,
  message,
  headers: {},
});

describe('the answer to a good request', () => {
  it('is the 101 of RFC 6455 section 1.3, with the classic status line', () => {
    expect(accept()).toEqual({
      responseHead:
        'HTTP/1.1 101 The Watershed Moment\r\n' +
        'Upgrade: websocket\r\n' +
        'Connection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' +
        '\r\n',
      subprotocol: undefined,
      extensions: '',
    });
  });

  it('carries the headers that the caller adds, a line for each value', () => {
    const { responseHead } = accept({}, { headers: { 'X-One': '1', 'Set-Cookie': ['a=1', 'b=2'] } });
    expect(responseHead.split('\r\n').slice(4)).toEqual(['X-One: 1', 'Set-Cookie: a=1', 'Set-Cookie: b=2', '', '']);
  });

  it.each([
    ...['Connection', 'upgrade', 'Sec-WebSocket-Accept', 'SEC-WEBSOCKET-ANYTHING'],
    ...['Content-Length', 'transfer-encoding'],
  ])(
    'cannot have its %s overridden',
    (name) => {
      expect(() => accept({}, { headers: { [name]: '1' } })).toThrow(TypeError);
      expect(() => accept({}, { headers: { [name]: '1' } })).toThrow(name);
    },
  );
});

it.each([undefined, null, 'GET / HTTP/1.1', {}])('what is no request, such as %s, is a mistake of the caller', (value) => {
  const attempt = (): unknown => acceptHandshake(value as never, { isSecure: false, versionRequired: false });
  expect(attempt).toThrow(TypeError);
  expect(attempt).toThrow("req must be the request that came with 'upgrade', but is ");
});

describe('the request line', () => {
  it.each(['POST', 'HEAD', 'get'])('with the method %s gives 405', (method) => {
    const attempt = (): unknown => acceptHandshake({ ...request, method }, { isSecure: false, versionRequired: false });
    expect(refusal(attempt)).toEqual({
      code: 'WATERSHED_INVALID_REQUEST',
      statusCode: 405,
      message: expect.stringContaining('GET') as unknown,
      headers: { Allow: 'GET' },
    });
  });

  it.each(['1.0', '0.9'])('with HTTP %s gives 400', (httpVersion) => {
    const attempt = (): unknown =>
      acceptHandshake({ ...request, httpVersion }, { isSecure: false, versionRequired: false });
    expect(refusal(attempt)).toEqual(invalid(expect.stringContaining('HTTP version')));
  });

  it('need not be there in a request that was made by hand', () => {
    const { host, ...others } = headers;
    expect(host).toBe('example.com');
    expect(acceptHandshake({ headers: others }, { isSecure: false, versionRequired: false }).extensions).toBe('');
  });
});

describe('the fields that ask for the upgrade', () => {
  it('may be lists, in any case, on several lines', () => {
    const changes = { upgrade: 'h2c, WebSocket', connection: ['keep-alive', 'foo, UPGRADE'] };
    expect(accept(changes).responseHead).toContain('101');
  });

  it('when Upgrade is absent, give 426 and say to what to upgrade', () => {
    expect(refusal(() => accept({ upgrade: undefined }))).toEqual({
      code: 'WATERSHED_INVALID_REQUEST',
      statusCode: 426,
      message: 'Missing Upgrade Header',
      headers: { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
    });
  });

  it.each([
    [{ host: undefined }, 'Missing Host Header'],
    [{ upgrade: 'h2c' }, 'Missing Upgrade Header'],
    [{ upgrade: 'websockets' }, 'Missing Upgrade Header'],
    [{ connection: undefined }, 'Missing Connection Header'],
    [{ connection: 'keep-alive' }, 'Missing Connection Header'],
    [{ 'sec-websocket-key': undefined }, 'Missing Sec-WebSocket-Key Header'],
  ])('as %j give 400', (changes: Change, message) => {
    expect(refusal(() => accept(changes))).toEqual(invalid(message));
  });

  it.each(['', 'abc', 'dGhlIHNhbXBsZSBub25jZQ', `${KEY}, ${KEY}`, 'dGhlIHNhbXBsZSBub25jZTE='])(
    'with the key %j give 400',
    (key) => {
      expect(refusal(() => accept({ 'sec-websocket-key': key }))).toEqual(
        invalid(expect.stringContaining('Sec-WebSocket-Key')),
      );
    },
  );
});

describe('the version', () => {
  it.each(['8', '7', '14', '013', '', '13, 8', 'thirteen'])('%j gives 426 and version 13', (version) => {
    expect(refusal(() => accept({ 'sec-websocket-version': version }))).toEqual({
      code: 'WATERSHED_UNSUPPORTED_VERSION',
      statusCode: 426,
      message: 'Unsupported Sec-WebSocket-Version',
      headers: { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
    });
  });

  it('may be the number 13 in a request that was made by hand', () => {
    const number = { 'sec-websocket-version': 13 } as unknown as Change;
    expect(accept(number).responseHead).toContain('101');
  });

  it('may be absent, unless it is required', () => {
    const absent = { 'sec-websocket-version': undefined };
    expect(accept(absent).responseHead).toContain('101');
    expect(refusal(() => accept(absent, { versionRequired: true }))).toEqual(
      invalid('Missing Sec-WebSocket-Version Header'),
    );
    expect(accept({}, { versionRequired: true }).responseHead).toContain('101');
  });
});

describe('the subprotocol', () => {
  it("is the first of the client's that the server speaks", () => {
    const accepted = accept({ 'sec-websocket-protocol': 'z, b, a' }, { protocols: ['a', 'b'] });
    expect(accepted.subprotocol).toBe('b');
    expect(accepted.responseHead).toContain('\r\nSec-WebSocket-Protocol: b\r\n');
  });

  it('may be asked for on several lines', () => {
    expect(accept({ 'sec-websocket-protocol': ['z', 'b, a'] }, { protocols: ['a'] }).subprotocol).toBe('a');
  });

  it('is none when the client asks for none', () => {
    const accepted = accept({}, { protocols: ['a'] });
    expect(accepted.subprotocol).toBeUndefined();
    expect(accepted.responseHead).not.toMatch(/protocol/i);
  });

  it.each([{ protocols: ['a'] }, { protocols: ['B'] }, { protocols: [] }])(
    'that the server does not speak gives 400 (%j)',
    (options) => {
      expect(refusal(() => accept({ 'sec-websocket-protocol': 'b' }, options))).toEqual({
        code: 'WATERSHED_SUBPROTOCOL_MISMATCH',
        statusCode: 400,
        message: 'Client and server have no matching sub-protocols',
        headers: {},
      });
    },
  );

  it('that is asked of a server without any gives 400', () => {
    expect(refusal(() => accept({ 'sec-websocket-protocol': 'b' }))).toEqual({
      code: 'WATERSHED_SUBPROTOCOL_MISMATCH',
      statusCode: 400,
      message: 'Client requested a sub-protocol but no supported sub-protocols were provided to accept()',
      headers: {},
    });
  });

  it.each(['', ', ,', 'a, a', 'a, b c', '"a"', 'a;b'])('list %j, which is malformed, gives 400', (list) => {
    expect(refusal(() => accept({ 'sec-websocket-protocol': list }, { protocols: ['a'] }))).toEqual(
      invalid(expect.stringContaining('Sec-WebSocket-Protocol')),
    );
  });

  it('may have a name that objects have of themselves', () => {
    const options = { protocols: ['__proto__'] };
    expect(accept({ 'sec-websocket-protocol': 'constructor, __proto__' }, options).subprotocol).toBe('__proto__');
  });
});

describe('the extensions', () => {
  it('that a client offers are not answered', () => {
    const accepted = accept({ 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits, __proto__' });
    expect(accepted.extensions).toBe('');
    expect(accepted.responseHead).not.toMatch(/extensions/i);
  });

  it('when malformed give 400', () => {
    expect(refusal(() => accept({ 'sec-websocket-extensions': 'permessage-deflate; =' }))).toEqual(
      invalid(expect.stringContaining('Sec-WebSocket-Extensions')),
    );
  });
});

describe('the origin policy', () => {
  it('lets in whom it allows', () => {
    expect(accept({ origin: 'http://example.com' }, { origin: 'same-origin' }).responseHead).toContain('101');
  });

  it('answers the others with 403', () => {
    const options: Partial<AcceptHandshakeOptions> = { origin: 'same-origin', isSecure: true };
    expect(refusal(() => accept({ origin: 'http://example.com' }, options))).toEqual({
      code: 'WATERSHED_ORIGIN_REFUSED',
      statusCode: 403,
      message: 'The origin policy does not allow the Origin',
      headers: {},
    });
  });
});

describe('any request', () => {
  it('is accepted or refused with a HandshakeError, whatever its fields are', () => {
    const name = fc.constantFrom(
      ...Object.keys(headers),
      ...['sec-websocket-protocol', 'sec-websocket-extensions', 'origin', '__proto__'],
    );
    const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.constant(undefined));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (changes) => {
        try {
          accept(Object.fromEntries(changes), { origin: 'same-origin', protocols: ['a'] });
        } catch (error) {
          expect(error).toBeInstanceOf(HandshakeError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
