// The negotiation of permessage-deflate as headers: what each end says, and what it takes the other's words for.
import { describe, expect, it } from 'vitest';

import { HandshakeError } from '../../src/errors.js';
import { checkResponse, type EstablishedHandshake, requestHeaders } from '../../src/handshake/client.js';
import { acceptHandshake, type AcceptedHandshake } from '../../src/handshake/server.js';
import type { PerMessageDeflateOptions } from '../../src/options.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** A server's answer to these lines of Sec-WebSocket-Extensions. */
function accept(offers: string | string[], perMessageDeflate?: PerMessageDeflateOptions): AcceptedHandshake {
  const headers = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': KEY,
    'sec-websocket-version': '13',
    'sec-websocket-extensions': offers,
  };
  return acceptHandshake({ headers }, { isSecure: false, versionRequired: true, perMessageDeflate });
}

/** What a client makes of an answer to its offer. */
function check(answer: string | string[], perMessageDeflate?: PerMessageDeflateOptions): EstablishedHandshake {
  const headers = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    'sec-websocket-extensions': answer,
  };
  return checkResponse({ statusCode: 101, headers }, KEY, { perMessageDeflate });
}

function failure(attempt: () => unknown): HandshakeError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof HandshakeError) return error;
    throw error;
  }
  throw new Error('It was taken');
}

/** One direction, in short. */
const direction = (windowBits = 15, noContextTakeover = false): object => ({ windowBits, noContextTakeover });

describe('the offer of a client', () => {
  it.each<[offer: string, options: PerMessageDeflateOptions | true]>([
    ['permessage-deflate; client_max_window_bits', true],
    ['permessage-deflate; client_max_window_bits', {}],
    ['permessage-deflate; client_max_window_bits', { serverNoContextTakeover: false, threshold: 1, level: 9 }],
    ['permessage-deflate; server_no_context_takeover; client_max_window_bits', { serverNoContextTakeover: true }],
    ['permessage-deflate; client_no_context_takeover; client_max_window_bits', { clientNoContextTakeover: true }],
    ['permessage-deflate; server_max_window_bits=8; client_max_window_bits', { serverMaxWindowBits: 8 }],
    ['permessage-deflate; client_max_window_bits=15', { clientMaxWindowBits: 15 }],
    [
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; ' +
        'client_max_window_bits=10',
      {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 9,
        clientMaxWindowBits: 10,
      },
    ],
  ])('is %j', (offer, perMessageDeflate) => {
    expect(requestHeaders(KEY, { perMessageDeflate })['Sec-WebSocket-Extensions']).toBe(offer);
  });

  it.each([undefined, false])('is none when the option is %j', (perMessageDeflate) => {
    expect(requestHeaders(KEY, { perMessageDeflate })).not.toHaveProperty('Sec-WebSocket-Extensions');
  });

  it.each([7, 16, 9.5, NaN, '9' as unknown as number])('cannot have a window of %j', (bits) => {
    for (const name of ['serverMaxWindowBits', 'clientMaxWindowBits']) {
      expect(() => requestHeaders(KEY, { perMessageDeflate: { [name]: bits } })).toThrow(name);
    }
  });
});

