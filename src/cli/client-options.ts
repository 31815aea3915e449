/** The options with which `connect` and `bench` open a connection. */
import { readFileSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import type { WebSocketOptions } from '../index.js';
import { type Definitions, type Parsed, UsageError } from './arguments.js';

export const clientDefinitions = {
  header: { type: 'string', short: 'H', multiple: true },
  protocol: { type: 'string', short: 'p', multiple: true },
  origin: { type: 'string' },
  auth: { type: 'string' },
  ca: { type: 'string' },
  insecure: { type: 'boolean', short: 'k' },
} as const satisfies Definitions;

export const CLIENT_HELP = `\
  -H, --header 'NAME: VALUE'  a header field of the request; may be repeated
  -p, --protocol NAME         a subprotocol to ask for; may be repeated
      --origin ORIGIN         the value of Origin, as a browser would send it
      --auth USER:PASSWORD    HTTP Basic authentication
      --ca FILE               trust the certificates in this file (PEM)
  -k, --insecure              trust any certificate: for tests alone`;

export interface Target {
  readonly url: string;
  readonly protocols: string[];
  readonly options: WebSocketOptions;
}

/** @throws UsageError */
export function targetOf(parsed: Parsed, command: string): Target {
  const { positionals } = parsed;
  if (positionals.length !== 1) {
    const example = `watershed ${command} ws://localhost:8080`;
    throw new UsageError(positionals.length === 0 ? `A URL is missing: ${example}` : `One URL is enough: ${example}`);
  }
  const ca = parsed.text('ca');
  return {
    url: urlOf(positionals[0] as string),
    protocols: [...parsed.texts('protocol')],
    options: {
      // Browsers block ports so that no page talks to a mail server. Nobody types such an address by mistake.
      allowBlockedPorts: true,
      headers: headersOf(parsed),
      origin: parsed.text('origin'),
      ...(ca === undefined ? {} : { ca: readCertificates(ca) }),
      ...(parsed.has('insecure') ? { rejectUnauthorized: false } : {}),
    },
  };
}

/** A host alone is meant as `ws:`, and a port alone as one of this machine. */
function urlOf(word: string): string {
  if (/^:?\d{1,5}(?=$|\/)/.test(word)) return `ws://localhost:${word.replace(/^:/, '')}`;
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(word) ? word : `ws://${word}`;
  if (!URL.canParse(url)) throw new UsageError(`${word} is no URL: type it as ws://localhost:8080/path`);
  const { protocol } = new URL(url);
  if (!['ws:', 'wss:', 'http:', 'https:', 'ws+unix:'].includes(protocol)) {
    const rest = url.slice(url.indexOf('//') + 2);
    throw new UsageError(`${protocol}// is no WebSocket address: type ws://${rest} (wss:// for TLS)`);
  }
  return url;
}

function headersOf(parsed: Parsed): [string, string][] {
  const headers: [string, string][] = [];
  const auth = parsed.text('auth');
  if (auth !== undefined) {
    if (!auth.includes(':')) throw new UsageError('--auth must be USER:PASSWORD');
    headers.push(['Authorization', `Basic ${Buffer.from(auth).toString('base64')}`]);
  }
  for (const header of parsed.texts('header')) {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(header) ?? [];
    if (name === undefined || value === undefined) {
      throw new UsageError(`--header must be 'Name: value', but is '${header}'`);
    }
    headers.push([name, value]);
  }
  return headers;
}

function readCertificates(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (isUtf8(bytes) && bytes.includes('-----BEGIN')) return bytes.toString();
  } catch (error) {
    throw new UsageError(`--ca: ${(error as Error).message}`);
  }
  throw new UsageError(`--ca: ${file} has no certificate in PEM (-----BEGIN CERTIFICATE-----)`);
}
