/** The negotiation and the origin policy, whatever the other end says: beside the rules, written down again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HandshakeError } from '../../src/errors.js';
import { checkResponse, requestHeaders } from '../../src/handshake/client.js';
import { type Extension, parseExtensions } from '../../src/handshake/extensions.js';
import { isOriginAllowed } from '../../src/handshake/origin.js';
import { acceptHandshake, type AcceptedHandshake } from '../../src/handshake/server.js';
import type { PerMessageDeflateOptions } from '../../src/options.js';
import { token } from './grammar.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const UPGRADE = { upgrade: 'websocket', connection: 'Upgrade' };

function accept(offers: string, perMessageDeflate: PerMessageDeflateOptions): AcceptedHandshake {
  const headers = {
    ...UPGRADE, 'sec-websocket-key': KEY, 'sec-websocket-version': '13', 'sec-websocket-extensions': offers,
  };
  return acceptHandshake({ headers }, { isSecure: false, versionRequired: true, perMessageDeflate });
}

/** Undefined for an answer, or an offer, that is refused with a HandshakeError. Anything else is thrown. */
function orRefusal<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof HandshakeError) return undefined;
    throw error;
  }
}

const bits = fc.integer({ min: 8, max: 15 });
const options: fc.Arbitrary<PerMessageDeflateOptions> = fc.record(
  {
    serverNoContextTakeover: fc.boolean(),
    clientNoContextTakeover: fc.boolean(),
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
  },
  { requiredKeys: [] },
);

