/**
 * A connection that compresses, over real sockets: the order, the count and the end of messages of which some are
 * compressed at once, some in the thread pool and some not at all. The peer has zlib streams of its own.
 */
import { Blob } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { constants, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { broadcast } from '../../src/connection/broadcast.js';
import type { Connection } from '../../src/connection/connection.js';
import { PauseReason } from '../../src/connection/inbound.js';
import type { PerMessageDeflateOptions } from '../../src/options.js';
import { type DeflateDirection, Deflater } from '../../src/protocol/permessage-deflate.js';
import { binary, close, continuation, encodeFrame, type Frame, opcodes, ping, text } from '../conformance/frames.js';
import { StreamingDeflater, StreamingInflater } from '../protocol/streaming-codec.js';
import {
  destroyAll,
  type Engine,
  engine,
  type EngineOptions,
  framesIn,
  KeepingDuplex,
  Peer,
  type Recorder,
  tcpPair,
  turn,
} from './ends.js';

afterEach(() => {
  vi.restoreAllMocks();
  destroyAll();
});

const TAKEOVER: DeflateDirection = { noContextTakeover: false, windowBits: 15 };
const COMPRESSED = 4;

/** Words that compress well, never twice the same. */
function words(length: number, seed = 0): string {
  let made = '';
  for (let index = seed; made.length < length; index++) made += `message ${String(index * 7919)}, `;
  return made.slice(0, length);
}

/** Compressed at once; in the thread pool; not shorter when it is compressed. */
const SMALL = words(2_000);
const LARGE = words(200_000);
const RANDOM = randomBytes(50_000);

interface CompressedPeer {
  readonly peer: Peer;
  readonly deflater: StreamingDeflater;
  /** The first `count` messages and control frames; the payload inflated, with a character for each byte. */
  readonly messages: (count: number) => Promise<[opcode: number, payload: string, isCompressed: boolean][]>;
}

interface CompressedOptions extends EngineOptions {
  readonly outgoing?: DeflateDirection;
  readonly incoming?: DeflateDirection;
}

/** An engine that has agreed on permessage-deflate, and its peer. */
async function ends({ outgoing = TAKEOVER, incoming = TAKEOVER, ...options }: CompressedOptions = {}): Promise<
  Engine & CompressedPeer
> {
  const [ours, theirs] = await tcpPair();
  const made = engine(options);
  const deflate = { outgoing, incoming };
  made.connection.open(ours, Buffer.alloc(0), { subprotocol: undefined, extensions: 'permessage-deflate', deflate });
  const peer = new Peer(theirs, options.isServer ?? true);
  const inflater = new StreamingInflater(outgoing);
  const deflater = new StreamingDeflater(incoming);
  onTestFinished(() => {
    inflater.close();
    deflater.close();
  });
  const inflated: [number, string, boolean][] = [];
  return {
    ...made,
    peer,
    deflater,
    async messages(count) {
      await peer.receives(count);
      for (const { opcode, payload, rsv } of peer.frames.slice(inflated.length)) {
        const isCompressed = rsv === COMPRESSED;
        inflated.push([opcode, latin1(isCompressed ? await inflater.inflate(payload) : payload), isCompressed]);
      }
      return inflated.slice(0, count);
    },
  };
}

/** As a string, which is compared much faster than a Buffer. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The messages and control frames that were reported, with a character for each byte. */
function received({ reports }: Recorder): [name: string, payload: string][] {
  return reports.flatMap(([name, payload]) =>
    typeof payload === 'string' ? [[name, payload]] : Buffer.isBuffer(payload) ? [[name, latin1(payload)]] : [],
  );
}

function deflated(data: string | Buffer): Buffer {
  const bytes = deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - 4);
}

/** Another connection receives a much larger message: what the thread pool had to do before it is done. */
async function otherInflates(): Promise<void> {
  const { peer, recorder } = await ends();
  peer.send(text(deflated(words(8_000_000)), compressed));
  await recorder.report('text');
  await turn();
}

const compressed = { rsv: COMPRESSED };

