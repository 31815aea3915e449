import { isUtf8 } from 'node:buffer';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { opcodes } from './frames.js';
import { payloads } from './payloads.js';

describe('the contents of the compressed messages', () => {
  it.each([
    ['json', 194_056, 194_056, 23],
    ['bitmap', 263_222, 263_222, 1.2],
    ['prose', 222_218, 222_218, 2.6],
    ['html', 263_647, 263_620, 18],
    ['pdf', 1_042_328, 1_042_328, 1.3],
  ] as const)('%s has the length that it has in the original, and about the ratio', (name, length, count, ratio) => {
    const { octets, count: actualCount } = payloads[name];
    expect([octets.length, actualCount]).toEqual([length, count]);
    const actualRatio = octets.length / deflateRawSync(octets).length;
    expect(actualRatio).toBeGreaterThan(ratio * 0.85);
    expect(actualRatio).toBeLessThan(ratio * 1.15);
  });

  it.each(['json', 'bitmap', 'html'] as const)('%s is cut into messages that go round at its end', (name) => {
    const payload = payloads[name];
    const messages = payload.messages(32_768, 20);
    const whole = Buffer.concat(messages.map((message) => message.payload));
    expect(whole.subarray(0, payload.octets.length).equals(payload.octets)).toBe(true);
    expect(whole.subarray(payload.octets.length, 2 * payload.octets.length).equals(payload.octets)).toBe(true);
    for (const { opcode, payload: octets } of messages) {
      expect(opcode).toBe(name === 'bitmap' ? opcodes.binary : opcodes.text);
      if (opcode === opcodes.text) {
        expect(isUtf8(octets)).toBe(true);
        expect(octets.toString()).toHaveLength(32_768);
      }
    }
  });
});
