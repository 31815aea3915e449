/**
 * What can be wrong with a frame, each as the error that fails the connection: the rule, the section and the close code.
 */
import { ProtocolError } from '../errors.js';
import { CloseCode } from './close-code.js';
import { RSV1, RSV2, RSV3 } from './frame.js';

export function reservedBits(first: number): ProtocolError {
  const names = [first & RSV1 ? 'RSV1' : '', first & RSV2 ? 'RSV2' : '', first & RSV3 ? 'RSV3' : ''];
  return new ProtocolError(
    'WATERSHED_RESERVED_BITS',
    CloseCode.PROTOCOL_ERROR,
    `RFC 6455 section 5.2: ${names.filter(Boolean).join(', ')} must be 0 in this frame, as far as was negotiated`,
  );
}

export function reservedOpcode(opcode: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_RESERVED_OPCODE',
    CloseCode.PROTOCOL_ERROR,
    `RFC 6455 section 5.2: the opcode 0x${opcode.toString(16)} is reserved`,
  );
}

export function wrongMasking(isServer: boolean): ProtocolError {
  return isServer
    ? new ProtocolError(
        'WATERSHED_UNMASKED_FRAME',
        CloseCode.PROTOCOL_ERROR,
        'RFC 6455 section 5.1: a client masks every frame, this one is not masked',
      )
    : new ProtocolError(
        'WATERSHED_MASKED_FRAME',
        CloseCode.PROTOCOL_ERROR,
        'RFC 6455 section 5.1: a server masks no frame, this one is masked',
      );
}

export function fragmentedControlFrame(opcode: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_FRAGMENTED_CONTROL_FRAME',
    CloseCode.PROTOCOL_ERROR,
    `RFC 6455 section 5.5: a control frame must not be fragmented, this one (opcode 0x${opcode.toString(16)}) is`,
  );
}

export function controlFrameTooLong(opcode: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_CONTROL_FRAME_TOO_LONG',
    CloseCode.PROTOCOL_ERROR,
    `RFC 6455 section 5.5: a control frame's payload is at most 125 bytes, this one ` +
      `(opcode 0x${opcode.toString(16)}) has more`,
  );
}

export function unexpectedContinuation(): ProtocolError {
  return new ProtocolError(
    'WATERSHED_UNEXPECTED_CONTINUATION',
    CloseCode.PROTOCOL_ERROR,
    'RFC 6455 section 5.4: a continuation frame came, but there is no message to continue',
  );
}

export function expectedContinuation(opcode: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_EXPECTED_CONTINUATION',
    CloseCode.PROTOCOL_ERROR,
    `RFC 6455 section 5.4: a new message (opcode 0x${opcode.toString(16)}) began before the last one was complete`,
  );
}

export function lengthNotMinimal(length: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_INVALID_LENGTH',
    CloseCode.PROTOCOL_ERROR,
    `RFC 6455 section 5.2: a length is written in the fewest bytes, ${String(length)} is not`,
  );
}

export function lengthTopBit(): ProtocolError {
  return new ProtocolError(
    'WATERSHED_INVALID_LENGTH',
    CloseCode.PROTOCOL_ERROR,
    'RFC 6455 section 5.2: the most significant bit of a 64-bit length must be 0',
  );
}

export function messageTooBig(length: number, maxPayload: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_MESSAGE_TOO_BIG',
    CloseCode.TOO_BIG,
    `maxPayload: a message may have at most ${String(maxPayload)} bytes, this one has at least ${String(length)} ` +
      '(RFC 6455 section 10.4)',
  );
}

export function tooManyFragments(maxFragments: number): ProtocolError {
  return new ProtocolError(
    'WATERSHED_TOO_MANY_FRAGMENTS',
    CloseCode.POLICY_VIOLATION,
    `maxFragments: a message may have at most ${String(maxFragments)} frames, this one has more ` +
      '(RFC 6455 section 10.4)',
  );
}

/** A text message, or what was inflated of one, is not UTF-8. */
export function invalidUtf8(): ProtocolError {
  return new ProtocolError(
    'WATERSHED_INVALID_UTF8',
    CloseCode.MALFORMED,
    'RFC 6455 section 8.1: a text message is UTF-8, this one is not',
  );
}
