import { describe, expect, it } from 'vitest';
import { Receiver } from '../../src/protocol/receiver.js';
import {
  BINARY,
  CLOSE,
  closePayload,
  CONTINUATION,
  frameBytes,
  KEY,
  PING,
  PONG,
  TEXT,
  type FrameFields,
} from './frame-bytes.js';
import { receive, recordedReceiver, Recorder } from './recorder.js';

const ends = [
  { end: 'a server', isServer: true, maskingKey: KEY },
  { end: 'a client', isServer: false, maskingKey: undefined },
];

/** Where the length's form changes, where unmasking goes over to whole words, and beyond the scratch memory for text. */
const LENGTHS = [0, 1, 124, 125, 126, 127, 128, 129, 65534, 65535, 65536, 65537, 2 ** 17];

describe('the examples of RFC 6455 section 5.7', () => {
  const hex = (bytes: string): Buffer => Buffer.from(bytes.replaceAll(' ', ''), 'hex');

  it.each([
    ['a single unmasked text message', false, '81 05 48 65 6c 6c 6f', ['text', 'Hello']],
    ['a single masked text message', true, '81 85 37 fa 21 3d 7f 9f 4d 51 58', ['text', 'Hello']],
    ['a fragmented unmasked text message', false, '01 03 48 65 6c 80 02 6c 6f', ['text', 'Hello']],
    ['an unmasked ping', false, '89 05 48 65 6c 6c 6f', ['ping', Buffer.from('Hello')]],
    ['a masked pong', true, '8a 85 37 fa 21 3d 7f 9f 4d 51 58', ['pong', Buffer.from('Hello')]],
  ])('%s', (_, isServer, bytes, event) => {
    expect(receive([hex(bytes)], { isServer })).toEqual([event]);
  });

  it('256 bytes and 64 KiB of binary', () => {
    const chunks = [hex('82 7e 0100'), Buffer.alloc(256, 1), hex('82 7f 0000000000010000'), Buffer.alloc(65536, 2)];
    const [short, long] = receive(chunks, { isServer: false }).map(([, data]) => data as Buffer);
    expect(short?.equals(Buffer.alloc(256, 1))).toBe(true);
    expect(long?.equals(Buffer.alloc(65536, 2))).toBe(true);
  });
});

