/**
 * Records the traces of a browser's own WebSocket, in a page of the scenarios' server.
 */
import type { Browser } from 'playwright-core';
import type { Traces } from './record-in-node.js';
import { refusedUrl, startScenarioServer } from './server.js';

/** Runs in the page. As text, because the test runner rewrites imports in functions. */
const SCRIPT = `async ({ base, refused, patience }) => {
  const [{ record }, { scenarios }] = await Promise.all([import('/recorder.js'), import('/scenarios/index.js')]);
  const onUncaught = (listener) => {
    const onError = (event) => {
      event.preventDefault();
      listener(event.error);
    };
    addEventListener('error', onError);
    return () => removeEventListener('error', onError);
  };
  return record(scenarios, { WebSocket, base, refused, onUncaught, patience });
}`;

/** @param patience milliseconds after which a scenario is given up */
export async function recordInChromium(browser: Browser, patience: number): Promise<Traces> {
  const server = await startScenarioServer();
  const page = await browser.newPage();
  try {
    await page.goto(server.url);
    const settings = { base: server.url.replace('http', 'ws'), refused: await refusedUrl(), patience };
    return await page.evaluate<Traces>(`(${SCRIPT})(${JSON.stringify(settings)})`);
  } finally {
    await page.close();
    await server.close();
  }
}
