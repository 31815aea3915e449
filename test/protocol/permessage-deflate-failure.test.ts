import { Transform } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { Deflater } from '../../src/protocol/permessage-deflate.js';

/** zlib's only way to fail at compressing is memory that it does not get, which cannot be arranged from here. */
const outOfMemory = Object.assign(new Error('insufficient memory'), { code: 'Z_MEM_ERROR' });

vi.mock('node:zlib', async (original) => ({
  ...(await original<object>()),
  createDeflateRaw: () =>
    new Transform({ transform: (_data, _encoding, callback) => { process.nextTick(callback, outOfMemory); } }),
}));

it('a Deflater reports the error when zlib gets no memory, and gives no payload', async () => {
  const deflater = new Deflater({ noContextTakeover: false, windowBits: 15 }, { level: -1, memLevel: 8 });
  const outcome = await new Promise((resolve) => {
    deflater.deflate(Buffer.from('message'), (...reported) => {
      resolve(reported);
    });
  });
  expect(outcome).toEqual([outOfMemory, Buffer.alloc(0)]);
});
