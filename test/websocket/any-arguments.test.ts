/** The constructor and the options, whatever they are given: beside undici's WebSocket, where that has the same. */
import fc from 'fast-check';
import { MockAgent, WebSocket as UndiciWebSocket } from 'undici';
import { afterAll, describe, expect, it } from 'vitest';
import { Watershed, WebSocket } from '../../src/index.js';
import { duplexPair } from '../classic/duplex-pair.js';
import { handMadeRequest, HANDSHAKE } from '../classic/ends.js';
import { token } from '../handshake/grammar.js';

const mockAgent = new MockAgent();
mockAgent.disableNetConnect();
afterAll(() => mockAgent.close());

/** The URL that a constructor makes of its arguments, or the name of what it throws. */
function outcome(construct: () => { readonly url: string }): string {
  try {
    return construct().url;
  } catch (error) {
    if (error instanceof DOMException) return error.name;
    throw error;
  }
}

function ours(url: string, protocols?: string | string[]): string {
  return outcome(() => new WebSocket(url, protocols ?? [], { signal: AbortSignal.abort() }));
}

function theirs(url: string, protocols?: string | string[]): string {
  return outcome(() => {
    const webSocket = new UndiciWebSocket(url, { protocols: protocols ?? [], dispatcher: mockAgent });
    webSocket.onerror = (): void => undefined;
    return webSocket;
  });
}

describe('the constructor', () => {
  const part = fc.oneof(
    fc.constantFrom(...': / // ? # @ [::1] [ % %41 \\ .. é 水 \u00ad :80 :443 :65536'.split(' '), ' ', '\t', '\n'),
    fc.string({ maxLength: 5 }),
    fc.domain(),
  );
  const url = fc.oneof(
    fc.webUrl({ withFragments: true, withQueryParameters: true, validSchemes: ['ws', 'wss', 'http', 'https', 'ftp'] }),
    fc
      .tuple(fc.constantFrom('ws:', 'wss://', 'http://', 'HTTPS:', 'ftp:', 'data:', ' ws://'), fc.array(part, { maxLength: 4 }))
      .map(([scheme, parts]) => scheme + parts.join('')),
    fc.string(),
  );

  it("makes of any string a URL or a SyntaxError, as undici's does", () => {
    let urls = 0;
    fc.assert(
      fc.property(url, (text) => {
        const expected = theirs(text);
        expect(ours(text)).toBe(expected);
        if (expected !== 'SyntaxError') urls++;
      }),
      { numRuns: 1_000 },
    );
    expect(urls).toBeGreaterThan(20);
  });

  it("takes any subprotocols, or makes a SyntaxError of them, as undici's does", () => {
    const protocol = fc.oneof(token, fc.constantFrom('chat', 'null', ''), fc.string({ maxLength: 8 }));
    fc.assert(
      fc.property(fc.oneof(protocol, fc.array(protocol, { maxLength: 4 })), (protocols) => {
        expect(ours('ws://127.0.0.1:1/', protocols)).toBe(theirs('ws://127.0.0.1:1/', protocols));
      }),
      { numRuns: 500 },
    );
  });
});

