/** The text of src/protocol/wasm-module.ts. */
export function compileModule(): Promise<string>;
