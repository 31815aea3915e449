/**
 * What a browser bundle and workerd get in place of index.ts, under the same names: the platform's own WebSocket and
 * events. It knows nothing of Node, and does nothing when it is imported; its types are those of index.ts.
 */
export { HandshakeError, ProtocolError, WatershedError } from './errors.js';

export const WebSocket = /* @__PURE__ */ platformClass('WebSocket');
export const MessageEvent = /* @__PURE__ */ platformClass('MessageEvent');
export const CloseEvent = /* @__PURE__ */ platformClass('CloseEvent');

export const Watershed = /* @__PURE__ */ classOfNode('Watershed', [
  'accept',
  'broadcast',
  'connect',
  'generateKey',
  'guard',
  'reject',
  'requestHeaders',
]);
export const WatershedConnection = /* @__PURE__ */ classOfNode('WatershedConnection', ['from']);

type Class = (new (...args: never) => object) & ((...args: never) => unknown);

/**
 * Stands for the class that the global variable holds when it is used, not when this module is imported: a page may
 * replace it in between, and an export cannot be a getter.
 */
function platformClass(name: string): Class {
  const current = (): Class => {
    const value = (globalThis as unknown as Readonly<Record<string, Class | undefined>>)[name];
    if (value === undefined) throw new ReferenceError(`This platform has no ${name}`);
    return value;
  };
  // A bound function has no property that a trap would have to agree with, as another's `prototype` is.
  const target: unknown = function () {}.bind(undefined);
  const proxy: Class = new Proxy(target as Class, {
    construct: (_, args, newTarget) =>
      Reflect.construct(current(), args, newTarget === proxy ? current() : newTarget) as object,
    apply: (_, thisArgument, args) => Reflect.apply(current(), thisArgument, args) as unknown,
    get: (_, key) => Reflect.get(current(), key) as unknown,
    set: (_, key, value) => Reflect.set(current(), key, value),
    has: (_, key) => Reflect.has(current(), key),
  });
  return proxy;
}

/** A class that says, when it or one of its static methods is called, that it needs Node. */
function classOfNode(name: string, methods: readonly string[]): object {
  return Object.assign(
    needsNode(name),
    Object.fromEntries(methods.map((method) => [method, needsNode(`${name}.${method}`)])),
  );
}

function needsNode(name: string): () => never {
  return function () {
    throw new Error(`${name} needs Node.js: in a browser the package 'watershed' is the platform's WebSocket`);
  };
}
