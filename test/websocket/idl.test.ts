/**
 * The shape of the WHATWG face, held against the standards' IDL: what Web IDL (https://webidl.spec.whatwg.org/) says
 * that an interface, its members and their conversions are in JavaScript.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parse, type Definition, type Member } from 'webidl2';
import * as watershed from '../../src/index.js';
import { CloseEvent, MessageEvent, WebSocket } from '../../src/index.js';

const definitions = parse(readFileSync(new URL('websockets.idl', import.meta.url), 'utf8'));

type Interface = Extract<Definition, { type: 'interface' | 'dictionary' }>;

function definitionsOf(type: Interface['type']): Interface[] {
  return definitions.filter((definition): definition is Interface => definition.type === type);
}

function membersOf<T extends Member['type']>({ members }: Interface, type: T): Extract<Member, { type: T }>[] {
  return members.filter((member): member is Extract<Member, { type: T }> => member.type === type);
}

function requiredArguments({ arguments: list }: Extract<Member, { type: 'constructor' | 'operation' }>): number {
  return list.filter(({ optional }) => !optional).length;
}

type Constructor = (new (...args: unknown[]) => object) & { readonly prototype: object };

function constructorOf(name: string): Constructor {
  return (watershed as unknown as Record<string, Constructor>)[name] as Constructor;
}

/** What is not an instance of anything here. */
const wrongReceivers = [undefined, null, {}, new EventTarget(), new Event('message')];

const blockedPort = 'ws://127.0.0.1:1/';
const sockets: WebSocket[] = [];

/** A socket that nothing is ever sent on. */
function connecting(): WebSocket {
  const ws = new WebSocket(blockedPort);
  sockets.push(ws);
  return ws;
}

async function closed(): Promise<WebSocket> {
  const ws = connecting();
  await once(ws, 'close');
  return ws;
}

afterEach(async () => {
  const open = sockets.splice(0).filter((ws) => ws.readyState !== WebSocket.CLOSED);
  await Promise.all(open.map((ws) => once(ws, 'close')));
});

it('the IDL has the three interfaces', () => {
  expect(definitionsOf('interface').map(({ name }) => name)).toEqual(['WebSocket', 'CloseEvent', 'MessageEvent']);
});

