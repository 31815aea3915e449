/** The file transfer example, in both directions, whole and broken off, and how much memory it takes. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { requestText } from '../classic/ends.js';
import { temporaryDirectory } from '../interop/daemon.js';
import { Program, useServer } from './program.js';
import { Client, refusalOf } from './ws-client.js';

const MEGABYTE = 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), 'watershed-'));
const server = useServer('file-transfer/server.mjs', { FOLDER: folder });
const url = (): string => `ws://127.0.0.1:${String(server().port)}`;

afterEach(async () => {
  for (const name of await readdir(folder)) await rm(join(folder, name));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Writes a file of so many megabytes, no two of which are the same. */
async function writeLargeFile(path: string, megabytes: number): Promise<void> {
  const block = randomBytes(MEGABYTE);
  await pipeline(function* () {
    for (let index = 0; index < megabytes; index++) {
      block.writeUInt32BE(index);
      yield Buffer.from(block);
    }
  }, createWriteStream(path));
}

/** The most memory that a process has had so far, in bytes; 0 where the system does not tell. */
async function peakMemory({ pid }: Program): Promise<number> {
  const status = `/proc/${String(pid)}/status`;
  if (!existsSync(status)) return 0;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(await readFile(status, 'utf8'))?.[1]) * 1024;
}

describe('the file transfer', { timeout: 60_000 }, () => {
  it('brings 100 MB there and back in bounded memory, with progress, past one that does not read', async () => {
    const elsewhere = temporaryDirectory();
    const original = join(elsewhere, 'large.bin');
    await writeLargeFile(original, 100);
    const before = await peakMemory(server());

    const upload = Program.start('file-transfer/client.mjs', ['upload', original, url()]);
    expect(await upload.exited).toEqual({ code: 0, signal: null });
    expect(upload.output).toBe('100 % of 104857600 bytes\n');
    const hash = await hashOf(original);
    expect(await hashOf(join(folder, 'large.bin'))).toBe(hash);
    await server().printed(/large\.bin: received 104857600 bytes/);

    // The server could fill its memory for this one while it serves the next.
    const stuck = connect(server().port, '127.0.0.1');
    onTestFinished(() => {
      stuck.destroy();
    });
    stuck.write(requestText({}, 'GET /download/large.bin HTTP/1.1'));
    await once(stuck, 'readable');
    const copy = join(elsewhere, 'copy.bin');
    const download = Program.start('file-transfer/client.mjs', ['download', 'large.bin', copy, url()]);
    expect(await download.exited).toEqual({ code: 0, signal: null });
    expect(download.output).toBe('100 % of 104857600 bytes\n');
    expect(await hashOf(copy)).toBe(hash);

    // Measured on Linux: 39 to 42 MB, and 136 MB where nobody waits for the socket.
    expect((await peakMemory(server())) - before).toBeLessThan(80 * MEGABYTE);
    stuck.destroy();
    await server().printed(/large\.bin: .*without a CLOSE/);
  });

  it('brings an empty file', async () => {
    const original = join(temporaryDirectory(), 'empty');
    await writeFile(original, '');
    const upload = Program.start('file-transfer/client.mjs', ['upload', original, url()]);
    expect(await upload.exited).toEqual({ code: 0, signal: null });
    expect(await readFile(join(folder, 'empty'))).toHaveLength(0);
  });

  it.each<{ what: string; messages: (string | Buffer)[] }>([
    { what: 'has fewer bytes than it should', messages: ['{"size":2}', Buffer.from('a'), '{"sha256":"0"}'] },
    { what: 'has more bytes than it should', messages: ['{"size":1}', Buffer.from('ab')] },
    { what: 'has another hash', messages: ['{"size":1}', Buffer.from('a'), '{"sha256":"0"}'] },
    { what: 'comes in something that is no JSON', messages: ['size'] },
  ])('keeps nothing of a file that $what', async ({ messages }) => {
    const client = await Client.open(`${url()}/upload/name`);
    for (const message of messages) client.send(message);
    expect(await client.closed).toEqual([4000, 'the file is not whole']);
    await expect.poll(() => readdir(folder)).toEqual([]);
  });

  it('keeps nothing of a file whose sender goes away', async () => {
    const client = await Client.open(`${url()}/upload/gone`);
    client.send('{"size":1000}');
    client.send(Buffer.from('the beginning'));
    client.webSocket.terminate();
    await server().printed(/gone: The peer went away/);
    expect(await readdir(folder)).toEqual([]);
  });

  it('says that there is no such file, at either end', async () => {
    const elsewhere = temporaryDirectory();
    const upload = Program.start('file-transfer/client.mjs', ['upload', join(elsewhere, 'none'), url()]);
    expect(await upload.exited).toEqual({ code: 1, signal: null });
    expect(upload.errorOutput).toContain('ENOENT');
    const download = Program.start('file-transfer/client.mjs', ['download', 'none', join(elsewhere, 'none'), url()]);
    expect(await download.exited).toEqual({ code: 1, signal: null });
    expect(download.errorOutput).toContain('The sender broke off: UNEXPECTED_ERROR the transfer failed');
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it.each(['/', '/upload/', '/upload/.hidden', '/download/../server.mjs', '/download/%2e%2e%2fserver.js'])(
    'has nothing at %s',
    async (path) => {
        expect(await refusalOf(url() + path)).toMatchObject({ status: 404 });
    },
  );

  it('says how it is used', async () => {
    const client = Program.start('file-transfer/client.mjs');
    expect(await client.exited).toEqual({ code: 1, signal: null });
    expect(client.errorOutput).toMatch(/^Usage: /);
  });
});
