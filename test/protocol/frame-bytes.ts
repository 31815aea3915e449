/**
 * A frame byte by byte (RFC 6455 section 5.2), right or wrong: every field can be written as it must not be. It imports
 * nothing from src/, so that it is a second opinion on the format.
 */

export interface FrameFields {
  readonly opcode: number;
  readonly payload?: Uint8Array | string;
  readonly fin?: boolean;
  /** RSV1, RSV2 and RSV3 as one number: 4, 2 and 1. */
  readonly rsv?: number;
  /** Without a key the frame is not masked. */
  readonly maskingKey?: readonly number[] | undefined;
  /** How many bits the length is written in; the fewest if it is not given. */
  readonly lengthBits?: 7 | 16 | 64 | undefined;
  /** The length that the header announces; the payload's if it is not given. */
  readonly announcedLength?: bigint | undefined;
}

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

/** The masking key of the masked examples in RFC 6455 section 5.7. */
export const KEY = [0x37, 0xfa, 0x21, 0x3d] as const;

export function frameBytes(fields: FrameFields): Buffer {
  const { opcode, payload = '', fin = true, rsv = 0, maskingKey } = fields;
  const bytes = Buffer.from(payload as Uint8Array);
  const length = fields.announcedLength ?? BigInt(bytes.length);
  const bits = fields.lengthBits ?? (length < 126n ? 7 : length < 65536n ? 16 : 64);
  const header = Buffer.alloc(10);
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  header[1] = maskingKey === undefined ? 0 : 0x80;
  let headerLength = 2;
  if (bits === 7) {
    header[1] |= Number(length & 0x7fn);
  } else if (bits === 16) {
    header[1] |= 126;
    headerLength = header.writeUInt16BE(Number(length & 0xffffn), 2);
  } else {
    header[1] |= 127;
    headerLength = header.writeBigUInt64BE(length, 2);
  }
  if (maskingKey === undefined) return Buffer.concat([header.subarray(0, headerLength), bytes]);
  const masked = bytes.map((byte, index) => byte ^ (maskingKey[index % 4] ?? 0));
  return Buffer.concat([header.subarray(0, headerLength), Buffer.from(maskingKey), masked]);
}

/** The payload of a CLOSE frame, its code and reason taken as they are. */
export function closePayload(code: number, reason: Uint8Array | string = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason as Uint8Array)]);
}
