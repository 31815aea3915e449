import {
  HttpTransportType,
  HubConnectionBuilder,
  HubConnectionState,
  type IHttpConnectionOptions,
  LogLevel,
} from '@microsoft/signalr';
import { expect, it } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

it('@microsoft/signalr sends its headers, invokes, and is called by the server', async () => {
  const { url } = await listenHub();
  const { recording, connection } = hubConnection(url);
  const greeting = new Promise((resolve) => {
    connection.on('greet', resolve);
  });
  await connection.start();
  expect(await greeting).toBe('Hello, Zoë');
  expect(await connection.invoke('add', 1, 2)).toBe(3);
  expect(await Promise.all([10, 20].map((number) => connection.invoke<number>('add', number, 1)))).toEqual([11, 21]);
  await connection.stop();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
});

it('@microsoft/signalr connects again after the server has closed, and after the connection was lost', async () => {
  const { server, url } = await listenHub();
  const { recording, connection } = hubConnection(url);
  await connection.start();
  for (const end of ['close', 'terminate'] as const) {
    const reconnected = new Promise<void>((resolve) => {
      connection.onreconnected(() => {
        resolve();
      });
    });
    for (const socket of server.clients) {
      if (end === 'close') socket.close(1012);
      else socket.terminate();
    }
    await reconnected;
  }
  expect(await connection.invoke('add', 1, 2)).toBe(3);
  await connection.stop();
  expect(await recording.whenClosed(3)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 1006'],
    ['open', 'close 1005'],
  ]);
});

it('@microsoft/signalr reports a refused connection', async () => {
  const { recording, connection } = hubConnection(await refusedUrl());
  await expect(connection.start()).rejects.toThrow('WebSocket failed to connect.');
  expect(connection.state).toBe(HubConnectionState.Disconnected);
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
});

function hubConnection(url: string) {
  const recording = new Recording();
  const options: IHttpConnectionOptions & { WebSocket: unknown } = {
    transport: HttpTransportType.WebSockets,
    skipNegotiation: true,
    WebSocket: recording.WebSocket,
    headers: { 'X-Name': encodeURIComponent('Zoë') },
  };
  const connection = new HubConnectionBuilder()
    .withUrl(url.replace('ws:', 'http:'), options)
    .withAutomaticReconnect([0, 0, 0])
    .configureLogging(LogLevel.None)
    .build();
  return { recording, connection };
}

/** A message of SignalR's hub protocol in JSON; each ends with a record separator. */
interface HubMessage {
  readonly type?: number;
  readonly invocationId?: string;
  readonly target?: string;
  readonly arguments?: readonly number[];
}
const RECORD_SEPARATOR = '\x1e';
const INVOCATION = 1;
const COMPLETION = 3;

/** A hub with a method `add`, which greets a client when it comes. */
async function listenHub() {
  const { server, url } = await listenWs();
  server.on('connection', (socket, { headers }) => {
    const send = (message: object): void => {
      socket.send(`${JSON.stringify(message)}${RECORD_SEPARATOR}`);
    };
    socket.on('message', (data: Buffer) => {
      const records = data.toString().split(RECORD_SEPARATOR).slice(0, -1);
      for (const { type, invocationId, target, arguments: addends = [] } of records.map(parse)) {
        // The handshake alone has no type.
        if (type === undefined) {
          send({});
          const name = decodeURIComponent(String(headers['x-name']));
          send({ type: INVOCATION, target: 'greet', arguments: [`Hello, ${name}`] });
        }
        if (type === INVOCATION && target === 'add') {
          send({ type: COMPLETION, invocationId, result: addends.reduce((sum, addend) => sum + addend) });
        }
      }
    });
  });
  return { server, url };
}

function parse(record: string): HubMessage {
  return JSON.parse(record) as HubMessage;
}
