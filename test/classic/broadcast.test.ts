/** `broadcast`: one message to many connections. */
import { describe, expect, it } from 'vitest';
import { Watershed } from '../../src/index.js';
import { clientEnd, serverEnd, turn } from './ends.js';

describe('broadcast', () => {
  it.each([
    ['text', 'to äll', 1, Buffer.from('to äll')],
    ['small binary', Buffer.from('bytes'), 2, Buffer.from('bytes')],
    ['large binary', Buffer.alloc(20_000, 'b'), 2, Buffer.alloc(20_000, 'b')],
    ['a view', new Uint16Array([1, 2]).subarray(1), 2, Buffer.from([2, 0])],
  ])('sends %s to server ends and client ends, and says to how many', async (_what, data, opcode, payload) => {
    const first = await serverEnd();
    const second = await serverEnd();
    const third = await clientEnd();
    const ends = [first, second, third];
    expect(Watershed.broadcast(new Set(ends.map(({ connection }) => connection)), data)).toBe(3);
    expect(ends.map(({ connection }) => connection.bufferedAmount)).toEqual(Array(3).fill(payload.length));
    for (const { peer } of ends) {
      const frame = await peer.frame();
      expect(frame.opcode).toBe(opcode);
      expect(frame.payload.equals(payload)).toBe(true);
    }
  });

  it('takes the bytes as they are at the call', async () => {
    const { connection, peer } = await serverEnd();
    const data = Buffer.alloc(100_000, 'a');
    Watershed.broadcast([connection], data);
    data.fill('b');
    expect((await peer.frame()).payload.equals(Buffer.alloc(100_000, 'a'))).toBe(true);
  });

  it('keeps the order of what was sent to each before and after', async () => {
    const { connection, peer } = await serverEnd();
    connection.send('1');
    Watershed.broadcast([connection], '2');
    connection.send('3');
    expect([await peer.frame(), await peer.frame(), await peer.frame()].map(({ payload }) => String(payload))).toEqual(['1', '2', '3']);
  });

  it('leaves out those that are not open, and takes an empty list', async () => {
    const open = await serverEnd();
    const closing = await serverEnd();
    const closed = await serverEnd();
    closing.connection.end();
    closed.connection.destroy();
    expect(Watershed.broadcast([open.connection, closing.connection, closed.connection], 'x')).toBe(1);
    expect(Watershed.broadcast([], 'x')).toBe(0);
  });

  it("with skip 'slow' leaves out those above their highWaterMark, and no others", async () => {
    const slow = await serverEnd({ highWaterMark: 3 });
    const busy = await serverEnd({ highWaterMark: 4 });
    slow.connection.send('1234');
    busy.connection.send('1234');
    const both = [slow.connection, busy.connection];
    expect(Watershed.broadcast(both, 'x', { skip: 'slow' })).toBe(1);
    expect(Watershed.broadcast(both, 'y')).toBe(2);
    expect((await slow.peer.frame()).payload.toString()).toBe('1234');
    expect((await slow.peer.frame()).payload.toString()).toBe('y');
  });

  it('throws for what is no connection and no message, and sends to nobody', async () => {
    const { connection } = await serverEnd();
    expect(() => Watershed.broadcast([connection, {} as never], 'x')).toThrow(/^connections must be an iterable of connections/);
    expect(() => Watershed.broadcast([connection, 'x' as never], 'x')).toThrow(TypeError);
    expect(() => Watershed.broadcast([connection], 42 as never)).toThrow(/^data must be a string/);
    expect(() => Watershed.broadcast([connection], 'x', { skip: 'fast' as never })).toThrow(/^options\.skip must be 'slow', but is "fast"$/);
    await turn();
    expect(connection.bufferedAmount).toBe(0);
  });
});
