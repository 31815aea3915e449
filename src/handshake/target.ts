/**
 * Where a WebSocket URL leads: host, port, credentials, and the two paths of a `ws+unix:` URL.
 */

/** The host as a socket takes it: an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** RFC 6455 section 3: 80 and 443 are the default ports. */
export function portOf({ protocol, port }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'wss:' ? 443 : 80;
}

/** The value of the Authorization header for a URL with credentials (RFC 7617). */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const credentials = Buffer.concat([percentDecode(username), Buffer.from(':'), percentDecode(password)]);
  return `Basic ${credentials.toString('base64')}`;
}

/**
 * Takes a `ws+unix:/path/to/socket:/request/path?query` URL apart, the form that the package `ws` has given it.
 * @throws SyntaxError (DOMException) when it names no socket.
 */
export function parseUnixURL({ pathname, search, username, password }: URL): { socketPath: string; url: URL } {
  const colon = pathname.indexOf(':');
  const encoded = colon === -1 ? pathname : pathname.slice(0, colon);
  const path = colon === -1 ? '/' : pathname.slice(colon + 1);
  const socketPath = percentDecode(encoded).toString();
  if (socketPath === '') throw new DOMException('A ws+unix: URL must have the path of a socket', 'SyntaxError');

  const url = new URL('ws://localhost');
  url.pathname = path;
  url.search = search;
  url.username = username;
  url.password = password;
  return { socketPath, url };
}

/** "Percent-decode" (URL Standard section 1.3) of what a URL parser has encoded: ASCII alone. */
function percentDecode(encoded: string): Buffer {
  const decoded = encoded.replace(/%[0-9a-f]{2}/gi, (byte) => String.fromCharCode(parseInt(byte.slice(1), 16)));
  return Buffer.from(decoded, 'latin1');
}
