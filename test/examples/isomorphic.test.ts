/** The isomorphic example: the shared module in Node and in Chromium, with one server. */
import { describe, expect, it } from 'vitest';
import { describeInChromium } from '../browser/chromium.js';
import { refusedPort } from './refused-port.js';
import { expectToStop, Program, useServer } from './program.js';
import { Client } from './ws-client.js';

describe('the server, and the shared module in Node', () => {
  const server = useServer('isomorphic/server.mjs');

  it('asks its questions, prints the answers, and ends', async () => {
    const client = Program.start('isomorphic/client.mjs', [server().socketUrl()]);
    expect(await client.exited).toEqual({ code: 0, signal: null });
    expect(client.errorOutput).toBe('');
    const [who, time] = client.output.split('\n');
    expect(who).toBe(`Who are you? Node ${process.version}`);
    expect(time).toMatch(/^What time is it\? \d{4}-\d\d-\d\dT/);
  });

  it('says that nobody listens', async () => {
    const client = Program.start('isomorphic/client.mjs', [`ws://127.0.0.1:${String(await refusedPort())}`]);
    expect(await client.exited).toEqual({ code: 1, signal: null });
    expect(client.errorOutput).toContain('Nothing listens at');
  });

  it('closes a connection that asks no questions', async () => {
    const client = await Client.open(server().socketUrl());
    expect(await client.ask('{"number":7,"question":"Why?"}')).toBe('{"number":7,"answer":"I do not know."}');
    client.send('null');
    expect(await client.closed).toEqual([4000, 'not a question']);
  });
});

describeInChromium('the shared module in Chromium', (browser) => {
  it('asks the same questions, and says when the connection is closed', async () => {
    const server = await Program.listening('isomorphic/server.mjs');
    const page = await browser().newPage();
    await page.goto(server.pageUrl());
    await page.getByRole('button', { name: 'Who are you?' }).click();
    await page.getByRole('status').getByText(`Node ${process.version}`).waitFor();
    await page.getByRole('button', { name: 'What time is it?' }).click();
    await page.getByRole('status').getByText(/^\d{4}-\d\d-\d\dT/).waitFor();

    await expectToStop(server);
    await page.getByRole('button', { name: 'Who are you?' }).click();
    await page.getByRole('status').getByText(/^(The connection is closed|Closed before the answer: 1001 )$/).waitFor();
    await page.close();
  });
});
