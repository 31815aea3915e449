/**
 * Why a client's opening handshake has failed, as an error with a code and a message that says what to do.
 */


import { HandshakeError, WatershedError } from '../errors.js';
import type { HandshakeResponse } from './client.js';
import { http } from './node-http.js';
import { isRedirect } from './redirect.js';
import { hostOf, portOf } from './target.js';

const NO_WEBSOCKET =
  "nothing speaks WebSocket at this path, the server has no 'upgrade' listener, or a proxy drops the Upgrade header";

/** The failure of a handshake that was answered otherwise than with an upgrade. */
export function unexpectedStatus(response: HandshakeResponse): HandshakeError {
  const { statusCode = 0, headers } = response;
  const status = `${String(statusCode)} ${http.STATUS_CODES[statusCode] ?? ''}`.trimEnd();
  const advice = adviceFor(response);
  const message =
    statusCode === 101
      ? 'The server answered 101 without switching protocols: RFC 6455 section 4.1 asks for Upgrade and Connection'
      : `The server answered ${status} instead of 101${advice === undefined ? '' : `: ${advice}`}`;
  return new HandshakeError('WATERSHED_UNEXPECTED_STATUS', statusCode, message, headers);
}

/** What an answer asks whoever wanted a WebSocket to do. */
function adviceFor(response: HandshakeResponse): string | undefined {
  const { statusCode = 0 } = response;
  if (isRedirect(response)) return 'the option followRedirects would follow it';
  switch (statusCode) {
    case 401:
      return 'it wants credentials, in the option headers or in the URL';
    case 403:
      return 'it does not let this client in; it may look at the option origin, or at credentials';
    case 404:
    case 405:
    case 426:
      return NO_WEBSOCKET;
    case 502:
    case 503:
    case 504:
      return 'it may be a proxy: is the server behind it running?';
    default:
      return statusCode >= 200 && statusCode <= 299 ? NO_WEBSOCKET : undefined;
  }
}

/** An error as it is, if it says what happened and what to do, and has a code; otherwise one that does. */
export function toFailure(error: unknown, url: URL): Error {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (error instanceof Error && typeof code === 'string') {
    const explanation = explain(error, code, url);
    // With the code and the other properties of Node's own.
    if (explanation !== undefined) return Object.assign(new Error(explanation, { cause: error }), error);
  }
  // Node's, when each of a host's addresses has failed, says nothing itself, but has the code of the first.
  if (error instanceof AggregateError && error.message === '') {
    error.message = error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join(', ');
  }
  const { message } = (error ?? {}) as { readonly message?: unknown };
  if (error instanceof Error && message !== '' && typeof code === 'string') return error;
  const reason = typeof message === 'string' && message !== '' ? message : 'for an unknown reason';
  return new WatershedError('WATERSHED_CONNECTION_FAILED', `The connection could not be made: ${reason}`, {
    cause: error,
  });
}

/** What the commonest codes mean for a WebSocket, and what to do: Node's messages say neither. */
function explain(error: Error, code: string, url: URL): string | undefined {
  const host = hostOf(url);
  const where = `${host}:${String(portOf(url))}`;
  // The code of it differs between the versions of Node.
  if (/:wrong version number:|:packet length too long:/.test(error.message)) {
    return `The server at ${where} does not speak TLS: use ws: instead of wss:, or the port that does`;
  }
  switch (code) {
    case 'ECONNREFUSED':
      return `Nothing listens at ${where} (${code}): is the server running, and is this its port?`;
    case 'ENOTFOUND':
      return `The host ${host} is not known (${code}): is its name right?`;
    case 'HPE_INVALID_CONSTANT':
      return `What answers at ${where} does not speak HTTP (${code}): is this the port of a WebSocket server?`;
    case 'ECONNRESET':
      return url.protocol === 'wss:'
        ? `The server at ${where} closed the connection before its answer (${code}): does it speak TLS and WebSocket?`
        : `The server at ${where} closed the connection before its answer (${code}): does it want wss: instead of ws:?`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return `The certificate of ${where} is self-signed (${code}): if you trust it, give it as the option ca`;
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `Nobody known here has signed the certificate of ${where} (${code}): give its authority's as the option ca`;
    default:
      return undefined;
  }
}
