/** `watershed bench`, against a server that is not ours: that it measures what it says, not how fast that is. */
import { describe, expect, it } from 'vitest';
import { Program } from './program.js';
import { echo, serve } from './server.js';

interface Result {
  connections: number;
  size: number;
  messages: number;
  messagesPerSecond: number;
  unanswered: number;
  rate: number | null;
  latency: Record<string, number>;
}

describe('watershed bench', () => {
  it('flat out: counts the echoes of messages of the size that was asked for', async () => {
    let count = 0;
    let others = 0;
    let enough: () => void;
    const counted = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const { url, server } = await serve((socket) => {
      echo(socket);
      socket.on('message', (data: Buffer, isBinary) => {
        if (++count === 5_000) enough();
        if (data.length !== 500 || !isBinary) others++;
      });
    });
    const options = ['-c', '3', '-s', '500', '--binary', '--in-flight', '4', '-d', '1000', '--json'];
    const program = new Program(['bench', ...options, url]);
    await counted;
    program.interrupt();
    const { status, out, err } = await program.end();
    expect({ status, err, others }).toEqual({ status: 0, err: '', others: 0 });
    const result = JSON.parse(out) as Result;
    expect(result).toMatchObject({ connections: 3, size: 500, rate: null, unanswered: 0 });
    expect(result.messages).toBeGreaterThan(0);
    expect(result.messages).toBeLessThanOrEqual(count);
    const { min, p50, p90, p99, max } = result.latency as Record<'min' | 'p50' | 'p90' | 'p99' | 'max', number>;
    expect([min, p50, p90, p99, max]).toEqual([min, p50, p90, p99, max].sort((a, b) => a - b));
    await Promise.all([...server.clients].map((client) => new Promise((resolve) => client.once('close', resolve))));
  });

  it('at a rate: sends about so many, and shows the result in words', async () => {
    const { url } = await serve(echo);
    const { status, out } = await new Program(['bench', '-c', '2', '-r', '200', '-d', '0.5', url]).end();
    expect(status).toBe(0);
    const figure = String.raw` +[\d,.]+\n`;
    expect(out).toMatch(/^\d+ messages of 32 B over 2 connections in [\d.]+ s\n[\d,]+ messages\/s, [\d.]+ Mbit\/s/);
    const latencies = ['min', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'].map((name) => `  ${name}${figure}`);
    expect(out).toMatch(new RegExp(`latency in ms\n${latencies.join('')}$`));
  });

  it('shows how far it is on a terminal, and Ctrl-C ends it with what there is', async () => {
    const { url } = await serve(echo);
    const program = new Program(['bench', '-d', '60', url], { isTTY: true });
    await program.shows(/s: [\d,]+ messages, [\d,]+\/s/);
    program.interrupt();
    expect(await program.end()).toMatchObject({ status: 0, out: expect.stringContaining('messages/s') as string });
  });

  it('says so when the server does not answer', async () => {
    const { url } = await serve(() => undefined);
    const { status, out } = await new Program(['bench', '-c', '1', '-d', '0.1', url]).end();
    expect(status).toBe(0);
    expect(out).toContain('1 message was not answered: does the server send each one back?');
  });

  it('fails when a connection is lost', async () => {
    const { url } = await serve((socket) => {
      socket.on('message', () => { socket.close(1011, 'enough'); });
    });
    const { status, err } = await new Program(['bench', '-c', '1', '-d', '60', url]).end();
    expect(status).toBe(1);
    expect(err).toContain('the server closed a connection (1011)');
  });

  it('fails when a connection is closed before the others are open', async () => {
    const { url } = await serve((socket) => { socket.close(1013, 'full'); });
    const { status, err } = await new Program(['bench', '-c', '3', '-d', '60', url]).end();
    expect(status).toBe(1);
    expect(err).toContain('the server closed a connection (1013)');
  });

  it('fails when none can be opened', async () => {
    const { status, err } = await new Program(['bench', 'ws://127.0.0.1:1', '--insecure']).end();
    expect(status).toBe(1);
    expect(err).toMatch(/^watershed: ws:\/\/127\.0\.0\.1:1: nothing listens there: is the server running, .*\n$/);
  });
});
