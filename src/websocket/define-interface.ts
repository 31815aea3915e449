/**
 * What Web IDL says of an interface's objects (section 3.7) and a class does not do by itself. It knows no WebSocket.
 */

/** What an interface has, besides its constructor. */
export interface InterfaceMembers {
  /** The names of its attributes and operations. */
  readonly members: readonly string[];
  readonly constants?: Readonly<Record<string, number>>;
}

/**
 * Gives a class the shape of an interface: enumerable members, constants on both of its objects, a string tag, and the
 * name, which a bundler may have changed in the class.
 */
export function defineInterface(
  constructor: { readonly prototype: object },
  name: string,
  { members, constants = {} }: InterfaceMembers,
): void {
  const { prototype } = constructor;
  Object.defineProperty(constructor, 'name', { value: name, configurable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  for (const member of members) Object.defineProperty(prototype, member, { enumerable: true });
  for (const [constant, value] of Object.entries(constants)) {
    const descriptor = { value, enumerable: true, configurable: false, writable: false };
    Object.defineProperty(constructor, constant, descriptor);
    Object.defineProperty(prototype, constant, descriptor);
  }
}
