/** What the tests use of webidl2, which comes without types. */
declare module 'webidl2' {
  export interface Argument {
    readonly name: string;
    readonly optional: boolean;
    readonly idlType: IdlType;
    readonly default: { readonly type: string; readonly value?: unknown } | null;
  }

  export interface IdlType {
    readonly idlType: string | IdlType[];
  }

  export type Member =
    | { readonly type: 'constructor'; readonly arguments: readonly Argument[] }
    | { readonly type: 'const'; readonly name: string; readonly value: { readonly value: string } }
    | { readonly type: 'attribute'; readonly name: string; readonly readonly: boolean; readonly idlType: IdlType }
    | { readonly type: 'operation'; readonly name: string; readonly arguments: readonly Argument[] }
    | { readonly type: 'field'; readonly name: string; readonly default: Argument['default'] };

  export type Definition =
    | { readonly type: 'interface' | 'dictionary'; readonly name: string; readonly inheritance: string; readonly members: readonly Member[] }
    | { readonly type: 'enum'; readonly name: string; readonly values: readonly { readonly value: string }[] }
    | { readonly type: 'typedef'; readonly name: string };

  export function parse(idl: string): Definition[];
}
