import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { expect, it, onTestFinished } from 'vitest';
import { createWebSocketStream } from 'ws';
import { describeWithProgram, freePort, startDaemon, temporaryDirectory } from '../interop/daemon.js';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

it('mqtt subscribes and publishes with an Aedes broker', async () => {
  const { url } = await listenAedes();
  await exchange(url, [Buffer.from('high'), Buffer.alloc(0), Buffer.alloc(200_000, 'low')]);
});

it('mqtt connects again after the broker has closed, and after the connection was lost', async () => {
  const { url, server } = await listenAedes();
  const { recording, client } = mqttClient(url);
  for (const end of ['close', 'terminate'] as const) {
    await next(client, 'connect');
    const [socket] = [...server.clients];
    if (end === 'close') socket?.close(1012);
    else socket?.terminate();
    await next(client, 'close');
  }
  await next(client, 'connect');
  await client.endAsync();
  expect(await recording.whenClosed(3)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 1006'],
    ['open', 'close 1005'],
  ]);
});

it('mqtt tries a refused connection again', async () => {
  const { recording, client } = mqttClient(await refusedUrl());
  await next(client, 'close');
  await next(client, 'close');
  await client.endAsync();
  expect(await recording.whenClosed(2)).toEqual([REFUSED, REFUSED]);
});

describeWithProgram('mosquitto', 'mqtt with mosquitto', (mosquitto) => {
  it('subscribes and publishes', async () => {
    const directory = temporaryDirectory();
    const port = await freePort();
    const config = [
      // With listeners for WebSocket alone mosquitto 2.0.11 does not start.
      `listener 0 ${join(directory, 'socket')}`,
      `listener ${String(port)} 127.0.0.1`,
      'protocol websockets',
      'allow_anonymous true',
      'persistence false',
      'log_dest stderr',
      // When the superuser runs it, it would lose its way into the directory.
      'user root',
    ];
    const configFile = join(directory, 'mosquitto.conf');
    writeFileSync(configFile, `${config.join('\n')}\n`);
    await startDaemon(mosquitto, ['-c', configFile], port);
    // It reads slowly.
    await exchange(`ws://127.0.0.1:${String(port)}`, [Buffer.from('high'), Buffer.alloc(0), Buffer.from('low')]);
  });
});

async function exchange(url: string, payloads: readonly Buffer[]): Promise<void> {
  const { recording, client } = mqttClient(url);
  await next(client, 'connect');  await client.subscribeAsync('tides/#', { qos: 1 });
  const received = new Promise<Buffer[]>((resolve) => {
    const received: Buffer[] = [];
    client.on('message', (topic, payload) => {
      expect(topic).toBe('tides/today');
      if (received.push(payload) === payloads.length) resolve(received);
    });
  });
  for (const payload of payloads) await client.publishAsync('tides/today', payload, { qos: 1 });
  expect(Buffer.concat(await received).equals(Buffer.concat(payloads))).toBe(true);
  await client.endAsync();
  // MQTT has the broker cut the connection when the client says DISCONNECT, which may be before the closing handshake.
  expect(await recording.whenClosed(1)).toEqual([['open', expect.stringMatching(/^close /)]]);
}

function next(client: MqttClient, event: 'connect' | 'close'): Promise<void> {
  return new Promise((resolve) => {
    client.once(event, () => {
      resolve();
    });
  });
}

function mqttClient(url: string, options: IClientOptions = {}) {
  const recording = new Recording();
  const client = connect(url, {
    forceNativeWebSocket: true,
    createWebsocket: (address, protocols) => new recording.WebSocket(address, protocols),
    reconnectPeriod: 1,
    ...options,
  });
  return { recording, client };
}

async function listenAedes() {
  const { server, url } = await listenWs();
  const broker = await Aedes.createBroker();
  onTestFinished(() => {
    broker.close();
  });
  server.on('connection', (socket, request) => {
    const stream = createWebSocketStream(socket);
    // The broker sees the end of a stream by its 'close'.
    stream.on('error', () => undefined);
    broker.handle(stream, request);
  });
  return { server, url };
}