describe('what is sent', () => {
  it('arrives in the order of the calls, the CLOSE last, whatever is compressed and wherever', async () => {
    const { connection, messages } = await ends();
    connection.sendText(SMALL);
    connection.sendText(LARGE);
    connection.sendText('short');
    connection.sendText(LARGE, undefined, false);
    connection.sendBlob(new Blob([words(20_000)]));
    connection.sendBinary(RANDOM);
    connection.sendText(SMALL);
    connection.sendBlob(new Blob(['tiny']));
    connection.sendBinary(Buffer.from(LARGE));
    connection.close(1000, 'bye');
    expect(await messages(10)).toEqual([
      [opcodes.text, SMALL, true],
      [opcodes.text, LARGE, true],
      [opcodes.text, 'short', false],
      [opcodes.text, LARGE, false],
      [opcodes.binary, words(20_000), true],
      [opcodes.binary, latin1(RANDOM), false],
      [opcodes.text, SMALL, true],
      [opcodes.binary, 'tiny', false],
      [opcodes.binary, LARGE, true],
      [opcodes.close, '\x03\xe8bye', false],
    ]);
  });

  it('lets PING and PONG pass while the thread pool works', async () => {
    const { connection, peer, messages } = await ends();
    connection.sendText(LARGE);
    connection.ping(Buffer.from('passes'));
    peer.send(ping('answer me'));
    const order = (await messages(3)).map(([opcode]) => opcode);
    expect(order[0]).toBe(opcodes.ping);
    expect(new Set(order)).toEqual(new Set([opcodes.ping, opcodes.pong, opcodes.text]));
  });

  it('counts its own bytes in bufferedAmount, not the compressed ones, until each callback', async () => {
    const { connection, recorder, messages } = await ends({ highWaterMark: 1_000 });
    const log: [string, number][] = [];
    const done = (name: string) => (): void => { log.push([name, connection.bufferedAmount]); };
    const euros = '€'.repeat(10_000);
    expect(connection.sendText('x'.repeat(1_024), done('small'))).toBe(false);
    expect(connection.bufferedAmount).toBe(1_024);
    connection.sendText(euros, done('large'));
    expect(connection.bufferedAmount).toBe(31_024);
    connection.sendBinary(RANDOM, done('random'));
    connection.sendText('plain', done('plain'));
    expect(connection.bufferedAmount).toBe(81_029);
    await recorder.report('drain');
    expect(log).toEqual([['small', 80_005], ['large', 50_005], ['random', 5], ['plain', 0]]);
    expect(connection.bufferedAmount).toBe(0);
    expect(recorder.names).toEqual(['drain']);
    expect((await messages(4)).map(([, payload]) => payload.length)).toEqual([1_024, 30_000, 50_000, 5]);
  });

  it('is the bytes of the call, though they change right after it', async () => {
    const { connection, messages } = await ends();
    const small = Buffer.from(SMALL);
    const large = Buffer.from(LARGE);
    connection.sendBinary(small);
    connection.sendBinary(large);
    connection.sendBinary(small);
    small.fill(0);
    large.fill(0);
    const payloads = (await messages(3)).map(([, payload]) => payload);
    expect(payloads).toEqual([SMALL, LARGE, SMALL]);
  });

  it('is compressed from the threshold on, in bytes', async () => {
    const { connection, messages } = await ends({ perMessageDeflate: { threshold: 300 } });
    connection.sendText('€'.repeat(99));
    connection.sendText('€'.repeat(100));
    connection.sendBinary(Buffer.alloc(299));
    connection.sendBinary(Buffer.alloc(300));
    connection.sendBinary(Buffer.alloc(300), undefined, false);
    expect((await messages(5)).map(([, , isCompressed]) => isCompressed)).toEqual([false, true, false, true, false]);
  });

  it('goes as it was, and is no history, when compressing it gains nothing', async () => {
    const { connection, messages } = await ends({ perMessageDeflate: { threshold: 0 } });
    const random = RANDOM.subarray(0, 3_000);
    const large = RANDOM.subarray(0, 20_000);
    const sent = [Buffer.alloc(0), random, Buffer.from(SMALL), large, random, Buffer.from(LARGE)];
    for (const data of sent) connection.sendBinary(data);
    const received = await messages(6);
    expect(received.map(([, , isCompressed]) => isCompressed)).toEqual([false, false, true, false, false, true]);
    expect(received.map(([, payload]) => payload)).toEqual(sent.map(latin1));
  });

  it('refers to the messages before with context takeover, and to none without it', async () => {
    const secret = randomBytes(1_500).toString('base64');
    const lengths = async (outgoing: DeflateDirection): Promise<number[]> => {
      const { connection, peer, messages } = await ends({ outgoing });
      connection.sendText(secret);
      connection.sendText(secret);
      expect((await messages(2)).map(([, payload]) => payload)).toEqual([secret, secret]);
      return peer.frames.map(({ payload }) => payload.length);
    };
    const [, again] = await lengths(TAKEOVER);
    expect(again).toBeLessThan(100);
    const [once, twice] = await lengths({ ...TAKEOVER, noContextTakeover: true });
    expect(twice).toBe(once);
  });

  it('is called back with an error when the connection is destroyed while the thread pool works', async () => {
    const { connection, recorder, peer } = await ends();
    const log: string[] = [];
    const done = (name: string) => (error?: Error): void => {
      log.push(`${name} ${error === undefined ? 'sent' : (error as { code?: string }).code ?? ''}`);
    };
    connection.sendText(LARGE, done('large'));
    connection.sendText('behind it', done('behind'));
    connection.sendBinary(Buffer.from(LARGE), done('large again'));
    connection.destroy();
    expect(log).toEqual([
      'large WATERSHED_DESTROYED',
      'behind WATERSHED_DESTROYED',
      'large again WATERSHED_DESTROYED',
    ]);
    await peer.end();
    // The thread has finished by the time that one which began later has.
    const other = await ends();
    other.connection.sendText(LARGE);
    await other.messages(1);
    await turn();
    expect(log).toHaveLength(3);
    expect(peer.frames).toEqual([]);
    expect(recorder.names).toEqual(['end']);
  });
});

