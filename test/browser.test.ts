/**
 * What a browser gets, in a process where a class of the test's own stands in for the browser's: how the exports follow
 * the global variables. test/browser/isomorphic.test.ts has it in a real browser.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as browser from '../src/browser.js';
import * as node from '../src/index.js';

class PlatformWebSocket extends EventTarget {
  static readonly OPEN = 1;
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
  }
}

beforeEach(() => {
  vi.stubGlobal('WebSocket', PlatformWebSocket);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** As the types of index.ts have it, which a browser's program sees. */
const WebSocket = browser.WebSocket as unknown as typeof PlatformWebSocket & { extra?: string };

it('the entry for browsers exports the names of the one for Node', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort());
});

describe('WebSocket in a browser', () => {
  it('makes instances of the platform’s class', () => {
    const ws = new WebSocket('wss://example.test');
    expect(ws).toBeInstanceOf(PlatformWebSocket);
    expect(ws instanceof WebSocket).toBe(true);
    expect(ws.constructor).toBe(PlatformWebSocket);
    expect(ws.url).toBe('wss://example.test');
    expect({} instanceof WebSocket).toBe(false);
  });

  it('has the properties of the platform’s class, and gives it new ones', () => {
    expect([typeof WebSocket, WebSocket.name, WebSocket.OPEN]).toEqual(['function', 'PlatformWebSocket', 1]);
    expect(['OPEN' in WebSocket, 'CLOSED' in WebSocket]).toEqual([true, false]);
    expect(WebSocket.prototype).toBe(PlatformWebSocket.prototype);
    WebSocket.extra = 'set';
    expect([WebSocket.extra, Reflect.get(PlatformWebSocket, 'extra')]).toEqual(['set', 'set']);
  });

  it('can be extended', () => {
    class Chat extends WebSocket {
      readonly room = 'lobby';
    }
    const chat = new Chat('wss://example.test');
    expect([chat.room, chat.url, Chat.OPEN]).toEqual(['lobby', 'wss://example.test', 1]);
    for (const constructor of [Chat, WebSocket, PlatformWebSocket]) expect(chat instanceof constructor).toBe(true);
  });

  it('is not called without new', () => {
    expect(() => Reflect.apply(WebSocket as never, undefined, [])).toThrow(TypeError);
  });

  it('is the class that the page has by then', () => {
    class Substitute extends PlatformWebSocket {}
    vi.stubGlobal('WebSocket', Substitute);
    expect(new WebSocket('wss://example.test')).toBeInstanceOf(Substitute);
  });

  it('says that it is missing where the platform has none', () => {
    vi.stubGlobal('WebSocket', undefined);
    expect(() => new WebSocket('wss://example.test')).toThrow(new ReferenceError('This platform has no WebSocket'));
  });
});

describe('a class that needs Node', () => {
  const methodsOf = (constructor: object) =>
    Object.entries(Object.getOwnPropertyDescriptors(constructor)).flatMap(([name, { value }]) =>
      typeof value === 'function' ? [[name, value as () => unknown] as const] : [],
    );

  it.each(['Watershed', 'WatershedConnection'] as const)('says so when it is called, and when its methods are: %s', (name) => {
    const constructor = browser[name] as new () => object;
    expect(() => new constructor()).toThrow(`${name} needs Node.js`);
    const methods = methodsOf(constructor);
    expect(methods.map(([method]) => method).sort()).toEqual(methodsOf(node[name]).map(([method]) => method).sort());
    for (const [method, call] of methods) expect(call).toThrow(`${name}.${method} needs Node.js`);
    expect({} instanceof constructor).toBe(false);
  });

  it('is none of the errors', () => {
    expect(browser.WatershedError).toBe(node.WatershedError);
    expect(browser.HandshakeError).toBe(node.HandshakeError);
    expect(browser.ProtocolError).toBe(node.ProtocolError);
  });
});
