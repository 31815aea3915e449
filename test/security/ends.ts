/** Both faces on both ends of a connection, as what the rules of this folder say of all of them alike. */
import { type ConnectionOptions, WatershedConnection, type WebSocket } from '../../src/index.js';
import * as classic from '../classic/ends.js';
import type { Frame } from '../conformance/frames.js';
import * as standard from '../websocket/ends.js';

/** The peer ends nothing by itself. */
const CLOSE_TIMEOUT = 20;

export interface End {
  /** How it ended: the close code that was sent because of what the peer did wrong, and the error's own code. */
  readonly failure: Promise<{ closeCode: unknown; code: unknown }>;
  /** The messages so far. */
  readonly messages: unknown[];
  readonly peer: classic.Peer;
  /** Its classic face, which is made for a WebSocket when it is asked for. */
  readonly connection: () => WatershedConnection;
}

type OpenEnd = (options?: ConnectionOptions, more?: readonly Frame[]) => Promise<End>;

function classicEnd(open: typeof classic.serverEnd): OpenEnd {
  return async (options, more) => {
    const messages: unknown[] = [];
    const failure = classic.deferred<{ closeCode: unknown; code: unknown }>();
    const { connection, peer } = await open({ ...options, closeTimeout: CLOSE_TIMEOUT }, (connection) => {
      connection.on('text', (text) => messages.push(text)).on('binary', (data) => messages.push(data));
      connection.on('error', (error) => { failure.resolve(error as never); });
    }, more);
    return { failure: failure.promise, messages, peer, connection: () => connection };
  };
}

type OpenStandard = (
  options?: ConnectionOptions,
  setUp?: (webSocket: WebSocket) => void,
  more?: readonly Frame[],
) => Promise<standard.Ends>;

function standardEnd(open: OpenStandard): OpenEnd {
  return async (options, more) => {
    const messages: unknown[] = [];
    const failure = classic.deferred<{ closeCode: unknown; code: unknown }>();
    const ends = open({ ...options, closeTimeout: CLOSE_TIMEOUT }, (webSocket) => {
      webSocket.onmessage = ({ data }): void => { messages.push(data); };
      webSocket.onerror = ({ error }): void => { failure.resolve(error as never); };
    }, more);
    const { webSocket, peer } = await standard.opened(ends);
    return { failure: failure.promise, messages, peer, connection: () => WatershedConnection.from(webSocket) };
  };
}

/** For `describe.each` and `it.each`. */
export const everyEnd: [name: string, open: OpenEnd, isServer: boolean][] = [
  ['the classic server', classicEnd(classic.serverEnd), true],
  ['the classic client', classicEnd(classic.clientEnd), false],
  ['the WebSocket of a server', standardEnd(standard.serverEnd), true],
  ['the WebSocket of a client', standardEnd(standard.clientEnd), false],
];
