import { firstValueFrom, lastValueFrom, retry, take, toArray } from 'rxjs';
import { webSocket, type WebSocketSubjectConfig } from 'rxjs/webSocket';
import { expect, it } from 'vitest';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

it('rxjs multiplexes two topics over one connection', async () => {
  const { server, url } = await listenWs({ handleProtocols: () => 'topics' });
  server.on('connection', (socket) => {
    socket.on('message', (message: Buffer) => {
      const { subscribe } = JSON.parse(message.toString()) as { subscribe?: string };
      if (subscribe === undefined) return;
      for (const value of [1, 2]) socket.send(JSON.stringify({ topic: subscribe, value }));
    });
  });
  const { recording, subject } = subjectOf(url, { protocol: 'topics' });
  const values = (topic: string): Promise<unknown[]> =>
    firstValueFrom(
      subject
        .multiplex(
          () => ({ subscribe: topic }),
          () => ({ unsubscribe: topic }),
          (message) => (message as { topic: string }).topic === topic,
        )
        .pipe(take(2), toArray()),
    );
  expect(await Promise.all([values('a'), values('b')])).toEqual([
    [
      { topic: 'a', value: 1 },
      { topic: 'a', value: 2 },
    ],
    [
      { topic: 'b', value: 1 },
      { topic: 'b', value: 2 },
    ],
  ]);
  // It has closed when its last subscriber went, without a code.
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
});

it('rxjs sends and receives ArrayBuffers', async () => {
  const { server, url } = await listenWs();
  server.on('connection', (socket) => {
    socket.on('message', (message: Buffer) => {
      socket.send(message);
      socket.close(4000, 'That was all');
    });
  });
  const { recording, subject } = subjectOf(url, {
    binaryType: 'arraybuffer',
    serializer: (value) => value as ArrayBuffer,
    deserializer: ({ data }) => data as unknown,
  });
  const received = lastValueFrom(subject.pipe(toArray()));
  subject.next(Uint8Array.of(1, 2, 3).buffer);
  expect(await received).toEqual([Uint8Array.of(1, 2, 3).buffer]);
  expect(await recording.whenClosed(1)).toEqual([['open', 'close 4000']]);
});

it('rxjs completes when the server closes, and connects again after a connection was lost', async () => {
  const { server, url } = await listenWs();
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    socket.send(JSON.stringify(connections), () => {
      if (connections === 1) socket.terminate();
      else socket.close(1001);
    });
  });
  const { recording, subject } = subjectOf(url);
  expect(await lastValueFrom(subject.pipe(retry(1), toArray()))).toEqual([1, 2]);
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1006'],
    ['open', 'close 1001'],
  ]);
});

it('rxjs reports a refused connection', async () => {
  const { recording, subject } = subjectOf(await refusedUrl());
  await expect(lastValueFrom(subject)).rejects.toMatchObject({ type: 'error' });
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
});

function subjectOf(url: string, config: Partial<WebSocketSubjectConfig<unknown>> = {}) {
  const recording = new Recording();
  return { recording, subject: webSocket<unknown>({ url, WebSocketCtor: recording.WebSocket, ...config }) };
}
