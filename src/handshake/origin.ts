/**
 * The origin policy: from which web pages a server takes connections (RFC 6455 section 10.2). It protects a user whose
 * browser sends its cookies along with a stranger's page; other clients can send any Origin they like.
 */

import type { OriginPolicy } from '../options.js';
import { fieldValue, type HeaderFields } from './fields.js';

/**
 * Whether the policy lets a request in. One without an Origin does not come from a web page and is let in; one whose
 * Origin is not a single serialized origin (RFC 6454 section 6.2) is not.
 * @param isSecure Whether the request came over TLS.
 * @throws TypeError when a policy that is a function answers with anything but true or false.
 */
export function isOriginAllowed(
  policy: OriginPolicy | undefined,
  request: { readonly headers: HeaderFields },
  isSecure: boolean,
): boolean {
  if (policy === undefined) return true;
  const value = fieldValue(request.headers, 'origin');
  if (value === undefined) return true;
  const origin = parseOrigin(value);
  if (origin === undefined) return false;

  if (policy === 'same-origin') {
    return isSameOrigin(origin, fieldValue(request.headers, 'host'), isSecure);
  }
  if (typeof policy === 'function') {
    const answer: unknown = policy(value, request);
    // A promise is truthy: taken as an answer, it would let everybody in.
    if (typeof answer !== 'boolean') {
      throw new TypeError('options.origin must answer with true or false, and synchronously, but it did not');
    }
    return answer;
  }
  return policy.some((allowed) => allowed.toLowerCase() === origin.serialization);
}

interface Origin {
  /** In lower case, as the scheme and the authority are. */
  readonly serialization: string;
  readonly scheme: string;
  /** Host and port. Empty for the opaque origin, `null`. */
  readonly authority: string;
}

function parseOrigin(value: string): Origin | undefined {
  const serialization = value.toLowerCase();
  if (serialization === 'null') return { serialization, scheme: '', authority: '' };
  const [, scheme, authority] = /^([a-z][a-z0-9+.-]*):\/\/([^\s,/?#@\\]*)$/.exec(serialization) ?? [];
  if (scheme === undefined || authority === undefined) return undefined;
  return { serialization, scheme, authority };
}

function isSameOrigin({ scheme, authority }: Origin, host: string | undefined, isSecure: boolean): boolean {
  // Without TLS the scheme is not judged: a proxy in front may have taken the TLS off.
  if (scheme !== 'https' && (scheme !== 'http' || isSecure)) return false;
  const defaultPort = scheme === 'https' ? ':443' : ':80';
  return host !== undefined && withoutPort(host.toLowerCase(), defaultPort) === withoutPort(authority, defaultPort);
}

function withoutPort(authority: string, port: string): string {
  return authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}
