import { decoding, encoding } from 'lib0';
import { expect, it, onTestFinished } from 'vitest';
import * as sync from 'y-protocols/sync';
import { WebsocketProvider } from 'y-websocket';
import { Doc } from 'yjs';
import { expectNoOpenHandles } from '../interop/open-handles.js';
import { listenWs, REFUSED, refusedUrl } from './loopback.js';
import { Recording } from './recording.js';

expectNoOpenHandles();

/** The kind of a message in the protocol between y-websocket and its server. */
const SYNC = 0;

it('y-websocket synchronizes two documents', async () => {
  const { url } = await listenY();
  const [first, second] = [connectDoc(url), connectDoc(url)];
  await Promise.all([first.synced(), second.synced()]);
  first.doc.getText('tides').insert(0, 'high');
  await second.reads('high');
  second.doc.getText('tides').insert(4, ', low');
  await first.reads('high, low');
  for (const { provider, recording } of [first, second]) {
    provider.destroy();
    expect(await recording.whenClosed(1)).toEqual([['open', 'close 1005']]);
  }
});

it('y-websocket connects again after the server has closed, and catches up', async () => {
  const { server, serverDoc, url } = await listenY();
  const { doc, provider, recording, reads, synced } = connectDoc(url);
  await synced();
  for (const socket of server.clients) socket.close(1012);
  await recording.whenClosed(1);
  serverDoc.getText('tides').insert(0, 'high');
  doc.getText('tides').insert(0, 'low ');
  await reads('low high', 'highlow ');
  provider.destroy();
  expect(await recording.whenClosed(2)).toEqual([
    ['open', 'close 1012'],
    ['open', 'close 1005'],
  ]);
});

it('y-websocket closes a connection that is not open yet', async () => {
  const { url } = await listenY();
  const { provider, recording } = connectDoc(url);
  provider.destroy();
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
});

it('y-websocket reports a refused connection', async () => {
  const { provider, recording } = connectDoc(await refusedUrl());
  let errors = 0;
  provider.on('connection-error', () => {
    errors++;
    provider.shouldConnect = false;
  });
  expect(await recording.whenClosed(1)).toEqual([REFUSED]);
  expect(errors).toBe(1);
});

/** A document of its own, connected to the server's. */
function connectDoc(url: string) {
  const recording = new Recording();
  const doc = new Doc();
  const provider = new WebsocketProvider(url, 'room', doc, {
    WebSocketPolyfill: recording.WebSocket,
    // Otherwise the documents of one process synchronize without a server.
    disableBc: true,
  });
  onTestFinished(() => {
    provider.destroy();
  });
  const synced = (): Promise<void> =>
    new Promise((resolve) => {
      provider.once('sync', () => {
        resolve();
      });
    });
  const reads = (...texts: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (texts.includes(doc.getText('tides').toJSON())) resolve();
      };
      doc.on('update', check);
      check();
    });
  return { doc, provider, recording, reads, synced };
}

/** A server with one document, in Yjs's own protocol. */
async function listenY() {
  const { server, url } = await listenWs();
  const serverDoc = new Doc();
  server.on('connection', (socket) => {
    const message = (write: (encoder: encoding.Encoder) => void): void => {
      const encoder = encoding.createEncoder();
      encoding.writeVarUint(encoder, SYNC);
      write(encoder);
      // The kind alone says nothing.
      if (encoding.length(encoder) > 1) socket.send(encoding.toUint8Array(encoder));
    };
    socket.on('message', (data: Buffer) => {
      const decoder = decoding.createDecoder(data);
      if (decoding.readVarUint(decoder) !== SYNC) return;
      message((encoder) => sync.readSyncMessage(decoder, encoder, serverDoc, socket));
    });
    const onUpdate = (update: Uint8Array, origin: unknown): void => {
      if (origin === socket) return;
      message((encoder) => {
        sync.writeUpdate(encoder, update);
      });
    };
    serverDoc.on('update', onUpdate);
    socket.on('close', () => {
      serverDoc.off('update', onUpdate);
    });
    message((encoder) => {
      sync.writeSyncStep1(encoder, serverDoc);
    });
  });
  return { server, serverDoc, url };
}
