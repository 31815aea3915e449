/**
 * Why a connection could not be opened, in one line that says what to do at the command line. The codes decide: the
 * library's own messages speak of its options.
 */
import { STATUS_CODES } from 'node:http';
import { HandshakeError } from '../index.js';

const NO_WEBSOCKET = 'is this the address of a WebSocket, and does every proxy on the way let it through?';
const UNKNOWN_AUTHORITY =
  'nobody known here has signed its certificate: give who has with --ca FILE, or trust any with --insecure';

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is the server running, and is this its port?',
  ENOTFOUND: 'there is no such host: is its name typed right?',
  EAI_AGAIN: 'the name of the host could not be looked up: is there a network?',
  ETIMEDOUT: 'no answer: is the host up, and does a firewall let this port through?',
  EHOSTUNREACH: 'there is no way to this host: is there a network?',
  ENETUNREACH: 'there is no way to this host: is there a network?',
  ENOENT: 'there is no such socket: is the server running, and is this its path?',
  HPE_INVALID_CONSTANT: 'what answers does not speak HTTP: is this the port of a WebSocket server?',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: trust it with --ca FILE, or any with --insecure',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it, or trust any with --insecure',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host: is its name typed right?',
  WATERSHED_HANDSHAKE_TIMEOUT: 'it took the connection and did not answer: does it speak WebSocket here?',
};

const BY_STATUS: Readonly<Record<number, string>> = {
  101: 'but did not switch protocols: is this the address of a WebSocket?',
  401: 'who are you? --auth USER:PASSWORD, or --header "Authorization: …"',
  403: 'you are not let in: does it want another --origin, or a --header?',
  404: 'is the path typed right?',
  426: NO_WEBSOCKET,
  502: 'is the server behind this proxy running?',
  503: 'is the server behind this proxy running?',
  504: 'is the server behind this proxy running?',
};

export function explain(error: unknown, url: string): string {
  return `${url}: ${reason(error, url)}`;
}

function reason(error: unknown, url: string): string {
  const { message = 'the connection failed', code = '', cause } = (error ?? {}) as {
    readonly message?: string;
    readonly code?: string;
    readonly cause?: { readonly message?: string };
  };
  if (error instanceof HandshakeError && code === 'WATERSHED_UNEXPECTED_STATUS') return answered(error);
  // OpenSSL's texts: the codes of these differ between the versions of Node.
  if (/:wrong version number:|:packet length too long:/.test(`${message} ${cause?.message ?? ''}`)) {
    return 'it does not speak TLS: type ws:// in the place of wss://';
  }
  if (code === 'ECONNRESET') {
    const isTls = /^(wss|https):/.test(url);
    const question = isTls ? 'does it speak TLS? Otherwise type ws://' : 'does it want TLS? Then type wss://';
    return `it closed the connection before it answered: ${question}`;
  }
  return Object.hasOwn(BY_CODE, code) ? (BY_CODE[code] as string) : message;
}

function answered({ statusCode, headers }: HandshakeError): string {
  const what = `the server answered ${`${String(statusCode)} ${STATUS_CODES[statusCode] ?? ''}`.trimEnd()}`;
  const { location } = headers;
  if (statusCode >= 300 && statusCode <= 399 && location !== undefined) {
    return `${what}: type the address that it leads to, ${String(location)}`;
  }
  return `${what}: ${BY_STATUS[statusCode] ?? NO_WEBSOCKET}`;
}
