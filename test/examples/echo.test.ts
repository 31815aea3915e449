/** The echo example: its server with a client that is not ours, and its client with its server. */
import { describe, expect, it } from 'vitest';
import { refusedPort } from './refused-port.js';
import { expectToStop, Program, useServer } from './program.js';
import { Client } from './ws-client.js';

describe('the echo server', () => {
  const server = useServer('echo/server.mjs');

  it('sends texts and bytes back as what they are', async () => {
    const client = await Client.open(server().socketUrl());
    expect(await client.ask('żółw')).toBe('żółw');
    expect(await client.ask(Buffer.from([0, 255, 1]))).toEqual(Buffer.from([0, 255, 1]));
    await client.close();
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('closes its connections with 1001 on %s', async (signal) => {
    const stopped = await Program.listening('echo/server.mjs');
    const client = await Client.open(stopped.socketUrl());
    await expectToStop(stopped, signal);
    expect(await client.closed).toEqual([1001, '']);
  });

  it('tells who comes without a WebSocket what it is', async () => {
    const response = await fetch(server().pageUrl());
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    await response.text();
  });
});

describe('the echo client', () => {
  const server = useServer('echo/server.mjs');

  it('sends the lines of its input, prints what comes back, and ends with the input', async () => {
    const client = Program.start('echo/client.mjs', [server().socketUrl()]);
    client.type('one\n');
    await client.printed(/^one\n/);
    client.type('two\nżółw\n');
    client.endInput();
    expect(await client.exited).toEqual({ code: 0, signal: null });
    expect(client.output).toBe('one\ntwo\nżółw\nclosed: 1000 no more lines\n');
  });

  it('ends when the server does, though its input is open', async () => {
    const stopped = await Program.listening('echo/server.mjs');
    const client = Program.start('echo/client.mjs', [stopped.socketUrl()]);
    client.type('one\n');
    await client.printed(/^one\n/);
    await expectToStop(stopped);
    expect(await client.exited).toEqual({ code: 0, signal: null });
    expect(client.output).toBe('one\nclosed: 1001\n');
  });

  it('says that nobody listens', async () => {
    const port = String(await refusedPort());
    const client = Program.start('echo/client.mjs', [`ws://127.0.0.1:${port}`]);
    expect(await client.exited).toEqual({ code: 1, signal: null });
    expect(client.errorOutput).toContain(`Nothing listens at 127.0.0.1:${port}`);
  });
});
