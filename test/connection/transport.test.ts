/**
 * A connection over transports that are not like TCP, or that behave as streams are allowed to.
 */
import { Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
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
  /** Hears what a transport reports. */
  function transportOver(socket: Duplex, head = Buffer.alloc(0), readTo?: (take: (chunk: Buffer) => void) => void) {
    const heard: string[] = [];
    const transport = new Transport(
      socket,
      head,
      {
        onData: (chunk) => heard.push(`data ${chunk.toString()}`),
        onPeerEnd: () => heard.push('end'),
        onWritable: () => heard.push('writable'),
        onTransportClose: (error) => heard.push(`close ${String(error?.message)}`),
      },
      readTo,
    );
    return { transport, heard };
  }

  it('leaves its own listeners on nothing that it has let go', () => {
    const stream = new PassThrough();
    const names = ['data', 'end', 'close', 'finish', 'drain', 'error'];
    const listeners = (): number[] => names.map((name) => stream.listenerCount(name));
    const before = listeners();
    const { transport } = transportOver(stream);
    expect(listeners()).toEqual(before.map((count) => count + 1));
    transport.destroy();
    // One that ignores errors stays.
    expect(listeners()).toEqual(before.map((count, index) => (names[index] === 'error' ? count + 1 : count)));
    expect(stream.destroyed).toBe(true);
  });

  it('reads nothing before it is resumed, then the head first, which the caller may change', async () => {
    const stream = new PassThrough();
    stream.write('b');
    const head = Buffer.from('a');
    const { heard } = transportOver(stream, head);
    head.fill('x');
    await turn();
    expect(heard).toEqual([]);
    stream.resume();
    await turn();
    expect(heard.join()).toBe('data a,data b');
  });

  it('is read by readTo alone where there is one, and the head is left to the caller', async () => {
    const stream = new PassThrough();
    let take: (chunk: Buffer) => void = () => undefined;
    const { transport, heard } = transportOver(stream, Buffer.from('head'), (taker) => { take = taker; });
    expect(transport.ownsData).toBe(false);
    expect(stream.listenerCount('data')).toBe(0);
    stream.resume();
    await turn();
    take(Buffer.from('a'));
    expect(heard).toEqual(['data a']);
  });

  it('tells of the end, of room to write, of an error and of the close', async () => {
    const stream = new KeepingDuplex({ writableHighWaterMark: 1 });
    const { heard } = transportOver(stream);
    stream.isStuck = true;
    stream.write('a');
    stream.goOn();
    await turn();
    expect(heard).toEqual(['writable']);
    stream.resume();
    stream.push(null);
    await turn();
    stream.destroy(new Error('broken'));
    await turn();
    expect(heard).toEqual(['writable', 'end', 'close broken', 'close undefined']);
  });

  it('closes by itself when both halves of a stream have ended that does not', async () => {
    for (const last of ['readable', 'writable']) {
      const stream = new KeepingDuplex({ autoDestroy: false, emitClose: false });
      const { transport, heard } = transportOver(stream);
      stream.resume();
      if (last === 'writable') stream.push(null);
      else transport.end();
      await turn();
      expect(heard).toEqual(last === 'writable' ? ['end'] : []);
      if (last === 'writable') transport.end();
      else stream.push(null);
      await turn();
      expect(heard).toEqual(['end', 'close undefined']);
    }
  });

  it('ends its half once, without an error for the second time', async () => {
    const stream = new PassThrough();
    const { transport, heard } = transportOver(stream);
    transport.end();
    transport.end();
    await turn();
    expect(stream.writableFinished).toBe(true);
    expect(heard).toEqual([]);
  });

  it('takes away the timeout of a socket, and the delay of its writes', async () => {
    const [ours] = await tcpPair();
    ours.setTimeout(1_000);
    const noDelay = vi.spyOn(ours, 'setNoDelay');
    const { transport } = transportOver(ours);
    expect(ours.timeout).toBe(0);
    expect(noDelay).toHaveBeenCalledWith(true);
    expect(transport.ownsData).toBe(true);
    expect(transportOver(new PassThrough()).transport.ownsData).toBe(false);
  });

  it('has a turn of its own for a socket that has nothing buffered, and for TLS over such a one alone', async () => {
    const [ours] = await tcpPair();
    const { transport, heard } = transportOver(ours);
    expect(transport.isReadInTurn).toBe(true);
    ours.unshift(Buffer.from('a'));
    expect(transport.isReadInTurn).toBe(false);
    expect(heard).toEqual([]);
    expect(transportOver(new PassThrough()).transport.isReadInTurn).toBe(false);
    const [tcp] = await tcpPair();
    expect(transportOver(new TLSSocket(tcp)).transport.isReadInTurn).toBe(true);
    expect(transportOver(new TLSSocket(new KeepingDuplex() as unknown as Socket)).transport.isReadInTurn).toBe(false);
  });

  it('has addresses of IPv4 and IPv6, and none over a socket that is not connected', async () => {
    const [ours, theirs] = await tcpPair();
    const { transport } = transportOver(ours);
    expect(transport.remote).toBe(`127.0.0.1:${String(theirs.localPort)}`);
    expect(transport.local).toBe(`127.0.0.1:${String(theirs.remotePort)}`);
    const unconnected = transportOver(new Socket()).transport;
    expect([unconnected.remote, unconnected.local]).toEqual(['', '']);
    unconnected.destroy();
  });
});