describe('what is received', () => {
  it('is delivered in order, the CLOSE last, however it was compressed', async () => {
    const { recorder, peer, deflater } = await ends();
    peer.send(
      text(await deflater.deflate(Buffer.from(SMALL)), compressed),
      binary(await deflater.deflate(Buffer.from(LARGE)), compressed),
      text('plain'),
      ping('in between'),
      text(await deflater.deflate(Buffer.alloc(0)), compressed),
      text(await deflater.deflate(Buffer.from(LARGE)), compressed),
      binary(await deflater.deflate(RANDOM), compressed),
      text(await deflater.deflate(Buffer.from(SMALL)), compressed),
      close(1000, 'bye'),
    );
    await peer.end();
    peer.socket.end();
    expect(await recorder.end()).toEqual({ close: { code: 1000, reason: 'bye' }, wasClean: true });
    expect(received(recorder)).toEqual([
      ['text', SMALL],
      ['binary', LARGE],
      ['text', 'plain'],
      ['ping', 'in between'],
      ['text', ''],
      ['text', LARGE],
      ['binary', latin1(RANDOM)],
      ['text', SMALL],
    ]);
    expect(peer.received).toEqual(['pong in between', 'close 1000 bye']);
  });

  it('is put together from compressed fragments, with control frames between them', async () => {
    const { recorder, peer } = await ends();
    const payload = deflated(LARGE);
    peer.send(
      text(payload.subarray(0, 1), { fin: false, rsv: COMPRESSED }),
      ping('a'),
      continuation(payload.subarray(1, 20_000), { fin: false }),
      continuation('', { fin: false }),
      ping('b'),
      continuation(payload.subarray(20_000)),
      text('next'),
    );
    await recorder.until(() => recorder.texts.length === 2);
    expect(recorder.names).toEqual(['ping', 'ping', 'text', 'text']);
    expect(recorder.texts).toEqual([LARGE, 'next']);
  });

  it('is delivered before the end when TCP ends right behind it', async () => {
    for (const isServer of [true, false]) {
      const { recorder, peer } = await ends({ isServer });
      peer.socket.end(peer.encode(text(deflated(LARGE), compressed), text('last')));
      expect(await recorder.end()).toEqual({ close: undefined, wasClean: false });
      expect(recorder.names).toEqual(['text', 'text', 'reset', 'end']);
      expect(recorder.texts).toEqual([LARGE, 'last']);
    }
  });

  it('is not delivered while the user has paused, though it was inflating then', async () => {
    const { connection, recorder, peer } = await ends();
    recorder.onReport = ([name]) => {
      // It is in the chunk of the message: that has begun to be inflated when this turn is over.
      if (name === 'ping') setImmediate(() => { connection.inbound.pause(PauseReason.USER); });
    };
    peer.send(ping(''), text(deflated(LARGE), compressed), text('next'), close(1000));
    await otherInflates();
    expect(recorder.names).toEqual(['ping']);
    connection.inbound.resume(PauseReason.USER);
    await recorder.until(() => recorder.texts.length === 2);
    expect(recorder.texts).toEqual([LARGE, 'next']);
    await peer.receives(2);
    expect(peer.received).toEqual(['pong ', 'close 1000 ']);
  });

  it('does not keep a connection that broke while it waits for resume', async () => {
    const { connection, recorder, peer } = await ends();
    recorder.onReport = ([name]) => {
      if (name === 'ping') setImmediate(() => { connection.inbound.pause(PauseReason.USER); });
    };
    peer.send(ping(''), text(deflated(LARGE), compressed));
    await peer.receives(1);
    await otherInflates();
    connection.sendText(LARGE);
    connection.socket?.destroy(new Error('broken'));
    expect(await recorder.end()).toEqual({ close: undefined, wasClean: false });
    expect(recorder.names).toEqual(['ping', 'error', 'end']);
  });

  it('is not delivered any more when the user destroys the connection and resumes it then', async () => {
    const { connection, recorder, peer } = await ends();
    recorder.onReport = ([name]) => {
      if (name === 'ping') setImmediate(() => { connection.inbound.pause(PauseReason.USER); });
    };
    peer.send(ping(''), text(deflated(LARGE), compressed));
    await otherInflates();
    connection.destroy();
    connection.inbound.resume(PauseReason.USER);
    await turn();
    expect(recorder.names).toEqual(['ping', 'end']);
  });

  it('can be paused and resumed by its own listener without a message lost or out of order', async () => {
    const { connection, recorder, peer, deflater } = await ends();
    recorder.onReport = ([name]) => {
      if (name !== 'text') return;
      connection.inbound.pause(PauseReason.USER);
      setImmediate(() => { connection.inbound.resume(PauseReason.USER); });
    };
    const sent = [LARGE, SMALL, words(30_000, 5), 'x', words(60_000, 9), SMALL];
    for (const message of sent) peer.send(text(await deflater.deflate(Buffer.from(message)), compressed));
    await recorder.until(() => recorder.texts.length === sent.length);
    expect(recorder.texts).toEqual(sent);
  });

  it('is not delivered when the connection was destroyed while it was inflated', async () => {
    const { connection, recorder, peer } = await ends();
    recorder.onReport = ([name]) => {
      if (name === 'ping') setImmediate(() => { connection.destroy(); });
    };
    peer.send(ping(''), text(deflated(LARGE), compressed), text('next'));
    await recorder.end();
    await otherInflates();
    expect(recorder.names).toEqual(['ping', 'end']);
  });

  const wrong: [name: string, frames: Frame[], closeCode: number, code: string][] = [
    [
      'compressed bytes that are corrupt',
      [text(Buffer.alloc(40, 0xff), compressed)],
      1007,
      'WATERSHED_INVALID_COMPRESSION',
    ],
    [
      'many compressed bytes that are corrupt at their end',
      [binary(Buffer.concat([deflated(RANDOM), Buffer.alloc(9_000, 0xff)]), compressed)],
      1007,
      'WATERSHED_INVALID_COMPRESSION',
    ],
    [
      'a compressed message that was cut off',
      [text(deflated(SMALL).subarray(0, 50), compressed)],
      1007,
      'WATERSHED_INVALID_COMPRESSION',
    ],
    [
      'text that is not UTF-8 when it is inflated',
      [text(deflated(Buffer.from([0xc3, 0x28])), compressed)],
      1007,
      'WATERSHED_INVALID_UTF8',
    ],
    [
      'long text that is not UTF-8 when it is inflated',
      [text(deflated(Buffer.concat([Buffer.from(LARGE), Buffer.from([0xf0, 0x9f])])), compressed)],
      1007,
      'WATERSHED_INVALID_UTF8',
    ],
    [
      'RSV1 on a continuation',
      [text('a', { fin: false }), continuation('b', compressed)],
      1002,
      'WATERSHED_RESERVED_BITS',
    ],
    ['RSV1 on a PING', [ping('a', compressed)], 1002, 'WATERSHED_RESERVED_BITS'],
    ['RSV2 beside RSV1', [text(deflated('a'), { rsv: 6 })], 1002, 'WATERSHED_RESERVED_BITS'],
    [
      'many bytes that inflate to more than maxPayload',
      [text(deflated(words(600_000)), compressed)],
      1009,
      'WATERSHED_MESSAGE_TOO_BIG',
    ],
    [
      'a few bytes that inflate to more than maxPayload',
      [binary(deflated(Buffer.alloc(600_000)), compressed)],
      1009,
      'WATERSHED_MESSAGE_TOO_BIG',
    ],
  ];
  it.each(wrong)('fails the connection: %s', async (_, frames, closeCode, code) => {
    for (const isServer of [true, false]) {
      const { recorder, peer } = await ends({ isServer, maxPayload: 500_000 });
      peer.send(text(deflated('before'), compressed), ...frames, text('after'));
      const [, error] = (await recorder.report('error')) as ['error', Error];
      expect(error).toMatchObject({ code, closeCode });
      await peer.receives(1);
      expect(peer.received).toEqual([`close ${String(closeCode)} `]);
      peer.socket.end();
      await recorder.end();
      expect(recorder.names).toEqual(['text', 'error', 'end']);
    }
  });

  it('may have maxPayload bytes when it is inflated, and not one more', async () => {
    for (const maxPayload of [100, 70_000]) {
      const { recorder, peer } = await ends({ maxPayload });
      peer.send(binary(deflated(Buffer.alloc(maxPayload)), compressed));
      peer.send(binary(deflated(Buffer.alloc(maxPayload + 1)), compressed));
      await recorder.report('error');
      expect(received(recorder)).toEqual([['binary', '\0'.repeat(maxPayload)]]);
      await peer.receives(1);
      expect(peer.received).toEqual(['close 1009 ']);
    }
  });
});

