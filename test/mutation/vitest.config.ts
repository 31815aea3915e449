// The tests that judge mutants: those that see the engine from near by. The rest of the suite sees it through other
// programs, and would take hours.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'test/{protocol,handshake,connection,classic,security,websocket,state-machine}/**/*.test.ts',
      'test/*.test.ts',
    ],
    exclude: ['test/protocol/without-webassembly.test.ts', 'test/browser.test.ts'],
    testTimeout: 20_000,
  },
});
