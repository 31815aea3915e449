/**
 * node:http as `require` gives it. An `import` reads everything that it exports, and from Node 22 on some of that loads
 * undici: 40 ms and 7 MB for a program that has no other use for it, and the end of it where there is no WebAssembly
 * (`--jitless` of Node 22).
 */
export const http = process.getBuiltinModule('node:http');
