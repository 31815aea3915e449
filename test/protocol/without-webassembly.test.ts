/**
 * The same tests where there is no WebAssembly: JavaScript alone does the same.
 */
import { vi } from 'vitest';

vi.hoisted(() => { vi.stubGlobal('WebAssembly', undefined); });

await import('./masking.test.js');
await import('./receiver.test.js');
await import('./receiver-splits.test.js');
await import('./receiver-utf8.test.js');
