// What a failed handshake says, for what a server on the loopback address cannot be made to do.
import { describe, expect, it } from 'vitest';

import { toFailure, unexpectedStatus } from '../../src/handshake/failure.js';

const url = new URL('wss://example.com/');

function coded(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

describe('an answer that is no upgrade', () => {
  const noWebSocket =
    "nothing speaks WebSocket at this path, the server has no 'upgrade' listener, or a proxy drops the Upgrade header";

  it.each([
    [200, `200 OK instead of 101: ${noWebSocket}`],
    [299, `299 instead of 101: ${noWebSocket}`],
    [300, '300 Multiple Choices instead of 101'],
    [404, `404 Not Found instead of 101: ${noWebSocket}`],
    [405, `405 Method Not Allowed instead of 101: ${noWebSocket}`],
    [426, `426 Upgrade Required instead of 101: ${noWebSocket}`],
    [500, '500 Internal Server Error instead of 101'],
    [502, '502 Bad Gateway instead of 101: it may be a proxy: is the server behind it running?'],
  ])('with the status %i is told with what to do', (statusCode, told) => {
    expect(unexpectedStatus({ statusCode, headers: {} }).message).toBe(`The server answered ${told}`);
  });
});

describe('an error', () => {
  it.each(['wrong version number', 'packet length too long'])('that says %s is explained by TLS', (what) => {
    const error = coded(`error:0A00010B:SSL routines::${what}:ssl3_record.c:354:`, 'ERR_SSL');
    expect(toFailure(error, url)).toMatchObject({
      code: 'ERR_SSL',
      cause: error,
      message: 'The server at example.com:443 does not speak TLS: use ws: instead of wss:, or the port that does',
    });
  });

  it.each([
    ['ENOTFOUND', 'The host example.com is not known (ENOTFOUND): is its name right?'],
    [
      'ECONNRESET',
      'The server at example.com:443 closed the connection before its answer (ECONNRESET): does it speak TLS and WebSocket?',
    ],
    ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'].map((code) => [
      code,
      `The certificate of example.com:443 is self-signed (${code}): if you trust it, give it as the option ca`,
    ]),
    ...['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'].map((code) => [
      code,
      `Nobody known here has signed the certificate of example.com:443 (${code}): give its authority's as the option ca`,
    ]),
  ])('with the code %s is explained', (code = '', message) => {
    expect(toFailure(coded('as Node says it', code), url)).toMatchObject({ code, message });
  });

  it('that has a code and a message stays as it is', () => {
    const error = coded('as Node says it', 'EOTHER');
    expect(toFailure(error, url)).toBe(error);
  });

  it('without a code gets one, whatever it says', () => {
    const error = new Error('::wrong version number:');
    expect(toFailure(error, url)).toMatchObject({
      code: 'WATERSHED_CONNECTION_FAILED',
      message: 'The connection could not be made: ::wrong version number:',
      cause: error,
    });
  });

  it('that is none, but has a code, is no explanation', () => {
    expect(toFailure({ code: 'ECONNREFUSED' }, url)).toMatchObject({
      code: 'WATERSHED_CONNECTION_FAILED',
      message: 'The connection could not be made: for an unknown reason',
    });
  });

  it('of several addresses says what each of them says, unless it has a message of its own', () => {
    const errors = [new Error('one'), 'two'];
    const silent = Object.assign(new AggregateError(errors), { code: 'EOTHER' });
    expect(toFailure(silent, url).message).toBe('one, two');
    const speaking = Object.assign(new AggregateError(errors, 'all of them'), { code: 'EOTHER' });
    expect(toFailure(speaking, url).message).toBe('all of them');
  });
});