describe('the answer of a server', () => {
  it.each<[offer: string, answer: string, outgoing: object, incoming: object, options?: PerMessageDeflateOptions]>([
    ['permessage-deflate', 'permessage-deflate', direction(), direction()],
    // As browsers offer.
    ['permessage-deflate; client_max_window_bits', 'permessage-deflate', direction(), direction()],
    [
      'permessage-deflate; server_no_context_takeover',
      'permessage-deflate; server_no_context_takeover',
      direction(15, true),
      direction(),
    ],
    [
      'permessage-deflate; client_no_context_takeover',
      'permessage-deflate; client_no_context_takeover',
      direction(),
      direction(15, true),
    ],
    [
      'permessage-deflate; server_max_window_bits=8',
      'permessage-deflate; server_max_window_bits=8',
      direction(8),
      direction(),
    ],
    [
      'permessage-deflate; server_max_window_bits="10"',
      'permessage-deflate; server_max_window_bits=10',
      direction(10),
      direction(),
    ],
    [
      'permessage-deflate;client_max_window_bits="\\1\\1"',
      'permessage-deflate; client_max_window_bits=11',
      direction(),
      direction(11),
    ],
    // The options of the server, asked for or not.
    [
      'permessage-deflate',
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9',
      direction(9, true),
      direction(15, true),
      { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9 },
    ],
    [
      'permessage-deflate; client_max_window_bits',
      'permessage-deflate; client_max_window_bits=8',
      direction(),
      direction(8),
      { clientMaxWindowBits: 8 },
    ],
    // The smaller of two windows.
    [
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=12',
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=11',
      direction(10),
      direction(11),
      { serverMaxWindowBits: 14, clientMaxWindowBits: 11 },
    ],
    [
      'permessage-deflate; server_max_window_bits=15; client_max_window_bits=9',
      'permessage-deflate; server_max_window_bits=12; client_max_window_bits=9',
      direction(12),
      direction(9),
      { serverMaxWindowBits: 12, clientMaxWindowBits: 13 },
    ],
    // What the server's own options do not ask for, and the offer does.
    [
      'permessage-deflate; client_max_window_bits; server_no_context_takeover',
      'permessage-deflate; server_no_context_takeover',
      direction(15, true),
      direction(),
      { serverNoContextTakeover: false, threshold: 0 },
    ],
  ])('to %j is %j', (offer, answer, outgoing, incoming, options = {}) => {
    const accepted = accept(offer, options);
    expect(accepted.extensions).toBe(answer);
    expect(accepted.responseHead).toContain(`\r\nSec-WebSocket-Extensions: ${answer}\r\n`);
    expect(accepted.deflate).toEqual({ outgoing, incoming });
  });

  const wrongOffers = [
    'permessage-deflate; unknown',
    'permessage-deflate; unknown=10',
    'permessage-deflate; __proto__',
    'permessage-deflate; server_no_context_takeover=true',
    'permessage-deflate; client_no_context_takeover=1',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
    'permessage-deflate; client_max_window_bits; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=10; client_max_window_bits=10',
    'permessage-deflate; server_max_window_bits',
    ...['7', '16', '08', '015', '010', '1', '100', '-9', '9.0', '9x', '0x9', '+9', '1e1'].flatMap((bits) => [
      `permessage-deflate; server_max_window_bits=${bits}`,
      `permessage-deflate; client_max_window_bits=${bits}`,
    ]),
  ];

  it.each([...wrongOffers, 'x-webkit-deflate-frame', 'Permessage-Deflate-2', 'permessage-bzip2; client_max_window_bits'])(
    'to %j is none',
    (offer) => {
      const accepted = accept(offer, {});
      expect(accepted).toMatchObject({ extensions: '', deflate: undefined });
      expect(accepted.responseHead).not.toMatch(/extensions/i);
    },
  );

  it.each(wrongOffers)('passes over %j, and takes the next offer', (offer) => {
    expect(accept(`${offer}, permessage-deflate; server_max_window_bits=11`, {}).extensions).toBe(
      'permessage-deflate; server_max_window_bits=11',
    );
  });

  it('is to the first offer that it can meet, in the order of the client, over several lines', () => {
    const offers = ['other; a=1, permessage-deflate; server_max_window_bits=9', 'permessage-deflate'];
    expect(accept(offers, {}).extensions).toBe('permessage-deflate; server_max_window_bits=9');
    expect(accept([...offers].reverse(), {}).extensions).toBe('permessage-deflate');
  });

  it("is none when the client's window is to be limited, and the offer does not say that it can be", () => {
    expect(accept('permessage-deflate', { clientMaxWindowBits: 10 }).extensions).toBe('');
    expect(
      accept('permessage-deflate, permessage-deflate; client_max_window_bits', { clientMaxWindowBits: 10 }).extensions,
    ).toBe('permessage-deflate; client_max_window_bits=10');
  });

  it('is none when compression is off', () => {
    expect(accept('permessage-deflate; client_max_window_bits')).toMatchObject({ extensions: '', deflate: undefined });
  });

  it('is a refusal when the header is malformed, whether compression is on or off', () => {
    for (const options of [undefined, {}]) {
      expect(failure(() => accept('permessage-deflate, ;', options))).toMatchObject({
        code: 'WATERSHED_INVALID_REQUEST',
        statusCode: 400,
      });
    }
  });
});

