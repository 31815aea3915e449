/**
 * The demo's page in a real browser, against the demo's real server.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import WebSocket from 'ws';
import { describeInChromium } from './chromium.js';
import { DemoProgram } from './demo-program.js';

describeInChromium('the demo page in Chromium', (browser) => {
  let demo: DemoProgram;
  let context: BrowserContext;
  /** What went wrong in the pages: script errors, and violations of the Content-Security-Policy. */
  const complaints: string[] = [];

  beforeAll(async () => {
    demo = await DemoProgram.listening();
    // Without the chart's motion, which takes a browser without a graphics card most of its time.
    context = await browser().newContext({ reducedMotion: 'reduce' });
  });

  afterEach(async () => {
    await Promise.all(context.pages().map((page) => page.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await context.close();
    await demo.stop();
  });

  async function openPage(): Promise<Page> {
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // A connection that cannot be made is reported on the console too: two tests are about that.
      const isComplaint = message.type() === 'error' && !message.text().includes('ERR_CONNECTION_REFUSED');
      if (isComplaint) complaints.push(message.text());
    });
    await page.goto(demo.url);
    await state(page, 'Open').waitFor();
    return page;
  }

  function state(page: Page, text: string): Locator {
    return page.getByRole('status').getByText(text, { exact: true });
  }

  function entry(page: Page, kind: 'sent' | 'received' | 'event' | 'problem', text: string): Locator {
    return page.locator(`#entries > .${kind}`, { hasText: text });
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Message' }).fill(text);
    await page.keyboard.press('Enter');
  }

  async function visitorNumber(page: Page): Promise<string> {
    const present = await page.getByText(/^You are visitor \d+ · \d+ here$/).textContent();
    return /\d+/.exec(present ?? '')?.[0] ?? '';
  }

  async function closeWith(page: Page, code: string, reason: string): Promise<void> {
    await page.getByLabel('Code').fill(code);
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  }

  it('gets a text back from the echo', async () => {
    const page = await openPage();
    await page.getByLabel('Only me (echo)').check();
    await say(page, 'one\ntwo — żółw');
    await entry(page, 'sent', 'one\ntwo — żółw').waitFor();
    const echo = entry(page, 'received', 'one\ntwo — żółw');
    await echo.waitFor();
    expect(await echo.locator('.who').textContent()).toBe('Echo');
    expect(await echo.locator('.size').textContent()).toBe('19 B');
  });

  it('chats with another page, and says when a message was delivered', async () => {
    const [here, there] = [await openPage(), await openPage()];
    await say(here, 'hello over there');
    const heard = entry(there, 'received', 'hello over there');
    await heard.waitFor();
    expect(await heard.locator('.who').textContent()).toBe(`Visitor ${await visitorNumber(here)}`);
    await entry(here, 'sent', 'hello over there').getByText('delivered').waitFor();

    await say(there, 'hello yourself');
    await entry(here, 'received', 'hello yourself').waitFor();
  });

  it('shows what others write as text, never as markup', async () => {
    const [here, there] = [await openPage(), await openPage()];
    const markup = '<img src="/nowhere" onerror="document.title = 1"><b>bold</b>';
    await say(here, markup);
    const heard = entry(there, 'received', '<b>bold</b>').locator('.body');
    await heard.waitFor();
    expect(await heard.textContent()).toBe(markup);
    expect(await there.title()).toBe('Watershed demo');
  });

  it.each([
    { to: 'Only me (echo)', size: 100_000 },
    { to: 'Everyone', size: 1_000_000 },
  ])('sends a file of $size bytes to $to, where it can be downloaded byte for byte', async ({ to, size }) => {
    const [here, there] = [await openPage(), await openPage()];
    const receiver = to === 'Everyone' ? there : here;
    const content = randomBytes(size);
    await here.getByLabel(to).check();
    const file = { name: 'river.bin', mimeType: 'application/octet-stream', buffer: content };
    await here.getByLabel('Send a file').setInputFiles(file);

    const [download] = await Promise.all([
      receiver.waitForEvent('download'),
      receiver.getByRole('link', { name: 'Download river.bin' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('river.bin');
    expect((await buffer(await download.createReadStream())).equals(content)).toBe(true);
  });

  it('refuses to send a file that is larger than the server takes, and stays open', async () => {
    const page = await openPage();
    const folder = await mkdtemp(join(tmpdir(), 'watershed-'));
    const file = join(folder, 'flood.bin');
    await writeFile(file, '');
    await truncate(file, 16 * 1024 * 1024 + 1);
    await page.getByLabel('Send a file').setInputFiles(file);
    await entry(page, 'problem', 'flood.bin is too big').waitFor();
    await rm(folder, { recursive: true });
    expect(await state(page, 'Open').isVisible()).toBe(true);
  });

  it('asks the server for a ping and shows the round-trip time', async () => {
    const page = await openPage();
    await page.getByRole('button', { name: 'Ask for a ping' }).click();
    await entry(page, 'event', 'PONG after').waitFor();
    expect(await page.locator('#round-trip').textContent()).toMatch(/^\d+(\.\d\d)? ms$/);
  });

  it('draws the traffic and counts it', async () => {
    const page = await openPage();
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    const before = await colours(page);
    await page.getByRole('button', { name: 'Make some traffic' }).click();
    await page.waitForFunction(() => Number(document.getElementById('received-messages')?.textContent) > 5);
    await page.getByRole('button', { name: 'Stop the traffic' }).click();
    await page.waitForFunction(
      () =>
        document.getElementById('received-bytes')?.textContent !== '0 B' &&
        document.getElementById('sent-bytes')?.textContent !== '0 B',
    );
    // The page paints when the browser gives it a frame, which a busy machine does late.
    await expect.poll(() => colours(page), { timeout: 10_000 }).toBeGreaterThan(before);
  });

  /** How many pixels of the chart of messages are painted. */
  function colours(page: Page): Promise<number> {
    return page.locator('#message-chart').evaluate((canvas) => {
      if (!(canvas instanceof HTMLCanvasElement)) return 0;
      const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return pixels.filter((value, index) => index % 4 === 3 && value > 0).length;
    });
  }

  it('keeps the newest 500 entries of the log', async () => {
    const page = await openPage();
    const talkative = new WebSocket(demo.socketUrl);
    await once(talkative, 'open');
    for (let i = 0; i < 600; i++) {
      talkative.send(JSON.stringify({ type: 'text', to: 'everyone', text: `line ${String(i)}.` }));
    }
    await entry(page, 'received', 'line 599.').waitFor();
    expect(await page.locator('#entries > li').count()).toBe(500);
    talkative.close();
    await once(talkative, 'close');
  });

  it('closes with a code and a reason, which the others see, and connects again when asked to', async () => {
    const [here, there] = [await openPage(), await openPage()];
    const number = await visitorNumber(here);
    await closeWith(here, '4001', 'gone fishing');
    await state(here, 'Closed: 4001, gone fishing').waitFor();
    await entry(there, 'event', `Visitor ${number} left: 4001, gone fishing`).waitFor();

    expect(await here.getByText('Next attempt').isVisible()).toBe(false);
    await here.getByRole('button', { name: 'Connect now' }).click();
    await state(here, 'Open').waitFor();
  });

  it.each([
    { what: 'a code that a page may not send', code: '1001', reason: '', field: '#code' },
    { what: 'a code that is no number', code: 'abc', reason: '', field: '#code' },
    { what: 'a reason of more than 123 bytes', code: '1000', reason: 'ż'.repeat(62), field: '#reason' },
  ])('does not close with $what', async ({ code, reason, field }) => {
    const page = await openPage();
    await closeWith(page, code, reason);
    expect(await page.locator(field).evaluate((input) => input.matches(':invalid'))).toBe(true);
    expect(await state(page, 'Open').isVisible()).toBe(true);
  });

  it.each([
    { signal: 'SIGINT', shown: 'Closed: 1001, the demo server was stopped' },
    { signal: 'SIGKILL', shown: 'Closed: 1006, the connection was lost' },
  ] as const)('sees the server go away by $signal, and connects by itself again', async ({ signal, shown }) => {
    const page = await openPage();
    const { port } = demo;
    await demo.stop(signal);
    await state(page, shown).waitFor();
    await page.getByText(/^Next attempt in \d+ s$/).waitFor();

    demo = await DemoProgram.listening(port);
    await state(page, 'Open').waitFor();
    expect(await entry(page, 'event', 'Closed').allTextContents()).toEqual([expect.stringContaining(shown)]);
    await say(page, 'are you there again?');
    await entry(page, 'sent', 'are you there again?').getByText('delivered').waitFor();
  });
});