describe('the channel watershed:compression', () => {
  it('tells of each message how long it is and how long when it is compressed, both ways', async () => {
    const log: unknown[] = [];
    const subscriber = (message: unknown): void => { log.push(message); };
    subscribe('watershed:compression', subscriber);
    onTestFinished(() => { unsubscribe('watershed:compression', subscriber); });
    const { connection, recorder, peer, messages } = await ends();
    connection.sendText(SMALL);
    connection.sendText(LARGE);
    connection.sendText('short');
    await messages(3);
    peer.send(text(deflated(SMALL), compressed), text('plain'));
    await recorder.until(() => recorder.texts.length === 2);
    const { id, remote, local } = connection;
    const [small, large] = peer.frames.map(({ payload }) => payload.length);
    expect(log).toEqual([
      { id, remote, local, direction: 'send', bytes: SMALL.length, compressedBytes: small },
      { id, remote, local, direction: 'send', bytes: LARGE.length, compressedBytes: large },
      { id, remote, local, direction: 'receive', bytes: SMALL.length, compressedBytes: deflated(SMALL).length },
    ]);
  });
});

describe('compressing', () => {
  /** An engine that compresses, over a stream that keeps what is written. */
  function engineOverStream(options: EngineOptions = {}): Engine & { socket: KeepingDuplex } {
    const socket = new KeepingDuplex();
    const made = engine(options);
    const deflate = { outgoing: TAKEOVER, incoming: TAKEOVER };
    made.connection.open(socket, Buffer.alloc(0), { subprotocol: undefined, extensions: 'permessage-deflate', deflate });
    return { ...made, socket };
  }

  it('is done at once up to 8 KiB, in the tick of the call, and in the thread pool above', async () => {
    for (const length of [8 * 1024, 8 * 1024 + 1]) {
      const { connection, socket } = engineOverStream();
      const pool = vi.spyOn(Deflater.prototype, 'deflate');
      connection.sendText(words(length));
      expect(pool).toHaveBeenCalledTimes(length === 8 * 1024 ? 0 : 1);
      await new Promise((resolve) => { process.nextTick(resolve); });
      expect(socket.chunks).toHaveLength(length === 8 * 1024 ? 1 : 0);
      pool.mockClear();
    }
  });

  it('is done at once for what has waited too, when it is short', async () => {
    const end = await ends();
    const pool = vi.spyOn(Deflater.prototype, 'deflate');
    end.connection.sendText(LARGE);
    end.connection.sendText(words(8 * 1024));
    end.connection.sendText(words(8 * 1024 + 1));
    await end.messages(3);
    expect(pool).toHaveBeenCalledTimes(2);
  });

  it('begins at the threshold in bytes, not in characters, and follows the level', () => {
    const { connection, socket } = engineOverStream({ perMessageDeflate: { threshold: 1_000, level: 0 } });
    const sync = vi.spyOn(Deflater.prototype, 'deflateSync');
    connection.sendText('a'.repeat(999));
    connection.sendText('ä'.repeat(499));
    expect(sync).not.toHaveBeenCalled();
    connection.sendText('ä'.repeat(500));
    expect(sync).toHaveBeenCalledTimes(1);
    // Level 0 stores, and what is not shorter goes as it was.
    expect((sync.mock.results[0]?.value as Buffer).length).toBeGreaterThan(1_000);
    expect(socket.chunks).toEqual([]);
  });

  it('has level 5 and memLevel 8 where nothing else is asked for', async () => {
    const { connection, socket } = engineOverStream();
    const text = words(8_000);
    connection.sendText(text);
    await turn();
    const [frame] = framesIn(socket.bytes);
    const compressed = (level: number, memLevel: number): Buffer =>
      new Deflater(TAKEOVER, { level, memLevel }).deflateSync(Buffer.from(text));
    expect(frame?.payload.equals(compressed(5, 8))).toBe(true);
    expect(frame?.payload.equals(compressed(6, 8))).toBe(false);
    expect(frame?.payload.equals(compressed(5, 1))).toBe(false);
  });

  it('that saves nothing is left out', async () => {
    const { connection, socket } = engineOverStream({ perMessageDeflate: { threshold: 0 } });
    const data = Buffer.from('as long');
    vi.spyOn(Deflater.prototype, 'deflateSync').mockReturnValueOnce(Buffer.from('7 bytes')).mockReturnValueOnce(Buffer.from('short'));
    connection.sendBinary(data);
    connection.sendBinary(data);
    await turn();
    expect(framesIn(socket.bytes).map(({ payload, rsv }) => [payload.toString(), rsv])).toEqual([['as long', 0], ['short', COMPRESSED]]);
  });

  it('that fails closes with 1011, and says what the cause was', async () => {
    const { connection, recorder, socket } = engineOverStream();
    const cause = new Error('no memory');
    vi.spyOn(Deflater.prototype, 'deflate').mockImplementation((_data, callback) => { callback(cause, Buffer.alloc(0)); });
    const result = new Promise((resolve) => connection.sendText(LARGE, resolve));
    const [, error] = await recorder.report('error');
    expect(error).toMatchObject({ code: 'WATERSHED_UNSENDABLE', message: 'A message could not be compressed', cause });
    expect(await result).toBe(error);
    expect(framesIn(socket.bytes).map(({ opcode, payload }) => [opcode, payload.readUInt16BE()])).toEqual([[opcodes.close, 1011]]);
  });

  it.each(['done', 'failed'] as const)('that is %s when the connection has failed meanwhile sends and reports nothing', async (outcome) => {
    const { connection, recorder, socket } = engineOverStream();
    let settle: (() => void) | undefined;
    vi.spyOn(Deflater.prototype, 'deflate').mockImplementation((_data, callback) => {
      settle = () => { callback(outcome === 'done' ? undefined : new Error('no memory'), Buffer.from('late')); };
    });
    const results: unknown[] = [];
    connection.sendText(LARGE, (error) => results.push(error));
    await turn();
    socket.push(encodeFrame({ ...text('wrong'), opcode: 3 }, true));
    await recorder.report('error');
    settle?.();
    await turn();
    expect(framesIn(socket.bytes).map(({ opcode }) => opcode)).toEqual([opcodes.close]);
    expect(recorder.names).toEqual(['error']);
    expect(results).toHaveLength(1);
  });
});

