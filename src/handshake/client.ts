/**
 * The client's end of the opening handshake (RFC 6455 section 4.1): what a request has to carry, and whether a response
 * answers it. It sends nothing: node:http, or whatever made the request, does.
 */

import { isToken, typeError } from '../checks.js';
import { HandshakeError, type WatershedErrorCode } from '../errors.js';
import {
  checkRequestOptions,
  type ConnectOptions,
  type PerMessageDeflateOptions,
  type RequestOptions,
  resolvePerMessageDeflate,
} from '../options.js';
import type { DeflateParameters } from '../protocol/permessage-deflate.js';
import { parseExtensions } from './extensions.js';
import { checkHasFields, fieldValue, hasToken, type HeaderFields } from './fields.js';
import { acceptValue, isKey } from './key.js';
import { offerDeflate, PERMESSAGE_DEFLATE, readAnswer } from './permessage-deflate.js';

/** The parts of a response that are judged. */
export interface HandshakeResponse {
  readonly statusCode?: number | undefined;
  readonly headers: HeaderFields;
}

/** What a response has agreed to. */
export interface EstablishedHandshake {
  /** The subprotocol that the server chose, if any. */
  readonly subprotocol: string | undefined;
  /** The value of the response's Sec-WebSocket-Extensions, or the empty string when no extension was agreed to. */
  readonly extensions: string;
  /** What was agreed on for compression, if it was. */
  readonly deflate: DeflateParameters | undefined;
}

/** What was asked for, and what the answer is checked against. */
export interface Requested extends Pick<ConnectOptions, 'protocols'> {
  /** The parameters of permessage-deflate that were offered, if they were. */
  readonly perMessageDeflate?: PerMessageDeflateOptions | undefined;
}

/**
 * The header fields of a request that opens a WebSocket connection, to be given to `http.request`.
 * @param key A fresh one for each request, from `generateKey`.
 * @throws TypeError for an argument of a wrong type, RangeError for one that cannot stand in the header.
 */
export function requestHeaders(key: string, options: RequestOptions = {}): Record<string, string> {
  checkKeyType(key);
  if (!isKey(key)) {
    throw new RangeError('key must be the base64 of 16 bytes (RFC 6455 section 4.1), as generateKey gives it');
  }
  checkRequestOptions(options);
  return requestFields(key, options);
}

/** As {@link requestHeaders}, for a key of ours and options that are checked already. */
export function requestFields(
  key: string,
  { protocols = [], origin, perMessageDeflate }: RequestOptions,
): Record<string, string> {
  const headers: Record<string, string> = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': key,
  };
  if (protocols.length > 0) headers['Sec-WebSocket-Protocol'] = protocols.join(', ');
  const offer = resolvePerMessageDeflate(perMessageDeflate, undefined);
  if (offer !== undefined) headers['Sec-WebSocket-Extensions'] = offerDeflate(offer);
  if (origin !== undefined) headers['Origin'] = origin;
  return headers;
}

/**
 * Checks a server's answer to the request that carried `key`.
 * @throws HandshakeError with the response's status and header fields, TypeError when the key is not a string.
 */
export function checkResponse(
  response: HandshakeResponse,
  key: string,
  options: Requested = {},
): EstablishedHandshake {
  checkHasFields('res', "the response that came with 'upgrade'", response);
  checkKeyType(key);
  const { statusCode, headers } = response;
  if (statusCode !== 101) throw refusal(response, 'Invalid Upgrade status code');
  if (!hasToken(fieldValue(headers, 'connection'), 'upgrade')) throw refusal(response, 'Missing Connection Header');
  // One value, where Connection is a list (section 4.1, steps 2 and 3).
  if (fieldValue(headers, 'upgrade')?.toLowerCase() !== 'websocket') throw refusal(response, 'Missing Upgrade Header');
  if (fieldValue(headers, 'sec-websocket-accept') !== acceptValue(key)) {
    throw refusal(response, 'Missing Sec-WebSocket-Accept Header');
  }
  const version = fieldValue(headers, 'sec-websocket-version');
  if (version !== undefined && version !== '13') {
    throw refusal(response, 'Unsupported Sec-WebSocket-Version', 'WATERSHED_UNSUPPORTED_VERSION');
  }
  return {
    subprotocol: checkSubprotocol(response, options.protocols),
    ...checkExtensions(response, options.perMessageDeflate),
  };
}

/** A server may choose none. What it may not do is choose one that was not asked for (RFC 6455 section 4.1). */
function checkSubprotocol(response: HandshakeResponse, protocols: readonly string[] | undefined): string | undefined {
  const subprotocol = fieldValue(response.headers, 'sec-websocket-protocol');
  if (subprotocol === undefined) return undefined;
  if (!isToken(subprotocol)) {
    throw refusal(response, 'RFC 6455 section 4.2.2: Sec-WebSocket-Protocol is a single token in a response');
  }
  if (protocols !== undefined && !protocols.includes(subprotocol)) {
    throw refusal(
      response,
      `RFC 6455 section 4.1: the server chose the subprotocol ${subprotocol}, which was not asked for`,
      'WATERSHED_SUBPROTOCOL_MISMATCH',
    );
  }
  return subprotocol;
}

/** An answer may use what was asked for alone, and each extension once (RFC 6455 section 4.1, RFC 7692 section 5). */
function checkExtensions(
  response: HandshakeResponse,
  offered: PerMessageDeflateOptions | undefined,
): Pick<EstablishedHandshake, 'extensions' | 'deflate'> {
  const value = fieldValue(response.headers, 'sec-websocket-extensions');
  if (value === undefined) return { extensions: '', deflate: undefined };
  const extensions = parseExtensions(value);
  if (extensions === undefined) {
    throw refusal(response, 'RFC 6455 section 9.1: the list in Sec-WebSocket-Extensions is malformed');
  }
  const [deflate, ...others] = extensions;
  if (offered === undefined || deflate?.name !== PERMESSAGE_DEFLATE || others.length > 0) {
    const names = extensions.map(({ name }) => name).join(', ');
    throw refusal(
      response,
      `RFC 6455 section 4.1: the server uses an extension that was not asked for, or one twice (${names})`,
      'WATERSHED_EXTENSION_MISMATCH',
    );
  }
  const parameters = readAnswer(deflate, offered);
  if (typeof parameters === 'string') throw refusal(response, parameters, 'WATERSHED_EXTENSION_MISMATCH');
  return { extensions: value, deflate: parameters };
}

function checkKeyType(key: unknown): void {
  if (typeof key !== 'string') throw typeError('key', 'a string', key);
}

function refusal(
  { statusCode = 0, headers }: HandshakeResponse,
  message: string,
  code: WatershedErrorCode = 'WATERSHED_INVALID_RESPONSE',
): HandshakeError {
  return new HandshakeError(code, statusCode, message, headers);
}