describe.each(definitionsOf('interface').map((definition) => [definition.name, definition] as const))(
  'the interface %s',
  (name, definition) => {
    const constructor = constructorOf(name);
    const { prototype } = constructor;
    const attributes = membersOf(definition, 'attribute').map((member) => [member.name, member] as const);
    const operations = membersOf(definition, 'operation').map((member) => [member.name, member] as const);
    const constants = membersOf(definition, 'const').map((member) => [member.name, member] as const);

    it('has a constructor that is called with new, and with the arguments that it requires', () => {
      const [member] = membersOf(definition, 'constructor');
      const required = member === undefined ? NaN : requiredArguments(member);
      expect(constructor).toBeTypeOf('function');
      expect(Object.getOwnPropertyDescriptor(constructor, 'name')).toEqual(fixed(name));
      expect(Object.getOwnPropertyDescriptor(constructor, 'length')).toEqual(fixed(required));
      expect(() => Reflect.apply(constructor as never, undefined, ['ws://127.0.0.1/'])).toThrow(TypeError);
      expect(() => new constructor()).toThrow(TypeError);
    });

    it('has the objects that Web IDL says, one below the other', () => {
      const parent = (globalThis as unknown as Record<string, Constructor>)[definition.inheritance];
      expect(Object.getPrototypeOf(constructor)).toBe(parent);
      expect(prototype).toBeInstanceOf(parent);
      expect(Object.getOwnPropertyDescriptor(constructor, 'prototype')).toEqual({
        value: prototype,
        writable: false,
        enumerable: false,
        configurable: false,
      });
      expect(Object.getOwnPropertyDescriptor(prototype, 'constructor')).toEqual({
        value: constructor,
        writable: true,
        enumerable: false,
        configurable: true,
      });
      expect(Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)).toEqual(fixed(name));
    });

    it('has nothing else', () => {
      const ofNode = name === 'WebSocket' ? ['accept', 'from'] : [];
      const names = [...attributes, ...operations, ...constants].map(([member]) => member);
      // An event's own isTrusted is the platform's, which knows nothing of ours.
      const ofEvent = definition.inheritance === 'Event' ? ['isTrusted'] : [];
      expect(Object.getOwnPropertyNames(prototype).sort()).toEqual(['constructor', ...names, ...ofEvent].sort());
      expect(Object.getOwnPropertyNames(constructor).sort()).toEqual(
        ['length', 'name', 'prototype', ...constants.map(([constant]) => constant), ...ofNode].sort(),
      );
    });

    it.runIf(constants.length > 0).each(constants)('has the constant %s on both of its objects', (constant, { value }) => {
      const descriptor = { value: Number(value.value), writable: false, enumerable: true, configurable: false };
      expect(Object.getOwnPropertyDescriptor(constructor, constant)).toEqual(descriptor);
      expect(Object.getOwnPropertyDescriptor(prototype, constant)).toEqual(descriptor);
    });

    it.each(attributes)('has the attribute %s as an accessor of its instances', (attribute, { readonly }) => {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, attribute);
      expect(descriptor).toMatchObject({ enumerable: true, configurable: true });
      expect([descriptor?.get?.name, descriptor?.get?.length]).toEqual([`get ${attribute}`, 0]);
      expect([descriptor?.set?.name, descriptor?.set?.length]).toEqual(readonly ? [undefined, undefined] : [`set ${attribute}`, 1]);
      for (const receiver of [...wrongReceivers, prototype]) {
        expect(() => descriptor?.get?.call(receiver) as unknown).toThrow(TypeError);
        if (!readonly) expect(() => descriptor?.set?.call(receiver, null)).toThrow(TypeError);
      }
    });

    it.runIf(operations.length > 0).each(operations)('has the operation %s as a method of its instances', (operation, member) => {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, operation);
      expect(descriptor).toMatchObject({ writable: true, enumerable: true, configurable: true });
      const method = descriptor?.value as (...args: unknown[]) => unknown;
      const required = requiredArguments(member);
      expect([method.name, method.length]).toEqual([operation, required]);
      expect(() => Reflect.construct(method, []) as unknown).toThrow(TypeError);
      for (const receiver of [...wrongReceivers, prototype]) {
        for (const count of [required, member.arguments.length]) {
          expect(() => method.apply(receiver, new Array<unknown>(count).fill([]))).toThrow(TypeError);
        }
      }
      if (required > 0) {
        const instance = name === 'WebSocket' ? connecting() : new constructor('message');
        expect(() => method.apply(instance, [])).toThrow(TypeError);
      }
    });
  },
);

/** A property as `name` and `length` of a function are. */
function fixed(value: unknown): PropertyDescriptor {
  return { value, writable: false, enumerable: false, configurable: true };
}

describe.each(definitionsOf('dictionary').map((definition) => [definition.name, definition] as const))(
  'the dictionary %s',
  (name, definition) => {
    const constructor = constructorOf(name.replace('Init', ''));
    const fields = membersOf(definition, 'field').map((field) => {
      return { name: field.name, value: defaultOf(field) };
    });
    const defaults = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    const fieldsOf = (event: object) =>
      Object.fromEntries(fields.map((field) => [field.name, Reflect.get(event, field.name) as unknown]));

    it.each([
      ['is missing', []],
      ['is undefined', [undefined]],
      ['is null', [null]],
      ['is empty', [{}]],
      ['has undefined members', [Object.fromEntries(fields.map((field) => [field.name, undefined]))]],
    ])('has the defaults when it %s', (_, args) => {
      expect(fieldsOf(new constructor('type', ...args))).toEqual(defaults);
    });

    it.each([[1], ['a string'], [true], [Symbol('a symbol')], [1n]])('is not made of %s', (value) => {
      expect(() => new constructor('type', value)).toThrow(TypeError);
    });

    it('has its members read in their order, after those of EventInit', () => {
      const read: PropertyKey[] = [];
      const init = new Proxy({}, { get: (_, key) => void read.push(key) });
      new constructor('type', init);
      const inOrder = fields.map((field) => field.name).sort();
      expect(read.filter((key) => inOrder.includes(String(key)))).toEqual(inOrder);
      expect(read.slice(-inOrder.length)).toEqual(inOrder);
    });
  },
);

