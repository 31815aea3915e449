import { describe, expect, it } from 'vitest';
import * as frame from '../../src/protocol/frame.js';

describe('the words of a frame', () => {
  it('has the opcodes that RFC 6455 section 11.8 registers', () => {
    expect(frame.Opcode).toEqual({ CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 });
  });

  it('has the bits of RFC 6455 section 5.2, each in its place', () => {
    expect([frame.FIN, frame.RSV1, frame.RSV2, frame.RSV3]).toEqual([0b1000_0000, 0b0100_0000, 0b0010_0000, 0b0001_0000]);
    expect(frame.MASK).toBe(0b1000_0000);
  });

  it('has the longest header and the longest control payload', () => {
    expect(frame.MAX_HEADER_LENGTH).toBe(2 + 8 + 4);
    expect(frame.MAX_CONTROL_PAYLOAD).toBe(125);
    expect(frame.EMPTY).toHaveLength(0);
  });
});
