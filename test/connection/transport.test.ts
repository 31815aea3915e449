/**
 * A connection over transports that are not like TCP, or that behave as streams are allowed to.
 */
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { binary, close, encodeFrame, text } from '../conformance/frames.js';
import { Transport } from '../../src/connection/transport.js';
import { destroyAll, engineOver, framesIn, KeepingDuplex, tcpPair, turn } from './ends.js';

afterEach(destroyAll);

describe('a stream', () => {
  it('that neither destroys itself nor emits close ends the connection when both halves have ended', async () => {
    const socket = new KeepingDuplex({ autoDestroy: false, emitClose: false });
    const { connection, recorder } = engineOver(socket);
    socket.push(encodeFrame(close(1000, 'bye'), true));
    await turn();
    expect(framesIn(socket.bytes)).toHaveLength(1);
    expect(recorder.names).toEqual([]);
    socket.push(null);
    expect(await recorder.end()).toEqual({ close: { code: 1000, reason: 'bye' }, wasClean: true });
    expect(connection.socket?.destroyed).toBe(true);
  });

  it('that neither destroys itself nor emits close ends a client, whichever half ends first', async () => {
    for (const endsFirst of ['writable', 'readable']) {
      const socket = new KeepingDuplex({ autoDestroy: false, emitClose: false });
      const { recorder } = engineOver(socket, { isServer: false });
      if (endsFirst === 'writable') socket.end();
      socket.push(encodeFrame(close(1000), false));
      socket.push(null);
      await recorder.end();
      expect(recorder.names).toEqual(['end']);
    }
  });

  it('that neither destroys itself nor emits close ends the connection when it fails', async () => {
    const socket = new KeepingDuplex({ autoDestroy: false, emitClose: false });
    socket._write = (_chunk, _encoding, callback) => { callback(new Error('no more')); };
    const { connection, recorder } = engineOver(socket);
    const result = new Promise((resolve) => connection.sendText('a', resolve));
    await recorder.end();
    expect(recorder.names).toEqual(['error', 'end']);
    expect(await result).toBeInstanceOf(Error);
  });

  it('that is closed without its end is a reset', async () => {
    const socket = new KeepingDuplex();
    const { recorder } = engineOver(socket);
    socket.destroy();
    await recorder.end();
    expect(recorder.names).toEqual(['reset', 'end']);
  });

  it('that fails after the connection has ended disturbs nobody', async () => {
    const socket = new KeepingDuplex();
    const { connection, recorder } = engineOver(socket);
    connection.destroy();
    socket.emit('error', new Error('late'));
    socket.emit('close');
    socket.emit('data', encodeFrame(text('late'), true));
    await turn();
    expect(recorder.names).toEqual(['end']);
  });

  it('has no address, and a socket has two', async () => {
    const { connection } = engineOver(new KeepingDuplex());
    expect([connection.remote, connection.local]).toEqual(['', '']);
    const [ours, theirs] = await tcpPair();
    const { connection: overTcp } = engineOver(ours);
    expect(overTcp.remote).toBe(`127.0.0.1:${String(theirs.localPort)}`);
    expect(overTcp.local).toBe(`127.0.0.1:${String(theirs.remotePort)}`);
  });

  it('that delivers inside write may deliver while a chunk is being read: the order is kept', async () => {
    const socket = new KeepingDuplex();
    const { connection, recorder } = engineOver(socket);
    await turn();
    let answers = 0;
    socket._writev = null as unknown as KeepingDuplex['_writev'];
    socket._write = (_chunk, _encoding, callback) => {
      if (answers < 3) socket.push(encodeFrame(text(`answer ${String(++answers)}`), true));
      callback();
    };
    recorder.onReport = ([name]) => {
      // Above the copy limit it is written at once, in the middle of the chunk.
      if (name === 'binary') connection.sendBinary(Buffer.alloc(20_000));
    };
    socket.push(Buffer.concat([encodeFrame(binary('a'), true), encodeFrame(text('b'), true)]));
    await recorder.until(() => recorder.texts.length >= 3);
    expect(recorder.texts.slice(0, 3)).toEqual(['b', 'answer 1', 'answer 2']);
  });

  it('that was read and paused before is read from the head on', async () => {
    const socket = new KeepingDuplex();
    socket.pause();
    const { connection, recorder } = engineOver(new KeepingDuplex());
    connection.destroy();
    expect(recorder.names).toEqual(['end']);
    const { recorder: second } = engineOver(socket);
    socket.push(encodeFrame(text('a'), true));
    await second.report('text');
  });
});

describe('Transport', () => {
  it('leaves its own listeners on nothing that it has let go', () => {
    const stream = new PassThrough();
    const before = stream.eventNames().length;
    const transport = new Transport(stream, Buffer.alloc(0), {
      onData: () => undefined,
      onPeerEnd: () => undefined,
      onWritable: () => undefined,
      onTransportClose: () => undefined,
    });
    expect(stream.listenerCount('data')).toBe(1);
    transport.destroy();
    expect(stream.listenerCount('data')).toBe(0);
    // One that ignores errors stays.
    expect(stream.eventNames().length).toBe(before + 1);
  });
});
