/**
 * The events of the WHATWG face are the platform's events to everything that takes events.
 */
import { on, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { CloseEvent, HandshakeError, MessageEvent, WebSocket, type WebSocketErrorEvent } from '../../src/index.js';

// Sends back what it gets, closes with 4001 when that is 'close', and refuses /refused with 401.
const httpServer = createServer();
const server = new WebSocketServer({ noServer: true });
let origin: string;
const clients: WebSocket[] = [];

httpServer.on('upgrade', (request, socket, head) => {
  if (request.url === '/refused') {
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nX-Reason: nobody\r\n\r\n');
    return;
  }
  server.handleUpgrade(request, socket, head, (ws) => {
    ws.on('message', (data: Buffer, isBinary) => {
      if (!isBinary && data.toString() === 'close') ws.close(4001, 'enough');
      else ws.send(data, { binary: isBinary });
    });
  });
});

beforeEach(async () => {
  await once(httpServer.listen(0, '127.0.0.1'), 'listening');
  origin = `ws://127.0.0.1:${String((httpServer.address() as AddressInfo).port)}`;
});

afterEach(async () => {
  for (const ws of clients.splice(0)) {
    ws.close();
    if (ws.readyState !== WebSocket.CLOSED) await once(ws, 'close');
  }
  httpServer.closeAllConnections();
  await once(httpServer.close(), 'close');
});

function connect(path = '/'): WebSocket {
  const ws = new WebSocket(origin + path);
  clients.push(ws);
  return ws;
}

async function open(): Promise<WebSocket> {
  const ws = connect();
  await once(ws, 'open');
  return ws;
}

async function nextEvent(ws: WebSocket, type: string): Promise<Event> {
  const [event] = (await once(ws, type)) as [Event];
  return event;
}

async function messageEvent(data: string | Uint8Array = 'hello'): Promise<MessageEvent<string>> {
  const ws = await open();
  ws.send(data);
  return (await nextEvent(ws, 'message')) as MessageEvent<string>;
}

async function closeEvent(): Promise<CloseEvent> {
  const ws = await open();
  ws.send('close');
  return (await nextEvent(ws, 'close')) as CloseEvent;
}

async function errorEvent(): Promise<WebSocketErrorEvent> {
  return (await nextEvent(connect('/refused'), 'error')) as WebSocketErrorEvent;
}

function catching(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

const platform = globalThis as unknown as Readonly<
  Record<string, (new (type: string, init?: object) => Event) | undefined>
>;

// Event.NONE and Event.AT_TARGET, which the types of Node do not have.
const NONE = 0;
const AT_TARGET = 2;

describe('an event', () => {
  it.each([
    { name: 'MessageEvent', constructor: MessageEvent, receive: () => messageEvent() },
    { name: 'CloseEvent', constructor: CloseEvent, receive: () => closeEvent() },
  ])('is an instance of our $name and of the platform’s', async ({ name, constructor, receive }) => {
    for (const event of [await receive(), new constructor('type')]) {
      expect(event).toBeInstanceOf(constructor);
      expect(event).toBeInstanceOf(Event);
      expect(event.constructor).toBe(constructor);
      expect(Object.prototype.toString.call(event)).toBe(`[object ${name}]`);
      // Not every version of Node has a CloseEvent.
      if (platform[name] !== undefined) expect(event).toBeInstanceOf(platform[name]);
    }
  });

  it('is trusted when the socket has made it, and not when a script has', async () => {
    const opened = await nextEvent(connect(), 'open');
    const made = [opened, await messageEvent(), await errorEvent(), await closeEvent()];
    expect(made.map(({ type, isTrusted }) => [type, isTrusted])).toEqual([
      ['open', true],
      ['message', true],
      ['error', true],
      ['close', true],
    ]);
    expect([new MessageEvent('message').isTrusted, new CloseEvent('close').isTrusted]).toEqual([false, false]);
  });

  it('has what every event has', async () => {
    const ws = await open();
    ws.send('hello');
    const seen: unknown[] = [];
    const started = performance.now();
    ws.addEventListener('message', (event) => {
      const { type, target, currentTarget, eventPhase, bubbles, cancelable, composed } = event;
      seen.push(type, target, currentTarget, eventPhase, bubbles, cancelable, composed, event.composedPath());
    });
    const event = await nextEvent(ws, 'message');
    expect(seen).toEqual(['message', ws, ws, AT_TARGET, false, false, false, [ws]]);
    expect(event.timeStamp).toBeGreaterThanOrEqual(started);
    expect([event.target, event.currentTarget, event.eventPhase]).toEqual([ws, null, NONE]);
  });

  it('of a message has the origin of the URL, and what the standard says of the rest', async () => {
    const { data, origin: ofMessage, lastEventId, source, ports } = await messageEvent();
    expect({ data, ofMessage, lastEventId, source, ports }).toEqual({
      data: 'hello',
      ofMessage: origin,
      lastEventId: '',
      source: null,
      ports: [],
    });
    expect(Object.isFrozen(ports)).toBe(true);
  });

  it('of a closed connection has the peer’s code and reason', async () => {
    const { code, reason, wasClean } = await closeEvent();
    expect({ code, reason, wasClean }).toEqual({ code: 4001, reason: 'enough', wasClean: true });
  });

  it('can be copied, by our constructor and by the platform’s', async () => {
    const [message, close] = [await messageEvent(), await closeEvent()];
    for (const constructor of [MessageEvent, platform['MessageEvent']]) {
      expect(constructor && new constructor('copy', message)).toMatchObject({ type: 'copy', data: 'hello', origin });
    }
    // Only newer versions of Node have it.
    for (const constructor of [CloseEvent, platform['CloseEvent'] ?? CloseEvent]) {
      expect(new constructor('copy', close)).toMatchObject({ code: 4001, reason: 'enough', wasClean: true });
    }
    const ofPlatform = platform['MessageEvent'] && new platform['MessageEvent']('message', { data: 7, lastEventId: 'a' });
    expect(new MessageEvent('copy', ofPlatform as MessageEvent)).toMatchObject({ data: 7, lastEventId: 'a' });
  });

  it('can be dispatched again, on its socket or on another target, once its listeners have run', async () => {
    const ws = await open();
    const other = new EventTarget();
    const heard: unknown[] = [];
    other.addEventListener('message', (event) => heard.push(['other', (event as MessageEvent).data, event.target === other]));
    ws.send('hello');
    const tooEarly = (event: Event) => {
      heard.push(catching(() => other.dispatchEvent(event)) instanceof Error);
    };
    ws.addEventListener('message', tooEarly, { once: true });
    ws.addEventListener('message', (event) => {
      heard.push(['socket', event.data, event.target === ws]);
    });
    const event = await nextEvent(ws, 'message');
    other.dispatchEvent(event);
    ws.dispatchEvent(event);
    expect(heard).toEqual([
      true,
      ['socket', 'hello', true],
      ['other', 'hello', true],
      ['socket', 'hello', true],
    ]);
  });

  it('is shown with what it says', async () => {
    const [message, close] = [await messageEvent(), await closeEvent()];
    const shown = (event: Event) => inspect(event, { breakLength: Infinity });
    expect(shown(message)).toBe(`MessageEvent { type: 'message', data: 'hello', origin: '${origin}' }`);
    expect(shown(close)).toBe("CloseEvent { type: 'close', code: 4001, reason: 'enough', wasClean: true }");
    expect(inspect([[[message, close]]])).toContain('[ [MessageEvent], [CloseEvent] ]');
  });

  it('is printed by console.log as it is inspected', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const { Console } = await import('node:console');
    try {
      new Console(process.stdout).log(new CloseEvent('close', { code: 1000 }));
      expect(write).toHaveBeenCalledWith(expect.stringContaining("CloseEvent { type: 'close', code: 1000"), expect.anything());
    } finally {
      write.mockRestore();
    }
  });
});

describe('an error event', () => {
  it('is a plain Event, whose error and message are its own and not enumerable', async () => {
    const event = await errorEvent();
    expect(event.constructor).toBe(Event);
    expect(Object.prototype.toString.call(event)).toBe('[object Event]');
    const { error, message } = event;
    for (const [name, value] of Object.entries({ error, message })) {
      expect(Object.getOwnPropertyDescriptor(event, name)).toMatchObject({ value, enumerable: false });
    }
    expect(Object.keys(event)).toEqual(Object.keys(new Event('error')));
    expect(['data' in event, 'code' in event, 'reason' in event]).toEqual([false, false, false]);
  });

  it('says what went wrong', async () => {
    const { error, message } = await errorEvent();
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ statusCode: 401, headers: { 'x-reason': 'nobody' } });
    expect(message).toBe(error.message);
    expect(message).toContain('401');
  });

  it('has an error with a code when nobody listens at the address', async () => {
    const { port } = httpServer.address() as AddressInfo;
    await once(httpServer.close(), 'close');
    const ws = new WebSocket(`ws://127.0.0.1:${String(port)}/`);
    const { error, message } = (await nextEvent(ws, 'error')) as WebSocketErrorEvent;
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(message).not.toBe('');
    await once(ws, 'close');
    await once(httpServer.listen(0, '127.0.0.1'), 'listening');
  });

  it('is shown with what it says', async () => {
    const event = await errorEvent();
    const shown = inspect(event);
    expect(shown).toContain("Event {\n  type: 'error'");
    expect(shown).toContain(event.message);
    expect(shown).toContain('HandshakeError');
    expect(inspect([[[event]]])).toContain('[Event]');
  });
});