function defaultOf({ default: value }: Extract<Member, { type: 'field' }>): unknown {
  if (value?.type === 'sequence') return [];
  return value?.type === 'number' ? Number(value.value) : (value?.value ?? null);
}

describe('an enumeration', () => {
  const [binaryType] = definitions.filter((definition) => definition.type === 'enum');
  const values = binaryType?.values.map(({ value }) => value) ?? [];

  it('is taken by its attribute, and anything else ignored', () => {
    const ws = connecting();
    expect(values).toContain(ws.binaryType);
    for (const value of values) {
      Reflect.set(ws, 'binaryType', { toString: () => value });
      expect(ws.binaryType).toBe(value);
      for (const wrong of ['', 'Blob', ` ${value}`, 'nodebuffer', null, undefined, 1, {}]) {
        Reflect.set(ws, 'binaryType', wrong);
        expect(ws.binaryType).toBe(value);
      }
    }
    expect(() => Reflect.set(ws, 'binaryType', Symbol('blob'))).toThrow(TypeError);
  });
});

describe('an event handler attribute', () => {
  const handlers = definitionsOf('interface')
    .flatMap((definition) => membersOf(definition, 'attribute'))
    .filter(({ idlType }) => idlType.idlType === 'EventHandler')
    .map(({ name }) => [name, name.slice(2)] as const);

  it('is there for each event of a WebSocket', () => {
    expect(handlers.map(([, type]) => type).sort()).toEqual(['close', 'error', 'message', 'open']);
  });

  it.each(handlers)('%s takes functions and objects, and null for anything else', (name) => {
    const ws = connecting();
    expect(Reflect.get(ws, name)).toBe(null);
    for (const handler of [() => undefined, Date, { handleEvent: () => undefined }, [], new Date()]) {
      expect(Reflect.set(ws, name, handler)).toBe(true);
      expect(Reflect.get(ws, name)).toBe(handler);
    }
    for (const nothing of [null, undefined, 0, 1, '', 'a string', true, Symbol('a symbol'), 1n]) {
      Reflect.set(ws, name, () => undefined);
      expect(Reflect.set(ws, name, nothing)).toBe(true);
      expect(Reflect.get(ws, name)).toBe(null);
    }
  });

  it.each(handlers)('%s is called with the event and with the socket as this', (name, type) => {
    const ws = connecting();
    const calls: unknown[] = [];
    // Node ends the dispatch after the first listener, as far as the event knows.
    ws.addEventListener(type, () => undefined);
    Reflect.set(ws, name, function (this: unknown, ...args: unknown[]) {
      calls.push([this, args]);
    });
    const event = new Event(type);
    ws.dispatchEvent(event);
    expect(calls).toEqual([[ws, [event]]]);
    Reflect.set(ws, name, null);
    ws.dispatchEvent(new Event(type));
    expect(calls.length).toBe(1);
  });

  it.each(handlers)('%s keeps its place when it is replaced, and loses it when it is removed', (name, type) => {
    const ws = connecting();
    const calls: string[] = [];
    const set = (value: string | null) => Reflect.set(ws, name, value === null ? null : () => calls.push(value));
    ws.addEventListener(type, () => calls.push('first'));
    set('handler');
    ws.addEventListener(type, () => calls.push('last'));
    set('replaced');
    ws.dispatchEvent(new Event(type));
    set(null);
    set('set again');
    ws.dispatchEvent(new Event(type));
    expect(calls).toEqual(['first', 'replaced', 'last', 'first', 'last', 'set again']);
  });

  it.each(handlers)('%s calls no handleEvent, but keeps the place of its object', (name, type) => {
    const ws = connecting();
    const handleEvent = vi.fn();
    const calls: string[] = [];
    Reflect.set(ws, name, { handleEvent });
    ws.addEventListener(type, () => calls.push('listener'));
    ws.dispatchEvent(new Event(type));
    Reflect.set(ws, name, () => calls.push('handler'));
    ws.dispatchEvent(new Event(type));
    expect(handleEvent).not.toHaveBeenCalled();
    expect(calls).toEqual(['listener', 'handler', 'listener']);
  });

  it.each(handlers)('%s cancels the event when it returns false, and nothing else', (name, type) => {
    const ws = connecting();
    for (const [returned, isCancelled] of [[false, true], [undefined, false], [0, false], [null, false], [true, false]]) {
      Reflect.set(ws, name, () => returned);
      const event = new Event(type, { cancelable: true });
      expect(ws.dispatchEvent(event)).toBe(isCancelled !== true);
      expect(event.defaultPrevented).toBe(isCancelled);
    }
  });
});

