/** A peer may be wrong from its first byte on, before any listener for it is there. */
import { describe, expect, it } from 'vitest';
import { catchUncaught, turn } from '../classic/ends.js';
import * as classic from '../classic/ends.js';
import { binary, close, continuation, frame, type Frame, ping, text } from '../conformance/frames.js';
import * as standard from '../websocket/ends.js';

const wrong: [name: string, frame: Frame][] = [
  ['a reserved opcode', frame(0xb, '')],
  ['reserved bits', text('a', { rsv: 7 })],
  ['a continuation of nothing', continuation('a')],
  ['text that is not UTF-8', text(Buffer.from([0xff]))],
  ['a PING of 126 bytes', ping('x'.repeat(126))],
  ['a fragmented PING', ping('', { fin: false })],
  ['a CLOSE of one byte', frame(8, 'x')],
  ['a CLOSE with a code that must not be sent', close(1005)],
];

// Without a listener for 'error', an EventEmitter throws it.
describe.each([
  ['the classic server', async (more: Frame[]) => (await classic.serverEnd({}, undefined, more)).peer],
  ['the classic client', async (more: Frame[]) => (await classic.clientEnd({}, undefined, more)).peer],
  ['the WebSocket of a server', async (more: Frame[]) => (await standard.serverEnd({}, undefined, more)).peer],
  ['the WebSocket of a client', async (more: Frame[]) => (await standard.clientEnd({}, undefined, more)).peer],
])('%s, to which nobody listens, ends its own connection and nothing else', (_, open) => {
  it.each(wrong)('at %s in one packet with the handshake', async (_, first) => {
    const uncaught = catchUncaught();
    const peer = await open([first, binary('after it')]);
    const { opcode, payload } = await peer.frame();
    expect(opcode).toBe(8);
    expect([1002, 1007]).toContain(payload.readUInt16BE());
    peer.socket.end();
    await peer.ended;
    await turn();
    expect(uncaught).toEqual([]);
  });

  it('at a reset in the middle of a frame', async () => {
    const uncaught = catchUncaught();
    const peer = await open([]);
    peer.socket.write(Buffer.from([0x82, 0xfe, 0x10]));
    peer.socket.resetAndDestroy();
    await new Promise((resolve) => peer.socket.once('close', resolve));
    await turn();
    expect(uncaught).toEqual([]);
  });
});
