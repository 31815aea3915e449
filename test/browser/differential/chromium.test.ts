/**
 * The recording that our class is compared with, held against the browser itself.
 * `npm run differential -- --update` records anew.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { describeInChromium } from '../chromium.js';
import { recordInChromium } from './record-in-chromium.js';
import { readRecording, recordingPath, type Recording } from './recording.js';

describeInChromium('the recorded traces', (browser) => {
  it('are what Chromium does', { timeout: 60_000 }, async () => {
    const traces = await recordInChromium(browser(), 5000);
    const recorded = readRecording();
    // A newer version that does the same is no reason to record anew.
    const isSame = isDeepStrictEqual(traces, recorded.traces);
    const now: Recording = { browser: isSame ? recorded.browser : `Chromium ${browser().version()}`, traces };
    await expect(`${JSON.stringify(now, undefined, 1)}\n`).toMatchFileSnapshot(recordingPath);
  });
});