describe('the arguments of the constructor', () => {
  const throwing = (message: string) => ({
    toString: () => {
      throw new Error(message);
    },
  });

  it.each([
    ['a URL that is a Symbol', [Symbol('url')]],
    ['a URL that cannot be made a string', [Object.create(null)]],
    ['a subprotocol that is a Symbol', [blockedPort, Symbol('a')]],
    ['a list with a Symbol', [blockedPort, [Symbol('a')]]],
    ['an iterator that is no function', [blockedPort, { [Symbol.iterator]: 1 }]],
  ])('are converted: %s is a TypeError', (_, args) => {
    expect(() => Reflect.construct(WebSocket, args) as unknown).toThrow(TypeError);
  });

  it.each([
    ['undefined is a relative URL', [undefined]],
    ['null is one too', [null]],
    ['a list is made of any iterable', [blockedPort, new Set(['a b'])]],
    ['a generator is one', [blockedPort, (function* () { yield 'a b'; })()]],
    ['a string is one subprotocol, not a list of characters', [blockedPort, 'aa bb']],
    ['the elements of a list are made strings', [blockedPort, [1, { toString: () => '1' }]]],
    ['an empty string is no subprotocol', [blockedPort, '']],
    ['nor is one in a list', [blockedPort, ['']]],
  ])('are converted: %s, which is a SyntaxError here', (_, args) => {
    let thrown: unknown;
    try {
      Reflect.construct(WebSocket, args);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DOMException);
    expect(thrown).toMatchObject({ name: 'SyntaxError', code: DOMException.SYNTAX_ERR });
  });

  it('are converted in their order, before anything is checked', () => {
    const construct = (...args: unknown[]) => () => Reflect.construct(WebSocket, args) as unknown;
    expect(construct(throwing('the URL'), [throwing('the subprotocol')])).toThrow('the URL');
    expect(construct('not a URL', [throwing('the subprotocol')])).toThrow('the subprotocol');
  });

  it('may be undefined, a URL object, or anything with a toString', () => {
    for (const args of [[blockedPort, undefined], [new URL(blockedPort), []], [{ toString: () => blockedPort }]]) {
      const ws = Reflect.construct(WebSocket, args) as WebSocket;
      sockets.push(ws);
      expect(ws.url).toBe(blockedPort);
    }
  });

  it('have the lone surrogates of the URL replaced', () => {
    const ws = new WebSocket(`${blockedPort}\ud800`);
    sockets.push(ws);
    expect(ws.url).toBe(`${blockedPort}%EF%BF%BD`);
  });
});

