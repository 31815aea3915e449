// How the tests run, and how much of src/ they have to cover.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process for each file: what one leaves behind is never another's.
    pool: 'forks',
    // Vitest's own choice on two cores is one worker, but most tests wait for sockets more than they compute.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'html'],
      thresholds: {
        lines: 98,
        branches: 98,
        'src/protocol/**': { lines: 100, branches: 100 },
        'src/handshake/**': { lines: 100, branches: 100 },
      },
    },
  },
});
