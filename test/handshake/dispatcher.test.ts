// What the client's handshake makes of Dispatchers that send nothing: undici's mocks, and such as are made by hand.
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

import { describe, expect, it, onTestFinished } from 'vitest';
import { Agent, interceptors, MockAgent } from 'undici';

import type { Dispatcher } from '../../src/handshake/client-options.js';
import { acceptingServer, closed, laterTick, open } from './opening.js';

/** The methods that undici 6 calls. */
interface Undici6Handler {
  readonly onConnect: (abort: () => void) => void;
  readonly onUpgrade: (statusCode: number, headers: unknown, socket: Duplex) => void;
  readonly onHeaders: (statusCode: number, headers: unknown) => boolean;
  readonly onData: (chunk: Buffer) => boolean;
  readonly onComplete: (trailers: unknown) => void;
  readonly onError: (error: Error) => void;
}

describe('a handshake by a MockAgent', () => {
  function mockAgent(): MockAgent {
    const agent = new MockAgent();
    onTestFinished(() => agent.close());
    agent.disableNetConnect();
    return agent;
  }

  it('is refused with the status and the header fields of the mock, in a later tick', async () => {
    const dispatcher = mockAgent();
    const headers = { 'X-Why': 'because' };
    dispatcher.get('http://example.com').intercept({ path: '/a?b' }).reply(403, 'no', { headers });
    const attempt = open('ws://example.com/a?b', { dispatcher });
    expect(attempt.reports).toEqual([]);
    expect(await attempt.failure).toMatchObject({ statusCode: 403, headers: { 'x-why': 'because' } });
    await laterTick();
    expect(attempt.reports).toHaveLength(1);
  });

  it('may be sent by the pool of one origin', async () => {
    const dispatcher = mockAgent();
    const pool = dispatcher.get('https://example.com');
    pool.intercept({ path: '/' }).reply(503, 'later');
    const error = await open('wss://example.com/', { dispatcher: pool }).failure;
    expect(error).toMatchObject({ statusCode: 503, headers: {} });
  });

  it('follows a redirect that comes at once', async () => {
    const dispatcher = mockAgent();
    dispatcher.get('http://a.test').intercept({ path: '/' }).reply(302, '', { headers: { Location: 'ws://b.test/' } });
    dispatcher.get('http://b.test').intercept({ path: '/' }).reply(404, '');
    expect(await open('ws://a.test', { dispatcher, followRedirects: true }).failure).toMatchObject({ statusCode: 404 });
  });

  it('has the error of the mock, and that of a request nobody has foreseen', async () => {
    const dispatcher = mockAgent();
    dispatcher.get('http://example.com').intercept({ path: '/' }).replyWithError(new Error('down'));
    expect(await open('ws://example.com/', { dispatcher }).failure).toMatchObject({
      code: 'WATERSHED_CONNECTION_FAILED',
      message: 'The connection could not be made: down',
      cause: expect.objectContaining({ message: 'down' }) as unknown,
    });
    const unforeseen = await open('ws://example.com/', { dispatcher }).failure;
    expect(unforeseen).toMatchObject({ code: 'UND_MOCK_ERR_MOCK_NOT_MATCHED' });
  });

  it('asks the origin of https for wss', async () => {
    const dispatcher = mockAgent();
    dispatcher.get('https://example.com').intercept({ path: '/' }).reply(403, '');
    expect(await open('wss://example.com/', { dispatcher }).failure).toMatchObject({ statusCode: 403 });
  });

  it('is refused by a 200', async () => {
    const dispatcher = mockAgent();
    dispatcher.get('http://example.com').intercept({ path: '/' }).reply(200, '');
    const failure = await open('ws://example.com/', { dispatcher }).failure;
    expect(failure).toMatchObject({ code: 'WATERSHED_UNEXPECTED_STATUS', statusCode: 200 });
  });

  it.each([101, 103])('is failed when the mock answers %i and no more', async (status) => {
    const dispatcher = mockAgent();
    dispatcher.get('http://example.com').intercept({ path: '/' }).reply(status, '');
    const { code } = await open('ws://example.com/', { dispatcher }).failure;
    expect(code).toBe(status === 101 ? 'WATERSHED_UNEXPECTED_STATUS' : 'WATERSHED_CONNECTION_FAILED');
  });
});