describe('the arguments of close', () => {
  it.each([
    ['undefined', undefined],
    ['a string', '1000'],
    ['an object', { valueOf: (): number => 1000 }],
    ['a fraction, rounded down', 1000.4],
    ['a half, rounded to the even number above', 999.5],
    ['a half, rounded to the even number below', 1000.5],
    ['4999.4', 4999.4],
  ])('take %s as a code', async (_, code) => {
    const ws = await closed();
    ws.close(code as number);
  });

  it.each([
    ['null, which is 0', null],
    ['NaN, which is 0', NaN],
    ['Infinity, which is clamped', Infinity],
    ['-1, which is clamped', -1],
    ['1000 and 65536, which is clamped and not wrapped', 66_536],
    ['1001', 1001],
    ['2999.4', 2999.4],
    ['4999.5, which is rounded up', 4999.5],
    ['an object, which is NaN', {}],
  ])('do not take %s as a code', async (_, code) => {
    const ws = await closed();
    const error: unknown = catching(() => { ws.close(code as number); });
    expect(error).toMatchObject({ name: 'InvalidAccessError', code: DOMException.INVALID_ACCESS_ERR });
  });

  it('are a TypeError where they cannot be converted', async () => {
    const ws = await closed();
    for (const code of [1000n, Symbol('1000')]) expect(() => { ws.close(code as never); }).toThrow(TypeError);
    expect(() => { ws.close(1000, Symbol('done') as never); }).toThrow(TypeError);
  });

  it('have the reason measured in bytes, after its lone surrogates were replaced', async () => {
    const ws = await closed();
    ws.close(1000, 'r'.repeat(123));
    ws.close(1000, '\ud800'.repeat(41));
    ws.close(1000, { toString: () => 'done' } as never);
    for (const reason of ['r'.repeat(124), '\ud800'.repeat(42), 'ż'.repeat(62)]) {
      const error = catching(() => { ws.close(1000, reason); });
      expect(error).toMatchObject({ name: 'SyntaxError', code: DOMException.SYNTAX_ERR });
    }
    // The code is looked at first.
    expect(catching(() => { ws.close(1, 'r'.repeat(124)); })).toMatchObject({ name: 'InvalidAccessError' });
  });

  function catching(call: () => void): unknown {
    try {
      call();
    } catch (error) {
      return error;
    }
    return undefined;
  }
});

describe('the argument of send', () => {
  // What is sent on a closed socket is counted and dropped.
  it.each([
    ['a string, as UTF-8', 'żółw', 7],
    ['a string with a lone surrogate, as U+FFFD', '\ud800', 3],
    ['a number, as text', 1.5, 3],
    ['null, as text', null, 4],
    ['undefined, as text', undefined, 9],
    ['an object, as text', { toString: () => 'text' }, 4],
    ['an array, as text', [1, 2], 3],
    ['an ArrayBuffer', new ArrayBuffer(5), 5],
    ['a view, in its bounds', new Uint16Array(new ArrayBuffer(10), 2, 3), 6],
    ['a DataView', new DataView(new ArrayBuffer(10), 1, 2), 2],
    ['a Buffer', Buffer.from('text'), 4],
    ['a Blob', new Blob(['text']), 4],
    ['a detached ArrayBuffer, as an empty message', detachedView().buffer, 0],
    ['a view of a detached ArrayBuffer, as an empty message', detachedView(), 0],
  ])('is %s', async (_, data, length) => {
    const ws = await closed();
    ws.send(data as string);
    expect(ws.bufferedAmount).toBe(length);
  });

  it.each([
    ['a SharedArrayBuffer', () => new SharedArrayBuffer(1)],
    ['a view of a SharedArrayBuffer', () => new Uint8Array(new SharedArrayBuffer(1))],
    ['a resizable ArrayBuffer', resizable],
    ['a view of a resizable ArrayBuffer', () => new Uint8Array(resizable())],
    ['a Symbol', () => Symbol('text')],
    ['an object without a string', () => Object.create(null) as unknown],
  ])('is a TypeError when it is %s, before the ready state is looked at', (_, data) => {
    const ws = connecting();
    expect(() => {
      ws.send(data() as string);
    }).toThrow(TypeError);
    expect(() => {
      ws.send('text');
    }).toThrow(expect.objectContaining({ name: 'InvalidStateError' }) as Error);
  });

  function detachedView(): Uint8Array {
    const view = new Uint8Array(8);
    structuredClone(view, { transfer: [view.buffer] });
    return view;
  }

  function resizable(): ArrayBuffer {
    // The types of ES2023 do not know the second argument.
    return Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]) as ArrayBuffer;
  }
});

describe('an instance', () => {
  it('takes properties of others, and is no promise', () => {
    const ws = Object.assign(connecting(), { identifier: 7, ping: () => 'own' });
    expect([ws.identifier, ws.ping(), 'then' in ws]).toEqual([7, 'own', false]);
  });

  it('has no property of its own', () => {
    expect(Reflect.ownKeys(connecting()).filter((key) => typeof key === 'string')).toEqual([]);
    for (const event of [new MessageEvent('message'), new CloseEvent('close')]) {
      expect(Object.keys(event).filter((key) => key !== 'isTrusted')).toEqual([]);
    }
  });
});
