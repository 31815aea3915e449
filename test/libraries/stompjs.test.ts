import { Client } from '@stomp/stompjs';
import { expect, it } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

it('stompjs subscribes, publishes and disconnects', async () => {
  const { url } = await listenStomp();
  const { recording, client, connected } = stompClient(url);
  await connected;
  const messages: string[] = [];
  await new Promise<void>((resolve) => {
    client.subscribe('/topic/tides', ({ body, headers }) => {
      if (messages.push(`${headers['destination'] ?? ''}: ${body}`) === 2) resolve();
    });
    client.publish({ destination: '/topic/tides', body: 'high' });
    client.publish({ destination: '/topic/other', body: 'nobody hears it' });
    client.publish({ destination: '/topic/tides', binaryBody: Buffer.from('low') });
  });
  expect(messages).toEqual(['/topic/tides: high', '/topic/tides: low']);
  await client.deactivate();
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
});

it('stompjs connects again after the server has closed, and after the connection was lost', async () => {
  const { url, server } = await listenStomp();
  const ends = ['close', 'terminate'];
  const { recording, client } = stompClient(url);
  client.onConnect = () => {
    const end = ends.shift();
    if (end === undefined) void client.deactivate();
    for (const socket of server.clients) {
      if (end === 'close') socket.close(1001);
      if (end === 'terminate') socket.terminate();
    }
  };
  expect(await recording.whenClosed(3)).toEqual([
    ['open', 'close 1001'],
    ['open', 'close 1006'],
    ['open', 'close 1005'],
  ]);
});

it('stompjs gives up a connection at once when it is told to', async () => {
  const { url } = await listenStomp();
  const { recording, client, connected } = stompClient(url);
  client.discardWebsocketOnCommFailure = true;
  await connected;
  await client.deactivate({ force: true });
  const [[opened, closed] = []] = await recording.whenClosed(1);
  expect(opened).toBe('open');
  expect(closed).toMatch(/^close 100[056]$/);
});

it('stompjs reports a refused connection', async () => {
  let errors = 0;
  const { recording, client } = stompClient(await refusedUrl());
  client.onWebSocketError = () => {
    errors++;
    void client.deactivate();
  };
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
  expect(errors).toBe(1);
});

/** A client that is about to connect. */
function stompClient(url: string) {
  const recording = new Recording();
  const client = new Client();
  client.webSocketFactory = () => new recording.WebSocket(url, ['v12.stomp']);
  client.reconnectDelay = 1;
  client.heartbeatIncoming = 0;
  client.heartbeatOutgoing = 0;
  const connected = new Promise<void>((resolve) => {
    client.onConnect = () => {
      resolve();
    };
  });
  client.activate();
  return { recording, client, connected };
}

/** A STOMP 1.2 server with one client: what it sends to a destination comes back to its subscription. */
async function listenStomp() {
  const { server, url } = await listenWs({ handleProtocols: () => 'v12.stomp' });
  server.on('connection', (socket) => {
    const subscriptions = new Map<string, string>();
    const reply = (command: string, headers: Readonly<Record<string, string>>, body = ''): void => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
      socket.send(`${command}\n${lines.join('')}\n${body}\0`);
    };
    socket.on('message', (data: Buffer) => {
      const [, head = '', body = ''] = /^(.*?)\n\n(.*)\0$/s.exec(data.toString()) ?? [];
      const [command, ...lines] = head.split('\n');
      const field = (name: string): string =>
        lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1) ?? '';
      const destination = field('destination');
      if (command === 'CONNECT') reply('CONNECTED', { version: '1.2' });
      if (command === 'SUBSCRIBE') subscriptions.set(destination, field('id'));
      if (command === 'DISCONNECT') reply('RECEIPT', { 'receipt-id': field('receipt') });
      const subscription = subscriptions.get(destination);
      if (command === 'SEND' && subscription !== undefined) {
        reply('MESSAGE', { subscription, destination, 'message-id': '1' }, body);
      }
    });
  });
  return { server, url };
}