describe('a WebSocket', () => {
  it('is a target for events.once and events.on', async () => {
    const ws = await open();
    for (const text of ['one', 'two', 'three']) ws.send(text);
    const heard: unknown[] = [];
    for await (const [event] of on(ws, 'message') as AsyncIterable<[MessageEvent]>) {
      heard.push(event.data);
      if (heard.length === 3) break;
    }
    expect(heard).toEqual(['one', 'two', 'three']);
  });

  it('drops a listener when its signal is aborted', async () => {
    const ws = await open();
    const controller = new AbortController();
    const heard: string[] = [];
    ws.addEventListener('message', ({ data }) => heard.push(`until aborted: ${String(data)}`), { signal: controller.signal });
    ws.addEventListener('message', ({ data }) => heard.push(`always: ${String(data)}`));
    ws.addEventListener('message', () => heard.push('never'), { signal: AbortSignal.abort() });
    ws.send('one');
    await once(ws, 'message');
    controller.abort();
    ws.send('two');
    await once(ws, 'message');
    expect(heard).toEqual(['until aborted: one', 'always: one', 'always: two']);
  });

  it('takes listeners by the methods of EventTarget.prototype', async () => {
    const ws = await open();
    const { prototype } = EventTarget;
    const heard: unknown[] = [];
    const listener = (event: Event) => heard.push((event as MessageEvent).data);
    prototype.addEventListener.call(ws, 'message', listener);
    ws.send('sent');
    await once(ws, 'message');
    expect(prototype.dispatchEvent.call(ws, new MessageEvent('message', { data: 'dispatched' }))).toBe(true);
    prototype.removeEventListener.call(ws, 'message', listener);
    ws.dispatchEvent(new MessageEvent('message', { data: 'not heard' }));
    expect(heard).toEqual(['sent', 'dispatched']);
  });

  it('calls objects with handleEvent, and a listener that is there twice once', async () => {
    const ws = await open();
    const listener = { handleEvent: vi.fn() };
    ws.addEventListener('message', listener);
    ws.addEventListener('message', listener);
    ws.send('hello');
    const event = await nextEvent(ws, 'message');
    expect(listener.handleEvent.mock.calls).toEqual([[event]]);
    expect(listener.handleEvent.mock.contexts).toEqual([listener]);
  });
});

