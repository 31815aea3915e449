/**
 * The words of RFC 6455 section 5.2 that both the receiver and the sender use.
 */

/** The opcodes (RFC 6455 section 11.8). From 8 on they are control frames (section 5.5). */
export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const;

export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** The bits of a frame's first byte beside the opcode. */
export const FIN = 0x80;
export const RSV1 = 0x40;
export const RSV2 = 0x20;
export const RSV3 = 0x10;

/** The bit of a frame's second byte beside the payload length. */
export const MASK = 0x80;

/** The longest header: two bytes, a 64-bit length and a masking key. */
export const MAX_HEADER_LENGTH = 14;

/** The longest payload of a control frame, in bytes (RFC 6455 section 5.5). */
export const MAX_CONTROL_PAYLOAD = 125;

export const EMPTY = Buffer.alloc(0);