describe('what was inflated', () => {
  it("is in memory of its own or in Node's pool, not in what zlib made room for", async () => {
    const { recorder, peer, deflater } = await ends();
    const payload = Buffer.from(randomBytes(6_000).toString('hex'));
    peer.send(binary(await deflater.deflate(payload), { rsv: COMPRESSED }));
    const [, data] = (await recorder.report('binary')) as ['binary', Buffer];
    expect(data.equals(payload)).toBe(true);
    // The pool of Node 26 is a little larger than it says.
    expect(data.buffer.byteLength).toBeLessThanOrEqual(Math.max(payload.length, Buffer.poolSize + 64));
  });
});

describe('a broadcast', () => {
  it('is compressed for each with its parameters, plain for the others, and what is sent before and after keeps its history', async () => {
    const all = [
      await ends(),
      await ends({ outgoing: { noContextTakeover: false, windowBits: 9 } }),
      await ends({ outgoing: { noContextTakeover: true, windowBits: 15 } }),
      await ends({ perMessageDeflate: { level: 0 } }),
      await ends({ perMessageDeflate: { threshold: 10_000 } }),
      await ends({ isServer: false }),
    ];
    const messages = [SMALL, words(2_000, 50), words(8 * 1024, 90), words(2_000, 70), words(8 * 1024 + 1, 10), SMALL];
    for (const { connection } of all) connection.sendText(messages[0] as string);
    for (const message of messages.slice(1, -1)) {
      expect(broadcast(all.map(({ connection }) => connection), message, false)).toBe(all.length);
    }
    for (const { connection } of all) connection.sendText(messages.at(-1) as string);
    const forms: boolean[][] = [];
    for (const end of all) {
      const arrived = await end.messages(messages.length);
      expect(arrived.map(([opcode, payload]) => [opcode, payload])).toEqual(messages.map((message) => [opcodes.text, message]));
      forms.push(arrived.map(([, , isCompressed]) => isCompressed));
    }
    const compressed = messages.map(() => true);
    // What level 0 makes is longer than it was.
    expect(forms).toEqual([compressed, compressed, compressed, messages.map(() => false), messages.map(() => false), compressed]);
  });

  it('that is not shorter when it is compressed goes out as it is, and no later message refers to it', async () => {
    const { connection, messages } = await ends();
    const random = RANDOM.subarray(0, 2_000);
    broadcast([connection], random, false);
    connection.sendBinary(Buffer.concat([random, Buffer.from(SMALL)]));
    expect(await messages(2)).toEqual([
      [opcodes.binary, latin1(random), false],
      [opcodes.binary, latin1(random) + SMALL, true],
    ]);
  });

  it('without context takeover refers to nothing before it, and nothing after it to it', async () => {
    const { connection, peer } = await ends({ outgoing: { noContextTakeover: true, windowBits: 15 } });
    for (let count = 0; count < 2; count++) {
      connection.sendText(SMALL);
      broadcast([connection], SMALL, false);
    }
    await peer.receives(4);
    expect(new Set(peer.frames.map(({ payload }) => latin1(payload))).size).toBe(1);
  });

  it('is encoded once for all that have the same parameters', async () => {
    const open = (windowBits: number, perMessageDeflate: PerMessageDeflateOptions = {}): KeepingDuplex => {
      const socket = new KeepingDuplex();
      const { connection } = engine({ perMessageDeflate });
      const outgoing = { noContextTakeover: false, windowBits };
      const deflate = { outgoing, incoming: TAKEOVER };
      connection.open(socket, Buffer.alloc(0), { subprotocol: undefined, extensions: 'permessage-deflate', deflate });
      connections.push(connection);
      return socket;
    };
    const connections: Connection[] = [];
    const sockets = [
      open(15),
      open(15),
      open(10),
      open(15, { level: 1 }),
      open(15, { memLevel: 1 }),
      open(15, { level: 1 }),
      open(15, { threshold: 2_001 }),
      open(10, { threshold: 2_001 }),
    ];
    broadcast(connections, SMALL, false);
    await turn();
    const frames = sockets.map((socket) => socket.chunks.at(-1) as Buffer);
    // The first that has the same memory.
    expect(frames.map(({ buffer }) => frames.findIndex((other) => other.buffer === buffer))).toEqual([0, 0, 2, 3, 4, 3, 6, 6]);
    expect(framesIn(frames[6] as Buffer)[0]?.payload.toString()).toBe(SMALL);
    for (const frame of frames.slice(0, 6)) expect(frame.length).toBeLessThan(1_500);
  });
});