describe('a MessageEvent that is constructed', () => {
  const construct = (init: object) => new MessageEvent('message', init);

  it('keeps its data as it is', () => {
    const data = { of: 'any type' };
    expect(construct({ data }).data).toBe(data);
    expect(construct({ data: undefined }).data).toBe(null);
  });

  it('has strings, of which the origin has no lone surrogates', () => {
    expect(construct({ origin: '\ud800', lastEventId: '\ud800' })).toMatchObject({ origin: '\ufffd', lastEventId: '\ud800' });
    expect(construct({ origin: 1, lastEventId: null })).toMatchObject({ origin: '1', lastEventId: 'null' });
    expect(() => construct({ origin: Symbol('origin') })).toThrow(TypeError);
  });

  it('has a frozen array of ports, from anything iterable', () => {
    const { port1, port2 } = new MessageChannel();
    const { ports, source } = construct({ ports: new Set([port1, port2]), source: port1 });
    expect(ports).toEqual([port1, port2]);
    expect(Object.isFrozen(ports)).toBe(true);
    expect(source).toBe(port1);
    for (const wrong of [{ ports: null }, { ports: 1 }, { ports: {} }, { source: 'a string' }]) {
      expect(() => construct(wrong)).toThrow(TypeError);
    }
    port1.close();
  });

  it('takes the members of every event', () => {
    const init = { bubbles: true, cancelable: true, composed: true };
    expect(construct(init)).toMatchObject(init);
    const event = construct(init);
    event.preventDefault();
    expect(event.defaultPrevented).toBe(true);
  });

  it('converts its type', () => {
    expect(new MessageEvent(null as never).type).toBe('null');
    expect(() => new MessageEvent(Symbol('type') as never)).toThrow(TypeError);
  });

  it('can be initialised anew, but not while it is dispatched', () => {
    const event = construct({ data: 1, origin: 'a' });
    const target = new EventTarget();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- it is what is tested
    const initialise = (...args: Parameters<MessageEvent['initMessageEvent']>) => { event.initMessageEvent(...args); };
    target.addEventListener('message', () => { initialise('other', false, false, 2); });
    target.dispatchEvent(event);
    expect(event).toMatchObject({ type: 'message', data: 1, origin: 'a' });

    initialise('other', true, true, 2, 'b', 'c');
    expect(event).toMatchObject({ type: 'other', bubbles: true, cancelable: true, data: 2, origin: 'b', lastEventId: 'c' });
    initialise('message');
    expect(event).toMatchObject({ type: 'message', bubbles: false, data: null, origin: '', lastEventId: '', ports: [] });
  });
});

describe('a CloseEvent that is constructed', () => {
  it.each([
    [1000, 1000],
    [65_536 + 1000, 1000],
    [-1, 65_535],
    [1000.9, 1000],
    ['1000', 1000],
    [NaN, 0],
    [Infinity, 0],
    [null, 0],
  ])('has for %s the code %s', (code, expected) => {
    expect(new CloseEvent('close', { code: code as number }).code).toBe(expected);
  });

  it('has a reason without lone surrogates, and a boolean', () => {
    expect(new CloseEvent('close', { reason: '\ud800', wasClean: 1 as never })).toMatchObject({ reason: '\ufffd', wasClean: true });
    expect(new CloseEvent('close', { reason: null as never, wasClean: '' as never })).toMatchObject({
      reason: 'null',
      wasClean: false,
    });
    for (const wrong of [{ reason: Symbol('reason') }, { code: 1n }, { code: Symbol('code') }]) {
      expect(() => new CloseEvent('close', wrong as never)).toThrow(TypeError);
    }
  });
});