describe.each(ends)('Receiver of $end', ({ isServer, maskingKey }) => {
  const bytesOf = (...frames: FrameFields[]): Buffer =>
    Buffer.concat(frames.map((fields) => frameBytes({ maskingKey, ...fields })));

  /** A receiver whose handler does something inside of its n-th event. */
  function acting(actions: Record<number, () => void>): { receiver: Receiver; recorder: Recorder } {
    const recorder: Recorder = new Recorder(() => actions[recorder.events.length - 1]?.());
    return { receiver: new Receiver(recorder, { isServer, maxPayload: 1000, maxFragments: 10 }), recorder };
  }

  it.each(LENGTHS)('reads binary and text of %i bytes', (length) => {
    const binary = Buffer.alloc(length, 'Watershed \xff', 'latin1');
    const ascii = 'Watershed '.repeat(14_000).slice(0, length);
    const wide = Buffer.from('€'.repeat(length / 3) + 'x'.repeat(length % 3));
    const events = receive(
      [bytesOf({ opcode: BINARY, payload: binary }, { opcode: TEXT, payload: ascii }, { opcode: TEXT, payload: wide })],
      { isServer },
    );
    expect(events.map(([name]) => name)).toEqual(['binary', 'text', 'text']);
    expect(binary.equals(events[0]?.[1] as Buffer)).toBe(true);
    expect(events[1]?.[1]).toBe(ascii);
    expect(events[2]?.[1]).toBe(wide.toString());
  });

  it('gives binary messages in ArrayBuffers of exactly their length when it is told to', () => {
    const recorder = new Recorder();
    const receiver = new Receiver(recorder, { isServer, maxPayload: 2 ** 20, maxFragments: 10 });
    receiver.useArrayBuffers();
    const lengths = [1, 64, 65, 500, 1024, 5000, 70_000];
    const frames = lengths.map((length) => bytesOf({ opcode: BINARY, payload: Buffer.alloc(length, length) }));
    receiver.push(Buffer.concat(frames));
    for (const frame of frames) receiver.push(frame);
    const received = recorder.events.map(([, data]) => data as Buffer);
    expect(received.map((data) => data.buffer.byteLength)).toEqual([...lengths, ...lengths]);
    for (const data of received) expect(data.equals(Buffer.alloc(data.length, data.length))).toBe(true);
  });

  it.each([
    ['binary', BINARY, Buffer.alloc(200_000, 'Watershed \xff', 'latin1')],
    ['ASCII', TEXT, Buffer.from('Watershed '.repeat(20_000))],
    ['text', TEXT, Buffer.from('a€🌊'.repeat(25_000))],
  ])('joins the long parts of a message that came in chunks of its own: %s', (_, opcode, payload) => {
    const bytes = bytesOf({ opcode, payload: payload.subarray(0, 90_001), fin: false }, {
      opcode: CONTINUATION,
      payload: payload.subarray(90_001),
    });
    for (const size of [17_001, 40_000, 65_537, 150_000]) {
      const recorder = new Recorder();
      const receiver = new Receiver(recorder, { isServer, maxPayload: 2 ** 20, maxFragments: 10 });
      for (let start = 0; start < bytes.length; start += size) {
        receiver.push(Buffer.from(Uint8Array.from(bytes.subarray(start, start + size)).buffer), true);
      }
      const [[, message] = []] = recorder.events;
      const received = typeof message === 'string' ? Buffer.from(message) : (message as Buffer);
      expect(recorder.events.map(([name]) => name)).toEqual([opcode === TEXT ? 'text' : 'binary']);
      expect(received.equals(payload)).toBe(true);
    }
  });

  it('fails a long part that is not UTF-8 as it comes in a chunk of its own', () => {
    const payload = Buffer.alloc(40_000, 'a');
    payload[30_000] = 0xff;
    const bytes = bytesOf({ opcode: TEXT, payload, fin: false });
    const recorder = new Recorder();
    const receiver = new Receiver(recorder, { isServer, maxPayload: 2 ** 20, maxFragments: 10 });
    receiver.push(Buffer.from(Uint8Array.from(bytes.subarray(0, 35_000)).buffer), true);
    expect(recorder.error.code).toBe('WATERSHED_INVALID_UTF8');
  });

  it('gives binary messages of all lengths out of a chunk of its own', () => {
    const lengths = [1, 2000, 64, 5000, 65, 16_000, 16_384, 1023, 1024, 2001];
    const frames = lengths.map((length, index) => ({ opcode: BINARY, payload: Buffer.alloc(length, index + 1) }));
    // More than the scanner takes at once.
    const bytes = bytesOf(...frames, ...frames, ...frames);
    const recorder = new Recorder();
    const receiver = new Receiver(recorder, { isServer, maxPayload: 2 ** 20, maxFragments: 10 });
    receiver.push(Buffer.from(Uint8Array.from(bytes).buffer), true);
    const received = recorder.events.map(([, data]) => data as Buffer);
    const expected = [...frames, ...frames, ...frames].map(({ payload }) => payload);
    expect(received.map((data) => data.length)).toEqual(expected.map((data) => data.length));
    expect(received.every((data, index) => data.equals(expected[index] as Buffer))).toBe(true);
  });

  it('keeps the order when its handler stops it, pushes more and resumes it', () => {
    const textFrames = (...texts: string[]): Buffer => bytesOf(...texts.map((payload) => ({ opcode: TEXT, payload })));
    const { receiver, recorder } = acting({
      0: () => {
        receiver.stop();
        receiver.push(textFrames('d'));
        receiver.resume();
        receiver.push(textFrames('e'));
      },
    });
    receiver.push(textFrames('a', 'b', 'c'));
    expect(recorder.events.map(([, text]) => text)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('goes on where it was when its handler has fed another receiver', () => {
    const textsOf = (word: string): string[] => Array.from({ length: 40 }, (_, index) => `${word} ${String(index)}`);
    const framesOf = (texts: readonly string[]): Buffer =>
      bytesOf(...texts.map((payload) => ({ opcode: TEXT, payload })));
    const inner = new Recorder();
    const other = new Receiver(inner, { isServer, maxPayload: 1000, maxFragments: 10 });
    const feed = (): void => { other.push(framesOf(textsOf('another one, and longer'))); };
    const { receiver, recorder } = acting({ 0: feed, 20: feed, 39: feed });
    receiver.push(framesOf(textsOf('one')));
    feed();
    expect(recorder.events.map(([, text]) => text)).toEqual(textsOf('one'));
    expect(inner.events.map(([, text]) => text)).toEqual(Array(4).fill(textsOf('another one, and longer')).flat());
  });

  it('joins the fragments of a message, empty ones too, and delivers control frames that come between them', () => {
    const bytes = bytesOf(
      { opcode: TEXT, payload: '', fin: false },
      { opcode: PING, payload: '1' },
      { opcode: CONTINUATION, payload: 'wat', fin: false },
      { opcode: CONTINUATION, payload: '', fin: false },
      { opcode: PONG, payload: '2' },
      { opcode: CONTINUATION, payload: 'ershed' },
      { opcode: BINARY, payload: 'b', fin: false },
      { opcode: CONTINUATION, payload: '' },
    );
    expect(receive([bytes], { isServer })).toEqual([
      ['ping', Buffer.from('1')],
      ['pong', Buffer.from('2')],
      ['text', 'watershed'],
      ['binary', Buffer.from('b')],
    ]);
  });

  it('joins a character that is cut by fragments, and keeps a byte order mark', () => {
    const text = Buffer.from('\ufeff🌊');
    const bytes = bytesOf(
      ...[...text].map((_, index) => ({
        opcode: index === 0 ? TEXT : CONTINUATION,
        payload: text.subarray(index, index + 1),
        fin: index === text.length - 1,
      })),
    );
    expect(receive([bytes], { isServer })).toEqual([['text', '\ufeff🌊']]);
  });

  it.each([0, 1, 124, 125])('reads pings and pongs of %i bytes', (length) => {
    const payload = Buffer.alloc(length, 0xfe);
    const bytes = bytesOf({ opcode: PING, payload }, { opcode: PONG, payload });
    expect(receive([bytes], { isServer })).toEqual([
      ['ping', payload],
      ['pong', payload],
    ]);
  });

  it('reports the CLOSE, and nothing that comes after it', () => {
    for (const [payload, frame] of [
      [Buffer.alloc(0), { code: undefined, reason: '' }],
      [closePayload(4321, 'bye 🌊'), { code: 4321, reason: 'bye 🌊' }],
    ] as const) {
      const { receiver, recorder } = recordedReceiver({ isServer });
      receiver.push(bytesOf({ opcode: CLOSE, payload }, { opcode: PING }));
      receiver.push(bytesOf({ opcode: TEXT, payload: 'x' }));
      receiver.push(Buffer.from([0xff, 0xff]));
      receiver.stop();
      receiver.push(bytesOf({ opcode: TEXT, payload: 'y' }));
      receiver.resume();
      expect(recorder.events).toEqual([['close', frame]]);
    }
  });

  it('reports nothing after an error', () => {
    const { receiver, recorder } = recordedReceiver({ isServer });
    receiver.push(Buffer.concat([bytesOf({ opcode: 3 }), bytesOf({ opcode: PING })]));
    receiver.push(bytesOf({ opcode: TEXT, payload: 'x' }));
    receiver.resume();
    expect(recorder.events).toHaveLength(1);
    expect(recorder.error.code).toBe('WATERSHED_RESERVED_OPCODE');
  });

  it('takes a chunk of no bytes anywhere', () => {
    const bytes = bytesOf({ opcode: TEXT, payload: 'ab', fin: false }, { opcode: CONTINUATION, payload: '' });
    const chunks = [...bytes].flatMap((byte) => [Buffer.alloc(0), Buffer.from([byte])]);
    expect(receive([...chunks, Buffer.alloc(0)], { isServer })).toEqual([['text', 'ab']]);
  });

  it('reports nothing while it is stopped, in the middle of a header or of a frame too', () => {
    const bytes = bytesOf({ opcode: TEXT, payload: 'held' }, { opcode: PING }, { opcode: BINARY, payload: 'z' });
    for (let split = 0; split <= bytes.length; split++) {
      const { receiver, recorder } = recordedReceiver({ isServer });
      receiver.push(bytes.subarray(0, split));
      const before = recorder.events.length;
      receiver.stop();
      receiver.push(bytes.subarray(split, split + 1));
      receiver.push(bytes.subarray(split + 1));
      expect(recorder.events).toHaveLength(before);
      receiver.resume();
      expect(recorder.events).toEqual([['text', 'held'], ['ping', Buffer.alloc(0)], ['binary', Buffer.from('z')]]);
    }
  });

  it('stops behind the frame whose event said so, and gives the rest one by one if told to', () => {
    const payload = 'some more than a header';
    const { receiver, recorder } = acting([0, 1, 2].map(() => () => { receiver.stop(); }));
    receiver.push(bytesOf({ opcode: PING, payload }, { opcode: PONG, payload }, { opcode: TEXT, payload }));
    const names: string[][] = [recorder.events.map(([name]) => name)];
    for (let resumed = 0; resumed < 3; resumed++) {
      receiver.resume();
      names.push(recorder.events.map(([name]) => name));
    }
    const all = ['ping', 'pong', 'text'];
    expect(names).toEqual([['ping'], ['ping', 'pong'], all, all]);
  });

  it('resumes at once when the handler stops and resumes it within an event', () => {
    const { receiver, recorder } = acting({ 0: () => { receiver.stop(); receiver.resume(); } });
    receiver.push(bytesOf({ opcode: PING }, { opcode: PONG }));
    expect(recorder.events.map(([name]) => name)).toEqual(['ping', 'pong']);
  });

  it('puts what is pushed within an event behind what came before it', () => {
    const late = bytesOf({ opcode: TEXT, payload: 'second' });
    const { receiver, recorder } = acting({
      0: () => {
        receiver.push(late.subarray(0, 3));
        receiver.push(late.subarray(3));
        late.fill(0xff);
      },
    });
    receiver.push(bytesOf({ opcode: PING }, { opcode: TEXT, payload: 'first' }));
    expect(recorder.events.slice(1)).toEqual([['text', 'first'], ['text', 'second']]);
  });

  it('keeps what is pushed within an event that stopped it', () => {
    const { receiver, recorder } = acting({
      0: () => {
        receiver.stop();
        receiver.push(bytesOf({ opcode: TEXT, payload: 'second' }));
      },
    });
    receiver.push(bytesOf({ opcode: PING }, { opcode: TEXT, payload: 'first' }));
    expect(recorder.events).toHaveLength(1);
    receiver.resume();
    expect(recorder.events.slice(1)).toEqual([['text', 'first'], ['text', 'second']]);
  });

  it('ignores what the handler does once a CLOSE or an error was reported', () => {
    const ping = bytesOf({ opcode: PING });
    const wrongHeader = bytesOf({ opcode: TEXT, rsv: 4, payload: 'x' });
    for (const chunks of [
      [bytesOf({ opcode: CLOSE })],
      [wrongHeader],
      [wrongHeader.subarray(0, 1), wrongHeader.subarray(1)],
      [bytesOf({ opcode: TEXT, payload: Buffer.from([0xff]) })],
    ]) {
      const { receiver, recorder } = acting({
        0: () => {
          receiver.stop();
          receiver.push(ping);
          receiver.resume();
          receiver.push(ping);
        },
      });
      for (const chunk of chunks) receiver.push(chunk);
      receiver.push(ping);
      expect(recorder.events).toHaveLength(1);
    }
  });

  it('does nothing when it is resumed without having been stopped', () => {
    const bytes = bytesOf({ opcode: TEXT, payload: 'x'.repeat(200) });
    for (let split = 0; split <= bytes.length; split++) {
      const { receiver, recorder } = recordedReceiver({ isServer });
      receiver.resume();
      receiver.push(bytes.subarray(0, split));
      receiver.resume();
      receiver.push(bytes.subarray(split));
      expect(recorder.events).toEqual([['text', 'x'.repeat(200)]]);
    }
  });
});