describe('a Dispatcher', () => {
  it('may be composed of interceptors', async () => {
    const { port } = await acceptingServer();
    const agent = new Agent();
    onTestFinished(() => agent.destroy());
    const dispatcher = agent.compose(interceptors.retry(), interceptors.dump());
    await open(`ws://127.0.0.1:${String(port)}`, { dispatcher }).established;
  });

  it('may throw', async () => {
    const dispatcher: Dispatcher = {
      dispatch: () => {
        throw Object.assign(new Error('not today'), { code: 'TODAY' });
      },
    };
    expect(await open('ws://example.com/', { dispatcher }).failure).toMatchObject({ code: 'TODAY' });
  });

  /** A dispatcher made by hand, which does as it likes with a handler. */
  function dispatcherThat(act: (handler: Undici6Handler) => void): Dispatcher {
    return {
      dispatch: (_options, handler) => {
        act(handler as Undici6Handler);
        return true;
      },
    };
  }

  it('may report an error and throw it too', async () => {
    const attempt = open('ws://example.com/', {
      dispatcher: dispatcherThat((handler) => {
        const error = Object.assign(new Error('twice'), { code: 'TWICE' });
        handler.onError(error);
        throw error;
      }),
    });
    expect(await attempt.failure).toMatchObject({ code: 'TWICE' });
    await laterTick();
    expect(attempt.reports).toHaveLength(1);
  });

  it('is given each header field once, without those that it makes itself', async () => {
    let given: { headers?: object } = {};
    const dispatcher: Dispatcher = {
      dispatch: (options) => {
        given = options;
        throw Object.assign(new Error('seen'), { code: 'SEEN' });
      },
    };
    const headers = { origin: 'http://a.test', authorization: 'Bearer x' };
    await open('ws://user:password@example.com/', { dispatcher, headers, origin: 'http://b.test' }).failure;
    const names = Object.keys(given.headers ?? {}).map((name) => name.toLowerCase()).sort();
    expect(names).toEqual(['authorization', 'origin', 'sec-websocket-key', 'sec-websocket-version']);
    expect(given.headers).toMatchObject(headers);
  });

  it('is told why a request is abandoned', async () => {
    const reasons: unknown[] = [];
    const dispatcher = dispatcherThat((handler) => {
      (handler.onConnect as (abort: (reason: Error) => void) => void)((reason) => { reasons.push(reason); });
    });
    const attempt = open('ws://example.com/', { dispatcher });
    await laterTick();
    attempt.handshake.abort();
    expect(reasons).toMatchObject([{ code: 'WATERSHED_HANDSHAKE_ABORTED', message: 'The opening handshake is over' }]);
  });

  it('may answer twice: the first one counts', async () => {
    const dispatcher = dispatcherThat((handler) => {
      handler.onHeaders(401, []);
      handler.onHeaders(403, []);
    });
    expect(await open('ws://example.com/', { dispatcher }).failure).toMatchObject({ statusCode: 401 });
  });

  it('that ends a request without an answer has failed it', async () => {
    const dispatcher = dispatcherThat((handler) => {
      expect(handler.onHeaders(103, [])).toBe(true);
      expect(handler.onData(Buffer.from('a'))).toBe(true);
      handler.onComplete(null);
      handler.onComplete(null);
    });
    expect(await open('ws://example.com/', { dispatcher }).failure).toMatchObject({
      code: 'WATERSHED_CONNECTION_FAILED',
      message: 'The dispatcher ended the request without an answer',
    });
  });

  it('gives header fields as buffers, as strings, as lists, or not at all', async () => {
    const failureOf = (headers: unknown): Promise<Error & { headers?: unknown }> => {
      const dispatcher = dispatcherThat((handler) => {
        handler.onHeaders(401, headers);
      });
      return open('ws://example.com/', { dispatcher }).failure;
    };
    const latin1 = Buffer.from('\xe4', 'latin1');
    const raw = [Buffer.from('X-A'), latin1, 'x-b', '1', 'X-B', ['2', Buffer.from('3')], 'X-C', []];
    expect((await failureOf(raw)).headers).toEqual({ 'x-a': 'ä', 'x-b': ['1', '2', '3'], 'x-c': [] });
    expect((await failureOf(null)).headers).toEqual({});
  });

  it('that upgrades with another status has failed the handshake', async () => {
    const { port } = await acceptingServer();
    const socket = connect(port, '127.0.0.1');
    const dispatcher = dispatcherThat((handler) => {
      handler.onUpgrade(200, null, socket);
    });
    expect(await open('ws://example.com/', { dispatcher }).failure).toMatchObject({
      code: 'WATERSHED_UNEXPECTED_STATUS',
      message: expect.stringContaining('The server answered 200 OK instead of 101: nothing speaks WebSocket') as string,
    });
    await closed(socket);
  });

  it('that gives the socket too late has it destroyed', async () => {
    const { port } = await acceptingServer();
    const socket = connect(port, '127.0.0.1');
    let upgrade: (() => void) | undefined;
    const dispatcher = dispatcherThat((handler) => {
      upgrade = (): void => {
        handler.onUpgrade(101, null, socket);
      };
    });
    const attempt = open('ws://example.com/', { dispatcher });
    await laterTick();
    attempt.handshake.abort();
    upgrade?.();
    await closed(socket);
    expect(attempt.reports).toEqual([]);
  });
});
