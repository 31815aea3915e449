/**
 * The URL and the subprotocols of a WebSocket: a client's are checked before anything is sent (WebSockets Standard
 * section 3.1), a server's URL is what the request asks for.
 */
import type { IncomingMessage } from 'node:http';
import { isToken } from '../checks.js';

/** Schemes of a WebSocket URL; the last is `ws` over a Unix socket, as users of the `ws` package write it. */
const SCHEMES = ['ws:', 'wss:', 'ws+unix:'];

/** "Get a URL record" (WebSockets Standard section 3.1). @throws a SyntaxError DOMException. */
export function getURLRecord(url: string): URL {
  // 1. Let urlRecord be the result of applying the URL parser to url with baseURL.
  // 2. If urlRecord is failure, then throw a "SyntaxError" DOMException.
  const urlRecord = parse(url, apiBaseURL());
  if (urlRecord === undefined) throw syntaxError(`The URL ${JSON.stringify(url)} is invalid${adviceFor(url)}`);
  // 3. If urlRecord's scheme is "http", then set urlRecord's scheme to "ws".
  if (urlRecord.protocol === 'http:') urlRecord.protocol = 'ws:';
  // 4. Otherwise, if urlRecord's scheme is "https", set urlRecord's scheme to "wss".
  else if (urlRecord.protocol === 'https:') urlRecord.protocol = 'wss:';
  // 5. If urlRecord's scheme is not "ws" or "wss", then throw a "SyntaxError" DOMException.
  if (!SCHEMES.includes(urlRecord.protocol)) {
    // `localhost:8080` has one by the letter.
    if (!hasAuthority(url)) throw syntaxError(`The URL ${JSON.stringify(url)} is invalid${adviceFor(url)}`);
    const scheme = urlRecord.protocol.slice(0, -1);
    throw syntaxError(`The URL's scheme must be "ws", "wss", "http" or "https", but is "${scheme}"`);
  }
  // 6. If urlRecord's fragment is non-null, then throw a "SyntaxError" DOMException. An empty one shows in href alone.
  if (urlRecord.href.includes('#')) throw syntaxError('The URL must not have a fragment');
  return urlRecord;
}

/** What to do about a URL that is none. */
function adviceFor(url: string): string {
  if (url === '[object Promise]') return ': a Promise has to be awaited first';
  return hasAuthority(url) ? '' : ': it must begin with ws:// or wss://';
}

function hasAuthority(url: string): boolean {
  return /^\s*[a-z][a-z\d+.-]*:\/\//i.test(url);
}

/** Step 4 of the constructor. @throws a SyntaxError DOMException. */
export function checkProtocols(protocols: readonly string[]): void {
  for (const [index, protocol] of protocols.entries()) {
    if (!isToken(protocol)) {
      throw syntaxError(`The subprotocol ${JSON.stringify(protocol)} is no token (RFC 6455 section 4.1)`);
    }
    if (protocols.indexOf(protocol) !== index) {
      throw syntaxError(`The subprotocol ${JSON.stringify(protocol)} is there twice (RFC 6455 section 4.1)`);
    }
  }
}

/** The URL that a request asks for (RFC 9112 section 3.3); empty when the request does not tell. */
export function requestURL({ headers, url: target = '/' }: IncomingMessage, isSecure: boolean): string {
  const scheme = isSecure ? 'wss:' : 'ws:';
  const { host = '' } = headers;
  // A host and a port: none at all, or a delimiter in it, would make another URL.
  if (!/^[^/?#@\\]+$/.test(host)) return '';
  const url = target.startsWith('/') ? `${scheme}//${host}${target}` : target;
  const urlRecord = parse(url);
  if (urlRecord === undefined) return '';
  if (urlRecord.protocol !== scheme) urlRecord.protocol = scheme;
  return urlRecord.href;
}

/** The URL parser, in one pass: asking whether it can parse is a second one. */
function parse(url: string, baseURL?: string): URL | undefined {
  try {
    return new URL(url, baseURL);
  } catch {
    return undefined;
  }
}

/** The base of a relative URL, where there is a document or a location: isomorphic code may provide one. */
function apiBaseURL(): string | undefined {
  const { document, location } = globalThis as {
    readonly document?: { readonly baseURI?: unknown };
    readonly location?: { readonly href?: unknown };
  };
  const base = document?.baseURI ?? location?.href;
  return typeof base === 'string' && URL.canParse(base) ? base : undefined;
}

function syntaxError(message: string): DOMException {
  return new DOMException(message, 'SyntaxError');
}
