/**
 * The server's end of the opening handshake (RFC 6455 section 4.2): checks a request, negotiates, and gives the text of
 * the answer. It writes nothing: whoever holds the socket does.
 */

import { HandshakeError } from '../errors.js';
import type { AcceptOptions, PerMessageDeflateOptions } from '../options.js';
import type { DeflateParameters } from '../protocol/permessage-deflate.js';
import { parseExtensions } from './extensions.js';
import { checkHasFields, fieldLines, fieldValue, hasToken, type HeaderFields, parseTokenList } from './fields.js';
import { acceptValue, isKey } from './key.js';
import { isOriginAllowed } from './origin.js';
import { acceptDeflate, type Agreement } from './permessage-deflate.js';

/**
 * The parts of a request that are judged. One that node:http has parsed has them all; one that a program made by hand
 * may have the header fields alone, and what it lacks is not held against it.
 */
export interface HandshakeRequest {
  readonly method?: string | undefined;
  readonly httpVersion?: string | undefined;
  readonly headers: HeaderFields;
}

export interface AcceptHandshakeOptions extends Pick<AcceptOptions, 'protocols' | 'headers' | 'origin'> {
  /** Whether the request came over TLS, for the origin policy. */
  readonly isSecure: boolean;
  /** The parameters of permessage-deflate; undefined: every offer is declined. */
  readonly perMessageDeflate?: PerMessageDeflateOptions | undefined;
  /** Whether a request without Sec-WebSocket-Version is refused. */
  readonly versionRequired: boolean;
}

export interface AcceptedHandshake {
  /** The 101 response, to be written in latin1. */
  readonly responseHead: string;
  /** The subprotocol that was chosen, if the client asked for one. */
  readonly subprotocol: string | undefined;
  /** The value of the response's Sec-WebSocket-Extensions, or the empty string when no extension was agreed to. */
  readonly extensions: string;
  /** What was agreed on for compression, if it was. */
  readonly deflate: DeflateParameters | undefined;
}

const UPGRADE_REQUIRED = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };

/**
 * Checks a client's opening handshake and gives the answer to it.
 * @throws HandshakeError with the status to refuse it with, and TypeError when `headers` has a field that is the
 * handshake's own.
 */
export function acceptHandshake(request: HandshakeRequest, options: AcceptHandshakeOptions): AcceptedHandshake {
  checkHasFields('req', "the request that came with 'upgrade'", request);
  checkRequestLine(request);
  const key = checkUpgrade(request.headers);
  checkVersion(request.headers, options.versionRequired);
  if (!isOriginAllowed(options.origin, request, options.isSecure)) {
    throw new HandshakeError('WATERSHED_ORIGIN_REFUSED', 403, 'The origin policy does not allow the Origin');
  }
  const subprotocol = selectSubprotocol(request.headers, options.protocols);
  const agreement = negotiateExtensions(request.headers, options.perMessageDeflate);
  const extensions = agreement?.extension ?? '';
  return {
    responseHead: responseHead(key, subprotocol, extensions, options.headers),
    subprotocol,
    extensions,
    deflate: agreement?.parameters,
  };
}

function invalidRequest(message: string): HandshakeError {
  return new HandshakeError('WATERSHED_INVALID_REQUEST', 400, message);
}

function checkRequestLine({ method, httpVersion, headers }: HandshakeRequest): void {
  if (method !== undefined && method !== 'GET') {
    throw new HandshakeError(
      'WATERSHED_INVALID_REQUEST',
      405,
      'RFC 6455 section 4.1: the method of the opening handshake is GET',
      { Allow: 'GET' },
    );
  }
  if (httpVersion === undefined) return;
  if (Number(httpVersion) < 1.1) throw invalidRequest('RFC 6455 section 4.1: the HTTP version is at least 1.1');
  // node:http does not look for it in a request that it hands to 'upgrade'.
  if (headers['host'] === undefined) throw invalidRequest('Missing Host Header');
}

