import { afterEach, expect, it } from 'vitest';
import { binary, close, encodeFrame, ping, pong, text } from '../conformance/frames.js';
import { destroyAll, engine, engineOver, KeepingDuplex, NOTHING_NEGOTIATED, Recorder, turn } from './ends.js';

afterEach(destroyAll);

/** Writes down what only a face needs to know, too. */
class FaceRecorder extends Recorder {
  readonly told: string[] = [];

  override onOpen(): void {
    this.told.push('open');
  }

  override onClosing(): void {
    this.told.push('closing');
  }

  override onWritten(): void {
    this.told.push('written');
  }
}

it('tells both listeners everything, the first one first', async () => {
  const socket = new KeepingDuplex({ writableHighWaterMark: 1 });
  const { connection } = engine({ highWaterMark: 1 });
  const both = [new FaceRecorder(), new FaceRecorder()] as const;
  for (const face of both) connection.attach(face);
  const order: string[] = [];
  for (const [index, face] of both.entries()) face.onReport = ([name]) => order.push(`${name} ${String(index)}`);
  connection.open(socket, Buffer.alloc(0), NOTHING_NEGOTIATED);
  connection.ping(Buffer.from('p'));
  connection.sendText('more than the highWaterMark');
  await turn();
  for (const frame of [text('a'), binary('b'), ping('c'), pong('p'), close(1000, 'bye')]) socket.push(encodeFrame(frame, true));
  socket.push(null);
  await both[1].end();
  for (const { told, names, reports } of both) {
    expect(told).toEqual(['open', 'written', 'closing', 'written', 'written']);
    expect(names).toEqual(['drain', 'text', 'binary', 'ping', 'pong', 'end']);
    const [, textReport, , pingReport, [, nonce, roundTripTime] = [], end] = reports;
    expect(textReport).toEqual(['text', 'a']);
    expect(pingReport).toEqual(['ping', Buffer.from('c')]);
    expect(nonce).toEqual(Buffer.from('p'));
    expect(roundTripTime).toBeGreaterThan(0);
    expect(end).toEqual(['end', { close: { code: 1000, reason: 'bye' }, wasClean: true }]);
  }
  expect(order).toEqual(['drain', 'text', 'binary', 'ping', 'pong', 'end'].flatMap((name) => [`${name} 0`, `${name} 1`]));
  // Each may change its own.
  const [first, second] = both.map(({ reports }) => reports[2]?.[1] as Buffer);
  expect([first, second]).toEqual([Buffer.from('b'), Buffer.from('b')]);
  expect(first?.buffer === second?.buffer && first?.byteOffset === second?.byteOffset).toBe(false);
});

it.each([
  ['reset', (socket: KeepingDuplex) => socket.destroy()],
  ['error', (socket: KeepingDuplex) => socket.destroy(new Error('broken'))],
])('tells both of %s', async (name, end) => {
  const socket = new KeepingDuplex();
  const { connection, recorder } = engineOver(socket);
  const second = new Recorder();
  connection.attach(second);
  await turn();
  end(socket);
  await second.end();
  expect(recorder.names).toEqual([name, 'end']);
  expect(second.reports).toEqual(recorder.reports);
});
