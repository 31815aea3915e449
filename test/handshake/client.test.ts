import { describe, expect, it } from 'vitest';

import { HandshakeError } from '../../src/errors.js';
import { checkResponse, type EstablishedHandshake, requestHeaders } from '../../src/handshake/client.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

const headers = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
};

type Change = Record<string, string | string[] | undefined>;

function check(changes: Change = {}, protocols?: readonly string[], statusCode = 101): EstablishedHandshake {
  return checkResponse({ statusCode, headers: { ...headers, ...changes } }, KEY, { protocols });
}

function failure(attempt: () => unknown): HandshakeError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof HandshakeError) return error;
    throw error;
  }
  throw new Error('The response was taken');
}

describe('requestHeaders', () => {
  it('gives the fields of RFC 6455 section 4.1', () => {
    expect(requestHeaders(KEY)).toEqual({
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': KEY,
    });
  });

  it('adds the subprotocols in order, and the Origin', () => {
    expect(requestHeaders(KEY, { protocols: ['b', 'a'], origin: 'https://example.com' })).toMatchObject({
      'Sec-WebSocket-Protocol': 'b, a',
      Origin: 'https://example.com',
    });
  });

  it('asks for no subprotocol when the list is empty', () => {
    expect(requestHeaders(KEY, { protocols: [] })).not.toHaveProperty('Sec-WebSocket-Protocol');
  });

  it('refuses a key that is none', () => {
    expect(() => requestHeaders(undefined as unknown as string)).toThrow(TypeError);
    expect(() => requestHeaders('abc')).toThrow(RangeError);
    expect(() => requestHeaders(`${KEY}\r\nX-Injected: 1`)).toThrow(/^key /);
  });

  it('refuses options that are wrong', () => {
    expect(() => requestHeaders(KEY, { protocols: ['a b'] })).toThrow(RangeError);
    expect(() => requestHeaders(KEY, { protocols: ['a', 'a'] })).toThrow(RangeError);
    expect(() => requestHeaders(KEY, { origin: 'a\r\nb: c' })).toThrow(RangeError);
    expect(() => requestHeaders(KEY, { protocol: 'a' } as object)).toThrow(TypeError);
  });
});

describe('checkResponse', () => {
  it('takes a good answer', () => {
    expect(check()).toEqual({ subprotocol: undefined, extensions: '' });
  });

  it('takes an answer without options, and with lists in any case', () => {
    const lists = { ...headers, upgrade: 'WebSocket', connection: ['keep-alive', 'UPGRADE'] };
    expect(checkResponse({ statusCode: 101, headers: lists }, KEY).extensions).toBe('');
  });

  it.each([200, 400, 426, 503])('fails for the status %d, and keeps it with the header fields', (statusCode) => {
    const error = failure(() => check({ 'retry-after': '5' }, undefined, statusCode));
    expect(error.message).toBe('Invalid Upgrade status code');
    expect(error.code).toBe('WATERSHED_INVALID_RESPONSE');
    expect(error.statusCode).toBe(statusCode);
    expect(error.headers).toMatchObject({ 'retry-after': '5' });
  });

  it('fails for a response without a status', () => {
    const error = failure(() => checkResponse({ headers }, KEY));
    expect(error.message).toBe('Invalid Upgrade status code');
    expect(error.statusCode).toBe(0);
  });

  it.each([undefined, null, 'res', {}, { headers: null }, { headers: 'a' }])('fails for %j, which is none', (response) => {
    expect(() => checkResponse(response as never, 'dGhlIHNhbXBsZSBub25jZQ==')).toThrow(
      "res must be the response that came with 'upgrade', but is",
    );
  });

  it.each([
    [{ connection: undefined }, 'Missing Connection Header'],
    [{ connection: 'close' }, 'Missing Connection Header'],
    [{ upgrade: undefined }, 'Missing Upgrade Header'],
    [{ upgrade: 'h2c' }, 'Missing Upgrade Header'],
    [{ 'sec-websocket-accept': undefined }, 'Missing Sec-WebSocket-Accept Header'],
    [{ 'sec-websocket-accept': 'S3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }, 'Missing Sec-WebSocket-Accept Header'],
    [{ 'sec-websocket-protocol': '' }, expect.stringContaining('single token')],
    [{ 'sec-websocket-protocol': 'a, b' }, expect.stringContaining('single token')],
    [{ 'sec-websocket-extensions': '' }, expect.stringContaining('malformed')],
    [{ 'sec-websocket-extensions': 'a;;' }, expect.stringContaining('malformed')],
  ])('fails for %j', (changes: Change, message: unknown) => {
    const { code, statusCode, message: actual } = failure(() => check(changes));
    expect({ code, statusCode, message: actual }).toEqual({
      code: 'WATERSHED_INVALID_RESPONSE',
      statusCode: 101,
      message,
    });
  });

  it('fails for another version than 13', () => {
    const error = failure(() => check({ 'sec-websocket-version': '8' }));
    expect(error.message).toBe('Unsupported Sec-WebSocket-Version');
    expect(error.code).toBe('WATERSHED_UNSUPPORTED_VERSION');
    expect(check({ 'sec-websocket-version': '13' }).extensions).toBe('');
  });

  it('takes any subprotocol when it is not told which were asked for', () => {
    expect(check({ 'sec-websocket-protocol': 'anything' }).subprotocol).toBe('anything');
  });

  it('takes one of the subprotocols that were asked for, or none', () => {
    expect(check({ 'sec-websocket-protocol': 'b' }, ['a', 'b']).subprotocol).toBe('b');
    expect(check({}, ['a', 'b']).subprotocol).toBeUndefined();
  });

  it.each([[['a']], [['B']], [[]]])('fails for a subprotocol that is not among %j', (protocols) => {
    const error = failure(() => check({ 'sec-websocket-protocol': 'b' }, protocols));
    expect(error.code).toBe('WATERSHED_SUBPROTOCOL_MISMATCH');
  });

  it('fails for an extension, since none was asked for', () => {
    const error = failure(() => check({ 'sec-websocket-extensions': 'permessage-deflate, __proto__' }));
    expect(error.code).toBe('WATERSHED_EXTENSION_MISMATCH');
    expect(error.message).toContain('permessage-deflate, __proto__');
  });

  it('refuses a key that is not a string', () => {
    expect(() => checkResponse({ statusCode: 101, headers }, undefined as unknown as string)).toThrow(TypeError);
  });
});