describe('what a client makes of an answer', () => {
  it.each<[answer: string, outgoing: object, incoming: object, options?: PerMessageDeflateOptions]>([
    ['permessage-deflate', direction(), direction()],
    // Unsolicited, as sections 7.1.1.1, 7.1.1.2 and 7.1.2.1 allow.
    ['permessage-deflate; server_no_context_takeover', direction(), direction(15, true)],
    ['permessage-deflate; client_no_context_takeover', direction(15, true), direction()],
    ['permessage-deflate; server_max_window_bits=8', direction(), direction(8)],
    ['permessage-deflate; client_max_window_bits=8', direction(8), direction()],
    ['permessage-deflate ;client_max_window_bits = "15"', direction(), direction()],
    [
      'permessage-deflate; client_max_window_bits=9; server_max_window_bits=10; server_no_context_takeover; ' +
        'client_no_context_takeover',
      direction(9, true),
      direction(10, true),
    ],
    // What was asked of the server is there, or more of it.
    [
      'permessage-deflate; server_no_context_takeover; server_max_window_bits=10',
      direction(),
      direction(10, true),
      { serverNoContextTakeover: true, serverMaxWindowBits: 11 },
    ],
    ['permessage-deflate; server_max_window_bits=11', direction(), direction(11), { serverMaxWindowBits: 11 }],
    ['permessage-deflate', direction(), direction(), { serverMaxWindowBits: 15 }],
    // What the client has limited by itself holds, whatever the answer says of it.
    ['permessage-deflate', direction(10, true), direction(), { clientMaxWindowBits: 10, clientNoContextTakeover: true }],
    ['permessage-deflate; client_max_window_bits=9', direction(9), direction(), { clientMaxWindowBits: 10 }],
  ])('reads %j', (answer, outgoing, incoming, options = {}) => {
    expect(check(answer, options)).toEqual({
      subprotocol: undefined,
      extensions: answer,
      deflate: { outgoing, incoming },
    });
  });

  it.each([
    'permessage-deflate; unknown',
    'permessage-deflate; unknown=10',
    'permessage-deflate; __proto__',
    'permessage-deflate; server_no_context_takeover=true',
    'permessage-deflate; client_no_context_takeover=1',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
    'permessage-deflate; client_max_window_bits=10; client_max_window_bits=10',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; client_max_window_bits',
    ...['7', '16', '08', '015', '1', '100', '-9', '9.0', '9x', '0x9'].flatMap((bits) => [
      `permessage-deflate; server_max_window_bits=${bits}`,
      `permessage-deflate; client_max_window_bits=${bits}`,
    ]),
    'permessage-deflate, permessage-deflate',
    'permessage-deflate, other',
    'other, permessage-deflate',
    'other',
    'x-webkit-deflate-frame',
  ])('fails for %j', (answer) => {
    expect(failure(() => check(answer, {}))).toMatchObject({
      code: 'WATERSHED_EXTENSION_MISMATCH',
      statusCode: 101,
      message: expect.stringMatching(/^RFC (7692 section 7\.1|6455 section 4\.1): /) as unknown,
    });
  });

  it.each<[answer: string | string[], options: PerMessageDeflateOptions, message: string]>([
    ['permessage-deflate', { serverNoContextTakeover: true }, 'server_no_context_takeover was asked for'],
    ['permessage-deflate', { serverMaxWindowBits: 14 }, 'server_max_window_bits is larger'],
    ['permessage-deflate; client_max_window_bits=12', { clientMaxWindowBits: 10 }, 'client_max_window_bits is larger'],
    ['permessage-deflate; server_max_window_bits=12', { serverMaxWindowBits: 11 }, 'server_max_window_bits is larger'],
    [['permessage-deflate', 'permessage-deflate'], {}, 'one twice (permessage-deflate, permessage-deflate)'],
  ])('fails for %j when %j was asked for', (answer, options, message) => {
    const error = failure(() => check(answer, options));
    expect(error.code).toBe('WATERSHED_EXTENSION_MISMATCH');
    expect(error.message).toContain(message);
  });

  it('fails for any answer when nothing was offered', () => {
    expect(failure(() => check('permessage-deflate')).code).toBe('WATERSHED_EXTENSION_MISMATCH');
  });

  it('fails for a header that is malformed', () => {
    expect(failure(() => check('permessage-deflate;', {})).code).toBe('WATERSHED_INVALID_RESPONSE');
  });
});

describe('both ends', () => {
  const values: PerMessageDeflateOptions[] = [
    {},
    { serverNoContextTakeover: true },
    { clientNoContextTakeover: true },
    { serverMaxWindowBits: 8 },
    { serverMaxWindowBits: 12 },
    { clientMaxWindowBits: 9 },
    { clientMaxWindowBits: 15 },
    { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
  ];

  it('agree on the same, whatever either asks for', () => {
    for (const client of values) {
      for (const server of values) {
        const offer = requestHeaders(KEY, { perMessageDeflate: client })['Sec-WebSocket-Extensions'] ?? '';
        const accepted = accept(offer, server);
        const established = check(accepted.extensions, client);
        expect(established.deflate?.incoming).toEqual(accepted.deflate?.outgoing);
        const sends = established.deflate?.outgoing;
        // The server has to be able to read what the client sends: with no smaller window, and no context it lacks.
        expect(sends?.windowBits).toBeLessThanOrEqual(accepted.deflate?.incoming.windowBits ?? 0);
        expect(sends?.windowBits).toBeLessThanOrEqual(client.clientMaxWindowBits ?? 15);
        expect(sends?.windowBits).toBeLessThanOrEqual(server.clientMaxWindowBits ?? 15);
        if (accepted.deflate?.incoming.noContextTakeover === true) expect(sends?.noContextTakeover).toBe(true);
      }
    }
  });
});
