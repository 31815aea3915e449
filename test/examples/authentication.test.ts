/** The authentication example: who gets in, who does not, and its page in Chromium. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { describeInChromium } from '../browser/chromium.js';
import { requestText } from '../classic/ends.js';
import { useServer } from './program.js';
import { Client, refusalOf, statusOfWrongKey } from './ws-client.js';

const server = useServer('authentication/server.mjs');

/** Logs in as somebody who types a password, and gives the answer. */
async function logIn(password: string, name = 'alice'): Promise<Response> {
  return fetch(server().pageUrl('/login'), { method: 'POST', body: new URLSearchParams({ name, password }) });
}

async function cookieOf(): Promise<string> {
  const response = await logIn('water');
  expect(response.status).toBe(204);
  return response.headers.get('set-cookie')?.split(';')[0] ?? '';
}

describe('the authentication server', () => {
  it.each([{}, { cookie: 'session=guessed' }, { cookie: 'other=1; session=' }])(
    'refuses a request with %j with a 401 that says why',
    async (headers) => {
      const { status, headers: fields, body } = await refusalOf(server().socketUrl(), { headers });
      expect(status).toBe(401);
      expect(fields['content-type']).toBe('application/json');
      expect(JSON.parse(body)).toEqual({ error: 'not logged in', login: '/login' });
    },
  );

  it.each([
    ['alice', 'fire'],
    ['bob', 'water'],
  ])('does not log %s in with the password %s', async (name, password) => {
    const response = await logIn(password, name);
    expect(response.status).toBe(401);
    expect(response.headers.get('set-cookie')).toBeNull();
  });

  it('knows who is there by the cookie, which no script can read', async () => {
    const response = await logIn('water');
    expect(response.headers.get('set-cookie')).toMatch(/^session=[\w-]{43}; HttpOnly; SameSite=Strict; /);
    const cookie = `theme=dark; ${await cookieOf()}`;
    const client = await Client.open(server().socketUrl(), { headers: { cookie }, origin: server().pageUrl().slice(0, -1) });
    expect(await client.messages.take()).toBe('Hello alice');
    expect(await client.ask('hi')).toBe('alice said: hi');
  });

  it('refuses the cookie from a page of another site', async () => {
    const headers = { cookie: await cookieOf() };
    expect(await refusalOf(server().socketUrl(), { headers, origin: 'http://example.com' })).toMatchObject({ status: 403 });
  });

  it('closes the connections of who logs out, and forgets the cookie', async () => {
    const headers = { cookie: await cookieOf() };
    const client = await Client.open(server().socketUrl(), { headers });
    expect((await fetch(server().pageUrl('/logout'), { method: 'POST', headers })).status).toBe(204);
    expect(await client.closed).toEqual([4001, 'logged out']);
    expect(await refusalOf(server().socketUrl(), { headers })).toMatchObject({ status: 401 });
  });

  it('survives a client that goes away while it is looked up, and answers what is no handshake with 400', async () => {
    const cookie = await cookieOf();
    const hasty = connect(server().port, 'localhost');
    hasty.write(requestText({ cookie }));
    await once(hasty, 'connect');
    hasty.resetAndDestroy();
    expect(await statusOfWrongKey(server().socketUrl(), { cookie })).toBe(400);
  });
});

describeInChromium('the authentication page in Chromium', (browser) => {
  it('connects when one has logged in, and is closed when one logs out', async () => {
    const page = await browser().newPage();
    await page.goto(server().pageUrl());
    await page.getByText('Not connected: log in first').waitFor();

    await page.getByRole('textbox', { name: 'Name' }).fill('alice');
    await page.getByLabel('Password').fill('fire');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Wrong name or password').waitFor();
    await page.getByLabel('Password').fill('water');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Hello alice').waitFor();

    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('Closed: 4001 logged out').waitFor();
    await page.close();
  });
});
