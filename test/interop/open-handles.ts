/** Makes a test file fail when its tests leave a socket or a server behind. */
import { afterAll, expect, vi } from 'vitest';

export function expectNoOpenHandles(): void {
  // The test runner has handles of its own, which stay.
  const before = openHandles();
  afterAll(async () => {
    // A handle is gone a few turns of the event loop after its 'close'.
    await vi.waitFor(() => {
      expect(openHandles()).toEqual(before);
    }, { timeout: 10_000 });
  });
}

function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name.endsWith('Wrap')).sort();
}
