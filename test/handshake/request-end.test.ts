// How the client's handshake is ended before there is an answer: by its deadline, its signal and its caller.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { getEventListeners, once } from 'node:events';
import type http from 'node:http';
import { connect } from 'node:net';

import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { freePort } from '../interop/daemon.js';
import { acceptingServer, closed, laterTick, open, rawServer, switchingProtocols } from './opening.js';

describe('handshakeTimeout', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('fails a handshake that is not answered in time, and closes its connection', async () => {
    const server = await rawServer();
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`, { handshakeTimeout: 100 });
    expect(await attempt.failure).toMatchObject({
      code: 'WATERSHED_HANDSHAKE_TIMEOUT',
      message:
        'There was no answer within 100 ms (handshakeTimeout): ' +
        "is it a WebSocket server, with an 'upgrade' listener that answers every request?",
    });
    await closed(server.sockets[0]);
  });

  it('is 30 seconds by default', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { server, port } = await rawServer();
    const attempt = open(`ws://127.0.0.1:${String(port)}`);
    await once(server, 'request');
    vi.advanceTimersByTime(29_999);
    expect(attempt.reports).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(attempt.reports).toEqual([expect.objectContaining({ code: 'WATERSHED_HANDSHAKE_TIMEOUT' })]);
  });

  it('does not count any more when the connection is open', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { port } = await acceptingServer();
    const attempt = open(`ws://127.0.0.1:${String(port)}`, { handshakeTimeout: 100 });
    const { socket } = await attempt.established;
    expect(vi.getTimerCount()).toBe(0);
    expect(socket.destroyed).toBe(false);
  });
});

describe('signal', () => {
  it('fails the handshake, with its reason as the cause, when it is aborted already', async () => {
    const { port, heads } = await acceptingServer();
    const reason = new Error('changed my mind');
    const attempt = open(`ws://127.0.0.1:${String(port)}`, { signal: AbortSignal.abort(reason) });
    expect(attempt.reports).toEqual([]);
    expect(await attempt.failure).toMatchObject({ code: 'WATERSHED_HANDSHAKE_ABORTED', cause: reason });
    expect(heads).toEqual([]);
  });

  it('fails the handshake when it is aborted under way, and closes the connection', async () => {
    const controller = new AbortController();
    const server = await rawServer();
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`, { signal: controller.signal });
    await once(server.server, 'request');
    controller.abort('enough');
    expect(await attempt.failure).toMatchObject({ code: 'WATERSHED_HANDSHAKE_ABORTED', cause: 'enough' });
    await closed(server.sockets[0]);
  });

  it('has no effect on an open connection', async () => {
    const controller = new AbortController();
    const { port } = await acceptingServer();
    const attempt = open(`ws://127.0.0.1:${String(port)}`, { signal: controller.signal });
    const { socket } = await attempt.established;
    controller.abort();
    await laterTick();
    expect(socket.destroyed).toBe(false);
    expect(attempt.reports).toHaveLength(1);
  });

  it('holds no listener of ours when the handshake is over', async () => {
    const { port } = await acceptingServer();
    const { signal } = new AbortController();
    await open(`ws://127.0.0.1:${String(port)}`, { signal }).established;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('abort', () => {
  it('sends nothing when it comes at once', async () => {
    const { port, sockets } = await acceptingServer();
    const attempt = open(`ws://127.0.0.1:${String(port)}`);
    attempt.handshake.abort();
    // Had a connection been made, it would have come before this one.
    await once(connect(port, '127.0.0.1').end(), 'close');
    expect(sockets).toHaveLength(1);
    expect(attempt.reports).toEqual([]);
  });

  it('closes the connection of a handshake under way, and nothing is reported', async () => {
    const server = await rawServer();
    const attempt = open(`ws://127.0.0.1:${String(server.port)}`);
    await once(server.server, 'request');
    attempt.handshake.abort();
    await closed(server.sockets[0]);
    await laterTick();
    expect(attempt.reports).toEqual([]);
  });

  it('leaves no error behind when it comes while the connection is being refused', async () => {
    const attempt = open(`ws://127.0.0.1:${String(await freePort())}`);
    await new Promise((resolve) => { process.nextTick(resolve); });
    attempt.handshake.abort();
    await laterTick();
    await laterTick();
    expect(attempt.reports).toEqual([]);
  });

  it.each([
    { what: 'an upgrade', answer: (head: string): string => switchingProtocols(head) },
    { what: 'a refusal', answer: (): string => 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n' },
  ])('stops $what that comes in the same packet', async ({ answer }) => {
    const { port, server, sockets } = await rawServer((socket, head) => {
      socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${answer(head)}`);
    });
    const onRequest = (message: unknown): void => {
      (message as { request: http.ClientRequest }).request.on('information', () => {
        attempt.handshake.abort();
      });
    };
    subscribe('http.client.request.start', onRequest);
    onTestFinished(() => {
      unsubscribe('http.client.request.start', onRequest);
    });
    const attempt = open(`ws://127.0.0.1:${String(port)}`);
    await once(server, 'request');
    await closed(sockets[0]);
    expect(attempt.reports).toEqual([]);
  });

  it('has no effect on an open connection', async () => {
    const { port } = await acceptingServer();
    const attempt = open(`ws://127.0.0.1:${String(port)}`);
    const { socket } = await attempt.established;
    attempt.handshake.abort();
    await laterTick();
    expect(socket.destroyed).toBe(false);
  });
});
