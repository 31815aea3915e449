/** The chat example: its page in Chromium, several times, and its server with clients that do not behave. */
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeInChromium } from '../browser/chromium.js';
import { expectToStop, Program, useServer } from './program.js';
import { Client, refusalOf } from './ws-client.js';

describeInChromium('the chat page in Chromium', (browser) => {
  let context: BrowserContext;
  const complaints: string[] = [];

  beforeAll(async () => {
    context = await browser().newContext();
    context.on('weberror', (error) => complaints.push(error.error().message));
    context.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
  });

  afterEach(async () => {
    await Promise.all(context.pages().map((page) => page.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await context.close();
  });

  async function enter(server: Program, name: string): Promise<Page> {
    const page = await context.newPage();
    await page.goto(server.pageUrl());
    await page.getByRole('status').getByText('Connected').waitFor();
    await page.getByRole('textbox', { name: 'Your name' }).fill(name);
    await page.keyboard.press('Enter');
    return page;
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Your message' }).fill(text);
    await page.keyboard.press('Enter');
  }

  it('lets several people talk, shows what they type as text, and says when the server is gone', async () => {
    const server = await Program.listening('chat/server.mjs');
    const [ada, bob] = [await enter(server, 'Ada'), await enter(server, '<i>Bob</i>')];
    await ada.getByText('Here: Ada, <i>Bob</i>').waitFor();
    await say(ada, 'hello');
    await bob.getByText('Ada: hello').waitFor();
    const markup = '<img src="/nowhere" onerror="document.title = 1"><b>bold</b>';
    await say(bob, markup);
    const heard = ada.locator('#said > li', { hasText: 'bold' });
    await heard.waitFor();
    expect(await heard.textContent()).toBe(`<i>Bob</i>: ${markup}`);
    expect(await ada.title()).toBe('Chat');

    await bob.close();
    await ada.getByText('Here: Ada', { exact: true }).waitFor();
    await expectToStop(server);
    await ada.getByRole('status').getByText('Closed: 1001').waitFor();
  });
});

describe('the chat server', () => {
  const server = useServer('chat/server.mjs');

  it('refuses pages of other sites', async () => {
    expect(await refusalOf(server().socketUrl(), { origin: 'http://example.com' })).toMatchObject({ status: 403 });
  });

  it.each([
    'hello',
    'null',
    '{"type":"say","text":"before entering"}',
    '{"type":"enter","name":" "}',
    '{"type":"enter","name":1}',
    `{"type":"enter","name":"${'a'.repeat(41)}"}`,
  ])('closes a connection that sends %s, and leaves the others alone', async (message) => {
    const [good, bad] = [await Client.open(server().socketUrl()), await Client.open(server().socketUrl())];
    expect(await good.ask('{"type":"enter","name":"Ada"}')).toBe('{"type":"present","names":["Ada"]}');
    bad.send(message);
    expect(await bad.closed).toEqual([1008, 'not a message of this chat']);
    expect(await good.ask('{"type":"say","text":"still here"}')).toBe('{"type":"said","name":"Ada","text":"still here"}');
    await good.close();
  });
});