describe('options', () => {
  const connection = [
    'maxPayload', 'maxFragments', 'highWaterMark', 'maxBufferedAmount', 'closeTimeout', 'heartbeat', 'autoPong',
    'perMessageDeflate',
  ];
  const transport = [
    'ca', 'cert', 'checkServerIdentity', 'ciphers', 'createConnection', 'family', 'key', 'localAddress', 'localPort',
    'lookup', 'maxVersion', 'minVersion', 'passphrase', 'pfx', 'rejectUnauthorized', 'servername', 'socketPath',
  ];
  const client = [
    'headers', 'origin', 'agent', 'dispatcher', 'signal', 'followRedirects', 'maxRedirects', 'allowBlockedPorts',
    'serialize', 'handshakeTimeout',
  ];
  type Options = Readonly<Record<string, unknown>>;

  const value = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withTypedArray: true }),
    fc.constantFrom<unknown>(Symbol('s'), () => 1, new Proxy({}, {}), Object.create(null), 2 ** 31, 2 ** 53, NaN, ''),
    fc.nat(20),
    fc.dictionary(token, fc.oneof(fc.string(), fc.anything()), { maxKeys: 3 }),
    fc.record({ interval: fc.anything(), timeout: fc.nat() }),
    fc.record({ threshold: fc.anything(), level: fc.integer({ min: -2, max: 10 }) }),
    fc.array(fc.oneof(fc.string(), token), { maxLength: 3 }),
  );

  /** What takes options, with the names of those that it takes; it undoes what it has done. */
  const takers: Readonly<Record<string, readonly [names: readonly string[], take: (options: Options) => void]>> = {
    'new Watershed': [connection, (options) => { new Watershed(options); }],
    'accept': [
      [...connection, 'protocols', 'detached', 'headers', 'origin'],
      (options) => { Watershed.accept(handMadeRequest(), duplexPair()[0], null, options).destroy(); },
    ],
    'connect': [
      [...connection, 'protocols', 'detached'],
      (options) => {
        const key = HANDSHAKE['sec-websocket-key'] as string;
        const accept = { 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' };
        const headers = { upgrade: 'websocket', connection: 'Upgrade', ...accept };
        Watershed.connect({ statusCode: 101, headers } as never, duplexPair()[0], null, key, options).destroy();
      },
    ],
    'requestHeaders': [
      ['protocols', 'origin', 'perMessageDeflate'],
      (options) => { Watershed.requestHeaders(HANDSHAKE['sec-websocket-key'] as string, options); },
    ],
    'reject': [['headers', 'body'], (options) => { Watershed.reject(duplexPair()[0], 400, options); }],
    'new WebSocket': [
      [...connection, ...transport, ...client],
      // Given up at once, unless it is the signal that is looked at.
      (options) => { new WebSocket('ws://127.0.0.1:1/', [], { signal: AbortSignal.abort(), ...options }); },
    ],
  };

  it.each(Object.keys(takers))('of %s are taken, or make a TypeError or a RangeError that names them', (taker) => {
    const [names, take] = takers[taker] as (typeof takers)[string];
    let refusals = 0;
    fc.assert(
      fc.property(fc.constantFrom(...names), value, (name, given) => {
        try {
          take({ [name]: given });
        } catch (error) {
          refusals++;
          expect(error instanceof TypeError || error instanceof RangeError, String(error)).toBe(true);
          expect((error as Error).message).toContain(`options.${name}`);
        }
      }),
      { numRuns: 500 },
    );
    expect(refusals).toBeGreaterThan(50);
  });

  it.each(Object.keys(takers))('of %s that there are not are a TypeError that names another, or all', (taker) => {
    const [names, take] = takers[taker] as (typeof takers)[string];
    fc.assert(
      fc.property(fc.oneof(token, fc.string()).filter((name) => !names.includes(name)), (name) => {
        const options = Object.fromEntries([[name, true]]);
        expect(() => { take(options); }).toThrow(TypeError);
        expect(() => { take(options); }).toThrow(/ is not an option: (did you mean \w+\?|there are \w+(, \w+)*)$/);
      }),
    );
  });

  it('of a client that are taken and of no use make its handshake fail, and nothing is thrown later', async () => {
    // What a function of the user's gives in place of a socket, node:http throws at the user.
    const names = [...connection, ...transport, ...client].filter((name) => name !== 'createConnection');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('ws', 'wss'), fc.constantFrom(...names), value, async (scheme, name, given) => {
        let webSocket: WebSocket;
        try {
          const options = { allowBlockedPorts: true, [name]: given } as never;
          webSocket = new WebSocket(`${scheme}://127.0.0.1:1/`, [], options);
        } catch (error) {
          expect(error instanceof TypeError || error instanceof RangeError, String(error)).toBe(true);
          return;
        }
        const events: string[] = [];
        webSocket.onerror = (): void => { events.push('error'); };
        await new Promise<void>((resolve) => {
          webSocket.onclose = (): void => {
            events.push('close');
            resolve();
          };
        });
        expect(events).toEqual(['error', 'close']);
      }),
      { numRuns: 300 },
    );
  });
});
