import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FrameWriter, type SendCallback } from '../../src/connection/frame-writer.js';
import { Sender } from '../../src/protocol/sender.js';
import { encodeFrame, opcodes, ping, text } from '../conformance/frames.js';
import { destroyAll, engineOver, framesIn, KeepingDuplex, Peer, tcpPair, turn } from './ends.js';

afterEach(destroyAll);

function writerOver(socket: KeepingDuplex, isServer = true) {
  const written: SendCallback[] = [];
  const writer = new FrameWriter(socket, new Sender({ isServer }), {
    onWritten: (_bytes, callbacks) => { written.push(...callbacks); },
  });
  return { writer, written };
}

const KIB = 1024;

describe('FrameWriter', () => {
  it('writes all frames of a tick at once, at its end', async () => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket);
    writer.text('a', undefined);
    writer.binary(Buffer.from('b'), undefined);
    writer.control(opcodes.ping, Buffer.from('c'));
    writer.encoded(encodeFrame(text('d'), false), 1);
    expect(socket.calls).toEqual([]);
    await turn();
    expect(socket.calls).toEqual([1]);
    expect(framesIn(socket.bytes).map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
      [opcodes.text, 'a'],
      [opcodes.binary, 'b'],
      [opcodes.ping, 'c'],
      [opcodes.text, 'd'],
    ]);
    writer.text('e', undefined);
    await turn();
    expect(socket.calls).toEqual([1, 1]);
  });

  it('writes what was added between hold and release at once, when it is released', () => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket);
    writer.hold();
    for (let index = 0; index < 100; index++) writer.text(String(index), undefined);
    expect(socket.calls).toEqual([]);
    writer.release();
    expect(socket.calls).toEqual([1]);
    expect(framesIn(socket.bytes)).toHaveLength(100);
    writer.hold();
    writer.release();
    expect(socket.calls).toEqual([1]);
  });

  it('writes nothing while it is held, whatever is added and whatever was scheduled before', async () => {
    const added: ((writer: FrameWriter) => void)[] = [
      (writer) => { writer.text('a', undefined); },
      (writer) => { writer.text('a', () => undefined); },
      (writer) => { writer.encoded(encodeFrame(text('a'), false), 1); },
      (writer) => { writer.control(opcodes.ping, Buffer.from('a')); },
    ];
    for (const before of added) {
      for (const after of added) {
        const socket = new KeepingDuplex();
        const { writer } = writerOver(socket);
        before(writer);
        writer.hold();
        after(writer);
        await turn();
        expect(socket.calls).toEqual([]);
        writer.release();
        expect(framesIn(socket.bytes)).toHaveLength(2);
        writer.hold();
        after(writer);
        await turn();
        expect(socket.calls).toEqual([1]);
        writer.release();
        expect(socket.calls).toEqual([1, 1]);
      }
    }
  });

  it.each([
    ['text of up to 125', 'b'.repeat(125)],
    ['text of 126 and more', 'b'.repeat(126)],
    ['text above 16 KiB', 'b'.repeat(20_000)],
    ['text above 64 KiB', 'b'.repeat(100_000)],
    ['text that is not ASCII', 'ä'.repeat(10)],
    ['long text that is not ASCII', '水'.repeat(2_000)],
  ])('keeps the order of short texts and %s', async (_, other) => {
    for (const callback of [undefined, () => undefined]) {
      const socket = new KeepingDuplex();
      const { writer } = writerOver(socket);
      const sent = ['a', other, 'c', other, other, 'd', 'e'];
      for (const each of sent) writer.text(each, callback);
      expect(writer.bufferedAmount).toBe(Buffer.byteLength(sent.join('')));
      expect(writer.maxBufferedAmount).toBeGreaterThanOrEqual(writer.bufferedAmount);
      writer.text('f', undefined);
      await turn();
      expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual([...sent, 'f']);
      expect(writer.bufferedAmount).toBe(0);
    }
  });

  it('encodes the short ASCII texts of a tick together, up to 16 KiB, and others one by one', async () => {
    const socket = new KeepingDuplex();
    const sender = new Sender({ isServer: true });
    const run = vi.spyOn(sender, 'writeRun');
    const single = vi.spyOn(sender, 'writeText');
    const writer = new FrameWriter(socket, sender, { onWritten: () => undefined });
    const counts = async (...texts: string[]): Promise<[number, number]> => {
      run.mockClear();
      single.mockClear();
      for (const each of texts) writer.text(each, undefined);
      await turn();
      return [run.mock.calls.length, single.mock.calls.length];
    };
    expect(await counts('a', 'b', 'c'.repeat(125))).toEqual([1, 0]);
    expect(await counts('a', 'b'.repeat(126), 'c')).toEqual([2, 1]);
    // Each takes two bytes more.
    const most = Math.floor((16 * KIB) / 127) + 1;
    expect(await counts(...Array<string>(most).fill('a'.repeat(125)))).toEqual([1, 0]);
    expect(await counts(...Array<string>(most + 1).fill('a'.repeat(125)))).toEqual([2, 0]);
    // What follows a text that is not ASCII will hardly be ASCII, until one is.
    expect(await counts('a', 'ä')).toEqual([1, 2]);
    expect(await counts('ä', 'ö')).toEqual([0, 2]);
    expect(await counts('ä', 'a', 'b', 'c')).toEqual([1, 2]);
    // One that is encoded by way of UTF-16 neither.
    expect(await counts('水'.repeat(1_024))).toEqual([0, 0]);
    expect(await counts('a', 'b')).toEqual([1, 1]);
  });

  it('reports nothing of a write while somebody sends', async () => {
    const [ours] = await tcpPair();
    let isSending = false;
    const reported: [boolean, number][] = [];
    const writer = new FrameWriter(ours, new Sender({ isServer: true }), {
      onWritten: (bytes) => { reported.push([isSending, bytes]); },
    });
    isSending = true;
    for (let count = 0; count < 100; count++) writer.binary(Buffer.alloc(KIB), undefined);
    isSending = false;
    expect(reported).toEqual([]);
    await vi.waitUntil(() => writer.bufferedAmount === 0);
    expect(reported.every(([wasSending]) => !wasSending)).toBe(true);
    expect(reported.reduce((sum, [, bytes]) => sum + bytes, 0)).toBe(100 * KIB);
  });

  it('gathers up to 64 KiB for a write, and begins the next one beyond it', async () => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket);
    for (let index = 0; index < 200; index++) writer.binary(Buffer.alloc(KIB, index), undefined);
    await turn();
    expect(socket.calls).toEqual([1, 1, 1, 1]);
    for (const chunk of socket.chunks) expect(chunk.length).toBeLessThanOrEqual(64 * KIB);
    expect(socket.chunks[0]?.length).toBeGreaterThan(62 * KIB);
    expect(framesIn(socket.bytes).map(({ payload }) => payload[0])).toEqual(
      Array.from({ length: 200 }, (_, index) => index),
    );
  });

  it.each([true, false])('hands a large payload over behind the frames before it, in one writev (server: %s)', async (isServer) => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket, isServer);
    const large = Buffer.alloc(100 * KIB, 'b');
    writer.text('a', undefined);
    writer.binary(large, undefined);
    writer.text('c', undefined);
    writer.text('d'.repeat(100 * KIB), undefined);
    writer.text('e', undefined);
    await turn();
    expect(socket.calls).toEqual([2, 2, 1]);
    expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual([
      'a',
      large.toString(),
      'c',
      'd'.repeat(100 * KIB),
      'e',
    ]);
    expect(socket.chunks.some((chunk) => chunk.buffer === large.buffer)).toBe(isServer);
  });

  it('does not copy a large frame that is encoded already', async () => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket);
    const frame = encodeFrame(text('a'.repeat(100 * KIB)), false);
    writer.encoded(frame, 100 * KIB);
    expect(writer.bufferedAmount).toBe(100 * KIB);
    await turn();
    expect(socket.chunks.some((chunk) => chunk.buffer === frame.buffer)).toBe(true);
    expect(writer.bufferedAmount).toBe(0);
  });

  it('writes a frame that is encoded already as it is while it is alone, and in its place among others', async () => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket);
    const frames = ['a', 'b', 'c'].map((each) => encodeFrame(text(each), false));
    writer.encoded(frames[0] as Buffer, 1);
    expect(writer.bufferedAmount).toBe(1);
    await turn();
    expect(socket.chunks[0]).toBe(frames[0]);
    expect(writer.bufferedAmount).toBe(0);
    writer.encoded(frames[1] as Buffer, 1);
    writer.text('x', undefined);
    writer.encoded(frames[2] as Buffer, 1);
    writer.binary(Buffer.from('y'), undefined);
    await turn();
    writer.encoded(frames[0] as Buffer, 1);
    writer.binary(Buffer.alloc(100 * KIB, 'z'), undefined);
    await turn();
    expect(socket.calls).toEqual([1, 1, 2]);
    const payloads = framesIn(socket.bytes).map(({ payload }) => payload.toString('latin1', 0, 1));
    expect(payloads).toEqual(['a', 'b', 'x', 'c', 'y', 'a', 'z']);
    expect(frames.map((frame) => frame.toString('latin1', 2))).toEqual(['a', 'b', 'c']);
  });

  it('copies a frame that is encoded already up to 16 KiB to what it stands behind, and not above', async () => {
    for (const length of [16 * KIB, 16 * KIB + 1]) {
      const socket = new KeepingDuplex();
      const { writer } = writerOver(socket);
      const frame = encodeFrame(text('a'.repeat(length - 4)), false);
      expect(frame).toHaveLength(length);
      writer.control(opcodes.ping, Buffer.from('p'));
      writer.encoded(frame, length - 4);
      writer.control(opcodes.ping, Buffer.from('q'));
      await turn();
      const isCopied = length === 16 * KIB;
      expect(socket.calls).toEqual(isCopied ? [1] : [2, 1]);
      expect(socket.chunks.some((chunk) => chunk.buffer === frame.buffer)).toBe(!isCopied);
      expect(framesIn(socket.bytes).map(({ opcode }) => opcode)).toEqual([opcodes.ping, opcodes.text, opcodes.ping]);
    }
  });

  it('drops a frame that is encoded already when it is abandoned', async () => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket);
    writer.encoded(encodeFrame(text('a'), false), 1);
    writer.abandon();
    await turn();
    expect(socket.calls).toEqual([]);
  });

  it.each([true, false])('sends long text of any characters as the platform encodes it (server: %s)', async (isServer) => {
    const unit = fc.constantFrom('a', 'é', 'ж', '日', '🌊', '\udead', '\ud83c');
    const parts = fc.array(fc.tuple(unit, fc.nat(4000)), { minLength: 1, maxLength: 8 });
    const mixed = fc.array(unit, { minLength: 1, maxLength: 50 }).map((units) => units.join('').repeat(400));
    const long = fc.oneof(mixed, parts.map((all) => all.map(([each, count]) => each.repeat(count)).join('')));
    await fc.assert(
      fc.asyncProperty(fc.array(long, { minLength: 1, maxLength: 4 }), async (texts) => {
        const socket = new KeepingDuplex();
        const { writer } = writerOver(socket, isServer);
        for (const each of [...texts, 'short']) writer.text(each, undefined);
        const payloads = [...texts, 'short'].map((each) => Buffer.from(each));
        expect(writer.bufferedAmount).toBeGreaterThanOrEqual((payloads.at(-1) as Buffer).length);
        await turn();
        const frames = framesIn(socket.bytes);
        expect(frames.every(({ opcode }) => opcode === opcodes.text)).toBe(true);
        expect(frames.map(({ payload }) => payload.toString('latin1'))).toEqual(payloads.map((each) => each.toString('latin1')));
        expect(writer.bufferedAmount).toBe(0);
        destroyAll();
      }),
      { numRuns: 60 },
    );
  });

  it('hands over large text that is not Latin-1 as it hands over bytes', async () => {
    const socket = new KeepingDuplex();
    const { writer, written } = writerOver(socket);
    const callback = (): void => undefined;
    const message = 'Съешь ещё 🌊'.repeat(10_000);
    writer.text(message, callback);
    await turn();
    expect(framesIn(socket.bytes).map(({ opcode, payload }) => [opcode, payload.toString() === message])).toEqual([
      [opcodes.text, true],
    ]);
    expect(written).toEqual([callback]);
    expect(writer.bufferedAmount).toBe(0);
  });

  it('counts payload bytes until their write calls back, and control frames not at all', async () => {
    // The default is not the same in every version of Node.
    const socket = new KeepingDuplex({ writableHighWaterMark: 16 * KIB });
    const { writer, written } = writerOver(socket);
    const callback = (): void => undefined;
    socket.isStuck = true;
    writer.text('äöü', callback);
    writer.control(opcodes.ping, Buffer.from('ping'));
    expect(writer.bufferedAmount).toBe(6);
    await turn();
    writer.binary(Buffer.alloc(50 * KIB), callback);
    expect(writer.bufferedAmount).toBe(6 + 50 * KIB);
    expect(writer.isBlocked).toBe(true);
    socket.goOn();
    await turn();
    expect(writer.bufferedAmount).toBe(0);
    expect(writer.isBlocked).toBe(false);
    expect(written).toEqual([callback, callback]);
  });

  it('gives back the callbacks that are still due when it is abandoned, in order, and writes nothing more', async () => {
    const socket = new KeepingDuplex();
    const { writer, written } = writerOver(socket);
    const callbacks = Array.from({ length: 3 }, () => (): void => undefined);
    socket.isStuck = true;
    writer.text('a', callbacks[0]);
    await turn();
    writer.text('b', callbacks[1]);
    await turn();
    writer.text('c', callbacks[2]);
    expect(writer.abandon()).toEqual(callbacks);
    socket.goOn();
    await turn();
    expect(writer.abandon()).toEqual([]);
    expect(written).toEqual([]);
    expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual(['a', 'b']);
  });

  it('counts 100,000 writes that waited as they call back', async () => {
    const socket = new KeepingDuplex();
    const { writer } = writerOver(socket);
    socket.isStuck = true;
    for (let index = 0; index < 100_000; index++) {
      writer.text('a', undefined);
      writer.flush();
    }
    expect(writer.bufferedAmount).toBe(100_000);
    socket.goOn();
    await turn();
    expect(writer.bufferedAmount).toBe(0);
    expect(framesIn(socket.bytes)).toHaveLength(100_000);
  });

  it('never changes a chunk that a stream keeps, whatever is sent after it', async () => {
    const send = fc.oneof(
      { weight: 6, arbitrary: fc.record({ size: fc.nat(300), flush: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ size: fc.nat(20 * KIB), flush: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ size: fc.nat(100 * KIB), flush: fc.boolean() }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(send, { maxLength: 60 }), fc.boolean(), fc.boolean(), async (sends, isServer, isStuck) => {
        const socket = new KeepingDuplex();
        const other = new KeepingDuplex();
        socket.isStuck = isStuck;
        const { writer } = writerOver(socket, isServer);
        const { writer: otherWriter } = writerOver(other, isServer);
        const expected: string[] = [];
        for (const [index, { size, flush }] of sends.entries()) {
          const payload = Buffer.alloc(size, index + 1);
          expected.push(payload.toString('latin1'));
          if (index % 2 === 0) writer.binary(payload, undefined);
          else writer.text(payload.toString('latin1'), undefined);
          // The pool is everybody's.
          otherWriter.text('x'.repeat(size), undefined);
          if (flush) {
            writer.flush();
            otherWriter.flush();
          }
        }
        await turn();
        socket.goOn();
        await turn();
        for (let index = 0; index < 50; index++) otherWriter.binary(Buffer.alloc(10 * KIB, 0xff), undefined);
        await turn();
        expect(framesIn(socket.bytes).map(({ payload }) => payload.toString('latin1'))).toEqual(expected);
        destroyAll();
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['of all sizes', [1, 100, 3000, 15_000, 17_000, 70_000, 5, 400_000]],
    ['that fit in batches', [10, 9000, 15_000, 15_000, 15_000, 9000]],
  ])('keeps the bytes of messages %s right over TCP while the reader is slow and the pool is in use', async (_, sizes) => {
    const [ours, theirs] = await tcpPair();
    const [otherOurs, otherTheirs] = await tcpPair();
    const { connection } = engineOver(ours);
    const other = engineOver(otherOurs).connection;
    otherTheirs.resume();
    const messages: Buffer[] = [];
        // Until the kernel has taken all it can, and a while longer.
    for (let round = 0; round < 40 || connection.bufferedAmount < 4_000_000; round++) {
      for (const size of sizes) {
        const payload = Buffer.alloc(size, messages.length % 251);
        messages.push(payload);
        connection.sendBinary(payload);
        other.sendBinary(Buffer.alloc(Math.min(size, 16_000), 0xff));
      }
      await turn();
    }
    const buffered = connection.bufferedAmount;
    expect(buffered).toBeGreaterThan(0);
    const peer = new Peer(theirs, true);
    await peer.receives(messages.length);
    expect(peer.frames.every(({ payload }, index) => payload.equals(messages[index] as Buffer))).toBe(true);
    await new Promise((resolve) => connection.sendText('', resolve));
    expect(connection.bufferedAmount).toBe(0);
  });

  it('flushes the other connections of a tick when writing to one stream throws', async () => {
    const broken = new KeepingDuplex();
    broken._write = () => {
      throw new Error('a stream with a defect');
    };
    const { connection: first, recorder } = engineOver(broken);
    const socket = new KeepingDuplex();
    const { connection: second } = engineOver(socket);
    first.sendText('a');
    second.sendText('b');
    await turn();
    expect(framesIn(socket.bytes).map(({ payload }) => payload.toString())).toEqual(['b']);
    await recorder.end();
    expect(recorder.reports[0]).toEqual(['error', expect.objectContaining({ message: 'a stream with a defect' })]);
  });
});

describe('a connection', () => {
  it('counts what the kernel has not taken, without a callback for what it takes at once', async () => {
    const [ours, theirs] = await tcpPair();
    const { connection } = engineOver(ours);
    const write = vi.spyOn(ours, 'write');
    connection.sendText('a');
    await turn();
    expect(write.mock.calls.map((args) => args.length)).toEqual([1]);
    expect(connection.bufferedAmount).toBe(0);
    // Small frames until the kernel takes no more: the write that it leaves is called back like any other.
    let sent = 1;
    while (connection.bufferedAmount === 0) {
      for (let index = 0; index < 100; index++) connection.sendBinary(Buffer.alloc(100, sent++));
      await turn();
    }
    const peer = new Peer(theirs, true);
    await peer.receives(sent);
    expect(peer.frames.slice(1).every(({ payload }, index) => payload[0] === (index + 1) % 256)).toBe(true);
    await new Promise((resolve) => connection.sendText('', resolve));
    expect(connection.bufferedAmount).toBe(0);
  });

  it('keeps what a broken socket did not take in bufferedAmount', async () => {
    const [ours, theirs] = await tcpPair();
    const { connection, recorder } = engineOver(ours);
    theirs.resetAndDestroy();
    ours.destroy();
    connection.sendText('abc');
    await turn();
    expect(connection.bufferedAmount).toBe(3);
    await recorder.end();
  });

  it('sends with one write all that the handlers of one chunk send', async () => {
    const socket = new KeepingDuplex();
    const { connection, recorder } = engineOver(socket);
    recorder.onReport = (report) => {
      if (report[0] === 'text') connection.sendText(report[1]);
    };
    await turn();
    const frames = Array.from({ length: 64 }, (_, index) => text(String(index)));
    socket.push(Buffer.concat([...frames, ping('p')].map((frame) => encodeFrame(frame, true))));
    await turn();
    expect(socket.calls).toEqual([1]);
    expect(framesIn(socket.bytes)).toHaveLength(65);
  });
});
