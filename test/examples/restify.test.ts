/** The restify example: its routes, one of which is a WebSocket. */
import { describe, expect, it } from 'vitest';
import { useServer } from './program.js';
import { Client, refusalOf, statusOfWrongKey } from './ws-client.js';

describe('the server with restify', () => {
  const server = useServer('restify.mjs');

  it('has a WebSocket at one route', async () => {
    const client = await Client.open(server().socketUrl('/attach'));
    expect(await client.ask('żółw')).toBe('żółw');
    expect(await client.ask(Buffer.from([0, 255]))).toEqual(Buffer.from([0, 255]));
    await client.close(4000, 'enough');
    await server().printed(/ended: 4000 enough/);
  });

  it('answers other requests as restify does', async () => {
    expect(await (await fetch(server().pageUrl())).json()).toEqual({ attach: '/attach' });
    expect((await fetch(server().pageUrl('/none'))).status).toBe(404);
    expect(await refusalOf(server().socketUrl('/none'))).toMatchObject({ status: 404 });
  });

  it('refuses at the route what is no handshake', async () => {
    const response = await fetch(server().pageUrl('/attach'));
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    await response.text();
    expect(await statusOfWrongKey(server().socketUrl('/attach'))).toBe(400);
  });
});
