/**
 * Redirects of the opening handshake (RFC 9110 section 15.4): which responses are one, and where it leads. It sends
 * nothing.
 */

import { HandshakeError } from '../errors.js';
import type { HandshakeResponse } from './client.js';
import { fieldValue } from './fields.js';

const REDIRECT_STATUSES: readonly (number | undefined)[] = [301, 302, 303, 307, 308];

/** Whether a response leads somewhere else. */
export function isRedirect({ statusCode, headers }: HandshakeResponse): boolean {
  return REDIRECT_STATUSES.includes(statusCode) && fieldValue(headers, 'location') !== undefined;
}

/**
 * Where a redirect leads: a `ws:` or `wss:` URL without a fragment. On the same origin, the credentials of the URL are
 * kept.
 * @throws HandshakeError when it is not to be followed.
 */
export function redirectTarget(url: URL, response: HandshakeResponse): URL {
  const location = fieldValue(response.headers, 'location') as string;
  if (!URL.canParse(location, url.href)) throw invalidRedirect(response, 'The Location of the redirect is no URL');
  const target = new URL(location, url);
  if (target.protocol === 'http:') target.protocol = 'ws:';
  if (target.protocol === 'https:') target.protocol = 'wss:';
  if (target.protocol !== 'ws:' && target.protocol !== 'wss:') {
    throw invalidRedirect(response, `A redirect to the scheme ${target.protocol.slice(0, -1)} is not followed`);
  }
  if (url.protocol === 'wss:' && target.protocol === 'ws:') {
    throw invalidRedirect(response, 'A redirect from wss to ws is not followed: it would give up the encryption');
  }
  target.hash = '';
  if (target.origin === url.origin && target.username === '' && target.password === '') {
    target.username = url.username;
    target.password = url.password;
  }
  return target;
}

/** The failure of a redirect that is not followed. */
export function invalidRedirect({ statusCode = 0, headers }: HandshakeResponse, message: string): HandshakeError {
  return new HandshakeError('WATERSHED_INVALID_REDIRECT', statusCode, message, headers);
}
