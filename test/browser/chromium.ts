/**
 * Finds and launches the Chromium that the browser tests drive. Knows nothing of what they test.
 */
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { describeIfInstalled, isExecutable } from '../installed-program.js';

const USUAL_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

// No request of the browser's own, so that what a test sees is what its page did.
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Like vitest's `describe`, with a browser that is launched before the tests and closed after them, and with what
 * `describeIfInstalled` does where there is none.
 */
export function describeInChromium(name: string, tests: (browser: () => Browser) => void): void {
  const missing = 'No Chromium was found; CHROMIUM_PATH can name one';
  describeIfInstalled(name, findChromium(), missing, (executablePath) => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: ARGUMENTS });
    });
    afterAll(async () => {
      await browser?.close();
    });
    tests(() => {
      if (browser === undefined) throw new Error('The browser is there in tests and hooks alone.');
      return browser;
    });
  });
}

/** The one that `CHROMIUM_PATH` names, else the first of the usual ones that can be run. */
function findChromium(): string | undefined {
  const named = process.env['CHROMIUM_PATH'];
  // A name that leads nowhere is a mistake, which another browser in its place would hide: launching it fails.
  if (named !== undefined && named !== '') return named;
  return USUAL_PATHS.find(isExecutable);
}