/** Parameters of permessage-deflate, mostly right ones. */
const parameter = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('server_no_context_takeover', 'client_no_context_takeover') },
  { weight: 4, arbitrary: fc.constant('client_max_window_bits') },
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.constantFrom('server_max_window_bits', 'client_max_window_bits'), fc.integer({ min: 8, max: 15 }))
      .map(([name, value]) => `${name}=${String(value)}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('server_max_window_bits=7', 'client_max_window_bits=16', 'server_max_window_bits="010"'),
  },
  { weight: 1, arbitrary: fc.tuple(token, token).map((words) => words.join('=')) },
  { weight: 1, arbitrary: token },
);
const element = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constant('permessage-deflate') }, { weight: 1, arbitrary: token }),
    fc.array(parameter, { maxLength: 4 }),
  )
  .map(([name, parameters]) => [name, ...parameters].join('; '));
const header = fc.oneof(
  { weight: 9, arbitrary: fc.array(element, { minLength: 1, maxLength: 3 }).map((elements) => elements.join(', ')) },
  { weight: 1, arbitrary: fc.string() },
);

/** The parameters of one element; undefined when RFC 7692 section 7.1 does not allow them. */
function allowed(given: Extension['parameters'], isOffer: boolean): Map<string, string | undefined> | undefined {
  const parameters = new Map<string, string | undefined>();
  for (const { name, value } of given) {
    const isTakeover = name === 'server_no_context_takeover' || name === 'client_no_context_takeover';
    const isWindow = name === 'server_max_window_bits' || name === 'client_max_window_bits';
    const isBits = value !== undefined && ['8', '9', '10', '11', '12', '13', '14', '15'].includes(value);
    const isBare = value === undefined && (isTakeover || (isOffer && name === 'client_max_window_bits'));
    if (parameters.has(name) || !(isBare || (isWindow && isBits))) return undefined;
    parameters.set(name, value);
  }
  return parameters;
}

function ofAnswer(text: string): Map<string, string | undefined> | undefined {
  return allowed(parseExtensions(text)?.[0]?.parameters ?? [], false);
}

describe("a server's answer to any offer", () => {
  it('is a refusal, none, or one that the offer allows', () => {
    let answers = 0;
    fc.assert(
      fc.property(header, options, (offers, own) => {
        const accepted = orRefusal(() => accept(offers, own));
        expect(accepted === undefined).toBe(parseExtensions(offers) === undefined);
        if (accepted === undefined || accepted.extensions === '') return;
        answers++;
        expect(accepted.extensions).toMatch(/^permessage-deflate(?:; |$)/);
        const answer = ofAnswer(accepted.extensions);
        expect(answer).toBeDefined();
        // One of the offers at least can be met by it (section 5.1).
        const isMet = (parseExtensions(offers) ?? []).some(({ name, parameters }) => {
          const offer = allowed(parameters, true);
          if (name !== 'permessage-deflate' || offer === undefined || answer === undefined) return false;
          const server = Number(answer.get('server_max_window_bits') ?? 15);
          return (
            (!offer.has('server_no_context_takeover') || answer.has('server_no_context_takeover')) &&
            server <= Number(offer.get('server_max_window_bits') ?? 15) &&
            (!answer.has('client_max_window_bits') || offer.has('client_max_window_bits')) &&
            Number(answer.get('client_max_window_bits') ?? 0) <= Number(offer.get('client_max_window_bits') ?? 15)
          );
        });
        expect(isMet).toBe(true);
        // And it says what the server does.
        expect(accepted.deflate).toEqual({
          outgoing: {
            windowBits: Number(answer?.get('server_max_window_bits') ?? 15),
            noContextTakeover: answer?.has('server_no_context_takeover'),
          },
          incoming: {
            windowBits: Number(answer?.get('client_max_window_bits') ?? 15),
            noContextTakeover: answer?.has('client_no_context_takeover'),
          },
        });
      }),
      { numRuns: 1_000 },
    );
    expect(answers).toBeGreaterThan(100);
  });

  it('is taken by the client that made the offer, and both understand the same', () => {
    fc.assert(
      fc.property(options, options, (client, server) => {
        const offer = requestHeaders(KEY, { perMessageDeflate: client })['Sec-WebSocket-Extensions'] ?? '';
        const accepted = accept(offer, server);
        const headers = {
          ...UPGRADE,
          'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
          ...(accepted.extensions === '' ? {} : { 'sec-websocket-extensions': accepted.extensions }),
        };
        const { deflate } = checkResponse({ statusCode: 101, headers }, KEY, { perMessageDeflate: client });
        expect(deflate?.incoming).toEqual(accepted.deflate?.outgoing);
        // The client may send with a smaller window, and with less context, than the server is ready for.
        const readable = accepted.deflate?.incoming;
        expect(deflate?.outgoing.windowBits ?? 0).toBeLessThanOrEqual(readable?.windowBits ?? 0);
        if (readable?.noContextTakeover === true) expect(deflate?.outgoing.noContextTakeover).toBe(true);
      }),
    );
  });
});

describe('what a client makes of any answer', () => {
  it('is a HandshakeError, or something that it has offered', () => {
    let compressed = 0;
    const right = fc.array(parameter, { maxLength: 2 }).map((each) => ['permessage-deflate', ...each].join('; '));
    const answers = fc.record({
      statusCode: fc.oneof({ weight: 9, arbitrary: fc.constant(101) }, { weight: 1, arbitrary: fc.nat(999) }),
      upgrade: fc.constantFrom('websocket', 'WebSocket', 'websocket', 'WEBSOCKET', 'web socket'),
      protocol: fc.constantFrom('chat', 'chat', 'chat', undefined, 'Chat', 'superchat', 'chat, chat', ''),
      extensions: fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: header }),
    });
    fc.assert(
      fc.property(answers, options, ({ statusCode, upgrade, protocol, extensions }, own) => {
        const headers = {
          upgrade,
          'connection': 'Upgrade',
          'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
          'sec-websocket-protocol': protocol,
          'sec-websocket-extensions': extensions,
        };
        const asked = { protocols: ['chat'], perMessageDeflate: own };
        const established = orRefusal(() => checkResponse({ statusCode, headers }, KEY, asked));
        if (established === undefined) return;
        expect(statusCode).toBe(101);
        expect([undefined, 'chat']).toContain(established.subprotocol);
        if (established.deflate === undefined) return;
        compressed++;
        const answer = ofAnswer(extensions);
        expect(parseExtensions(extensions)).toHaveLength(1);
        expect(answer).toBeDefined();
        const { incoming, outgoing } = established.deflate;
        expect(incoming.windowBits).toBeLessThanOrEqual(own.serverMaxWindowBits ?? 15);
        expect(outgoing.windowBits).toBeLessThanOrEqual(Number(answer?.get('client_max_window_bits') ?? 15));
        expect(outgoing.windowBits).toBeLessThanOrEqual(own.clientMaxWindowBits ?? 15);
        if (own.serverNoContextTakeover === true) expect(incoming.noContextTakeover).toBe(true);
        if (answer?.has('client_no_context_takeover') === true) expect(outgoing.noContextTakeover).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(compressed).toBeGreaterThan(50);
  });
});

describe('the origin policy', () => {
  const scheme = fc.constantFrom('http', 'https', 'ws', 'chrome-extension', 'HTTPS');
  const host = fc.constantFrom('example.com', 'EXAMPLE.com', 'a.example.com', '127.0.0.1', '[::1]', 'example.com.net');
  const port = fc.constantFrom('', ':80', ':443', ':8080');
  const authority = fc.tuple(host, port).map((parts) => parts.join(''));

  it('same-origin lets in whom the URL Standard finds at the same host and port', () => {
    fc.assert(
      fc.property(scheme, authority, authority, fc.boolean(), (from, origin, target, isSecure) => {
        const headers = { origin: `${from}://${origin}`, host: target };
        const page = new URL(headers.origin);
        const expected =
          (page.protocol === 'https:' || (page.protocol === 'http:' && !isSecure)) &&
          page.host === new URL(`${from}://${target}`).host;
        expect(isOriginAllowed('same-origin', { headers }, isSecure)).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never throws for anything that a client says, and lets in nobody who is not listed', () => {
    const place = fc.oneof(authority, fc.string());
    const value = fc.oneof(place, fc.tuple(scheme, place).map((parts) => parts.join('://')));
    const list = ['https://example.com', 'null'];
    fc.assert(
      fc.property(value, fc.option(value, { nil: undefined }), fc.boolean(), (origin, target, isSecure) => {
        const headers = { origin, host: target };
        expect(isOriginAllowed(list, { headers }, isSecure)).toBe(list.includes(origin.toLowerCase()));
        const isAllowed = isOriginAllowed('same-origin', { headers }, isSecure);
        if (isAllowed) expect(origin.toLowerCase()).toContain((target ?? '').toLowerCase().replace(/:(?:80|443)$/, ''));
      }),
      { numRuns: 1_000 },
    );
  });
});