/** Checks the fields that ask for the upgrade, and gives the key. */
function checkUpgrade(headers: HeaderFields): string {
  const upgrade = fieldValue(headers, 'upgrade');
  // A request that asks for no upgrade at all is right in itself, and needs to be one: that is what 426 says
  // (RFC 9110 section 15.5.22). Anything else that is wrong makes a bad handshake (RFC 6455 section 4.2.1).
  if (upgrade === undefined) {
    throw new HandshakeError('WATERSHED_INVALID_REQUEST', 426, 'Missing Upgrade Header', UPGRADE_REQUIRED);
  }
  if (!hasToken(upgrade, 'websocket')) throw invalidRequest('Missing Upgrade Header');
  if (!hasToken(fieldValue(headers, 'connection'), 'upgrade')) throw invalidRequest('Missing Connection Header');

  const key = fieldValue(headers, 'sec-websocket-key');
  if (key === undefined) throw invalidRequest('Missing Sec-WebSocket-Key Header');
  if (!isKey(key)) {
    throw invalidRequest('RFC 6455 section 4.2.1: Sec-WebSocket-Key is the base64 of 16 bytes, this one is not');
  }
  return key;
}

function checkVersion(headers: HeaderFields, versionRequired: boolean): void {
  const version = fieldValue(headers, 'sec-websocket-version');
  if (version === undefined) {
    if (versionRequired) throw invalidRequest('Missing Sec-WebSocket-Version Header');
  } else if (version !== '13') {
    throw new HandshakeError(
      'WATERSHED_UNSUPPORTED_VERSION',
      426,
      'Unsupported Sec-WebSocket-Version',
      UPGRADE_REQUIRED,
    );
  }
}

/** The first of the client's subprotocols that the server speaks. */
function selectSubprotocol(headers: HeaderFields, protocols: readonly string[] | undefined): string | undefined {
  const value = fieldValue(headers, 'sec-websocket-protocol');
  if (value === undefined) return undefined;
  const requested = parseTokenList(value);
  if (requested === undefined || new Set(requested).size < requested.length) {
    throw invalidRequest('RFC 6455 section 4.1: Sec-WebSocket-Protocol is a list of tokens, each named once');
  }
  if (protocols === undefined) {
    throw new HandshakeError(
      'WATERSHED_SUBPROTOCOL_MISMATCH',
      400,
      'Client requested a sub-protocol but no supported sub-protocols were provided to accept()',
    );
  }
  const subprotocol = requested.find((protocol) => protocols.includes(protocol));
  if (subprotocol === undefined) {
    throw new HandshakeError(
      'WATERSHED_SUBPROTOCOL_MISMATCH',
      400,
      'Client and server have no matching sub-protocols',
    );
  }
  return subprotocol;
}

/** What is agreed on: at most permessage-deflate. What the client offers has to be readable in any case. */
function negotiateExtensions(
  headers: HeaderFields,
  perMessageDeflate: PerMessageDeflateOptions | undefined,
): Agreement | undefined {
  const value = fieldValue(headers, 'sec-websocket-extensions');
  if (value === undefined) return undefined;
  const offers = parseExtensions(value);
  if (offers === undefined) {
    throw invalidRequest('RFC 6455 section 9.1: the list in Sec-WebSocket-Extensions is malformed');
  }
  return perMessageDeflate === undefined ? undefined : acceptDeflate(offers, perMessageDeflate);
}

function responseHead(
  key: string,
  subprotocol: string | undefined,
  extensions: string,
  headers: AcceptOptions['headers'] = {},
): string {
  let head =
    'HTTP/1.1 101 The Watershed Moment\r\n' +
    'Upgrade: websocket\r\n' +
    'Connection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n`;
  if (subprotocol !== undefined) head += fieldLines('Sec-WebSocket-Protocol', subprotocol);
  if (extensions !== '') head += fieldLines('Sec-WebSocket-Extensions', extensions);
  for (const [name, value] of Object.entries(headers)) {
    if (isOwnField(name.toLowerCase())) {
      throw new TypeError(`options.headers must not have ${name}: the handshake's own fields cannot be overridden`);
    }
    head += fieldLines(name, value);
  }
  return `${head}\r\n`;
}

/** Whether a field is the handshake's, or would announce a body, which a 101 response never has. */
function isOwnField(name: string): boolean {
  return (
    name === 'connection' ||
    name === 'upgrade' ||
    name === 'content-length' ||
    name === 'transfer-encoding' ||
    name.startsWith('sec-websocket-')
  );
}