describe('any messages', () => {
  const direction = fc.record({ noContextTakeover: fc.boolean(), windowBits: fc.integer({ min: 8, max: 15 }) });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
    fc.string({ unit: 'grapheme', maxLength: 300 }).map((string) => Buffer.from(string)),
    fc.tuple(fc.nat(40_000), fc.nat(1_000)).map(([length, seed]) => Buffer.from(words(length, seed))),
    fc.tuple(fc.nat(20_000), fc.nat(10_000)).map(([length, start]) => RANDOM.subarray(start, start + length)),
  );
  const messages = fc.array(fc.record({ data: bytes, isCompressed: fc.boolean() }), { minLength: 1, maxLength: 8 });
  const setting = fc.record({
    isServer: fc.boolean(),
    outgoing: direction,
    incoming: direction,
    threshold: fc.constantFrom(0, 100, 1_024),
    level: fc.integer({ min: -1, max: 9 }),
    memLevel: fc.integer({ min: 1, max: 9 }),
  });

  it('that are sent come out at the peer, in order, with any parameters', async () => {
    await fc.assert(
      fc.asyncProperty(setting, messages, async ({ threshold, level, memLevel, ...options }, sent) => {
        const end = await ends({ ...options, perMessageDeflate: { threshold, level, memLevel } });
        for (const { data, isCompressed } of sent) end.connection.sendBinary(data, undefined, isCompressed);
        const arrived = await end.messages(sent.length);
        expect(arrived.map(([, payload]) => payload)).toEqual(sent.map(({ data }) => latin1(data)));
        destroyAll();
      }),
      { numRuns: 60 },
    );
  });

  it('that the peer sends, in any fragments and any chunks, come out here, in order', async () => {
    await fc.assert(
      fc.asyncProperty(setting, messages, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 100, max: 70_000 }), async (
        { isServer, outgoing, incoming }, sent, pieces, chunkSize,
      ) => {
        const { recorder, peer, deflater } = await ends({ isServer, outgoing, incoming });
        const frames: Buffer[] = [];
        for (const { data, isCompressed } of sent) {
          const payload = isCompressed ? await deflater.deflate(data) : data;
          const size = Math.ceil(payload.length / pieces);
          for (let piece = 0; piece < pieces; piece++) {
            const bits = { fin: piece === pieces - 1, rsv: isCompressed && piece === 0 ? COMPRESSED : 0 };
            const part = payload.subarray(piece * size, (piece + 1) * size);
            frames.push(peer.encode(piece === 0 ? binary(part, bits) : continuation(part, bits)));
          }
        }
        const stream = Buffer.concat(frames);
        for (let offset = 0; offset < stream.length; offset += chunkSize) {
          peer.socket.write(stream.subarray(offset, offset + chunkSize));
          await turn();
        }
        await recorder.until(() => recorder.reports.length >= sent.length);
        expect(received(recorder)).toEqual(sent.map(({ data }) => ['binary', latin1(data)]));
        destroyAll();
      }),
      { numRuns: 60 },
    );
  });
});
