/**
 * The negotiation of permessage-deflate, both ends (RFC 7692 sections 5 and 7.1). It compresses nothing.
 */
import type { PerMessageDeflateOptions } from '../options.js';
import type { DeflateParameters } from '../protocol/permessage-deflate.js';
import type { Extension } from './extensions.js';

/** The name of the extension (RFC 7692 section 5). */
export const PERMESSAGE_DEFLATE = 'permessage-deflate';

const MAX_WINDOW_BITS = 15;

/** The parameters of an offer or of an answer. */
interface Parameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  /** Undefined when it is not there. */
  serverMaxWindowBits: number | undefined;
  /** Undefined when it is not there, and true when it is there without a value. */
  clientMaxWindowBits: number | true | undefined;
}

/** What a server answers, and what it means for the connection. */
export interface Agreement {
  /** The element of Sec-WebSocket-Extensions. */
  readonly extension: string;
  readonly parameters: DeflateParameters;
}

/** The offer of a client (section 7.1). */
export function offerDeflate(options: PerMessageDeflateOptions): string {
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = options;
  return format({
    serverNoContextTakeover: serverNoContextTakeover === true,
    clientNoContextTakeover: clientNoContextTakeover === true,
    serverMaxWindowBits,
    // Without a value it says that the server may choose, as browsers do.
    clientMaxWindowBits: clientMaxWindowBits ?? true,
  });
}

/** The server's answer to the first offer that it can meet; undefined when there is none, and it declines. */
export function acceptDeflate(offers: readonly Extension[], options: PerMessageDeflateOptions): Agreement | undefined {
  for (const offer of offers) {
    if (offer.name !== PERMESSAGE_DEFLATE) continue;
    const parameters = parseParameters(offer, 'offer');
    const answer = parameters === undefined ? undefined : answerTo(parameters, options);
    if (answer !== undefined) return { extension: format(answer), parameters: parametersOf(answer, true) };
  }
  return undefined;
}

/**
 * Reads a server's answer to our offer.
 * @returns a sentence that says what is wrong with it, if something is
 */
export function readAnswer(answer: Extension, options: PerMessageDeflateOptions): DeflateParameters | string {
  const parameters = parseParameters(answer, 'answer');
  if (parameters === undefined) return 'RFC 7692 section 7.1: a parameter of permessage-deflate is wrong or unknown';
  const { serverMaxWindowBits, serverNoContextTakeover } = options;
  if (serverNoContextTakeover === true && !parameters.serverNoContextTakeover) {
    return 'RFC 7692 section 7.1.1.1: server_no_context_takeover was asked for, and is not in the answer';
  }
  if (serverMaxWindowBits !== undefined && (parameters.serverMaxWindowBits ?? MAX_WINDOW_BITS) > serverMaxWindowBits) {
    return 'RFC 7692 section 7.1.2.1: server_max_window_bits is larger than was asked for';
  }
  // What the client has limited by itself holds, even if the server says nothing of it (section 7.1.2.2).
  const offered = options.clientMaxWindowBits ?? MAX_WINDOW_BITS;
  const { clientMaxWindowBits = offered } = parameters;
  if (Number(clientMaxWindowBits) > offered) {
    return 'RFC 7692 section 7.1.2.2: client_max_window_bits is larger than was offered';
  }
  const clientNoContextTakeover = parameters.clientNoContextTakeover || options.clientNoContextTakeover === true;
  return parametersOf({ ...parameters, clientNoContextTakeover, clientMaxWindowBits }, false);
}

/** What a server answers to an offer; undefined when it cannot be met with these options. */
function answerTo(offer: Parameters, options: PerMessageDeflateOptions): Parameters | undefined {
  const { clientMaxWindowBits } = offer;
  // A client that does not name it does not know it (section 7.1.2.2).
  if (options.clientMaxWindowBits !== undefined && clientMaxWindowBits === undefined) return undefined;
  const serverMaxWindowBits = smaller(offer.serverMaxWindowBits, options.serverMaxWindowBits);
  return {
    serverNoContextTakeover: offer.serverNoContextTakeover || options.serverNoContextTakeover === true,
    clientNoContextTakeover: offer.clientNoContextTakeover || options.clientNoContextTakeover === true,
    serverMaxWindowBits,
    clientMaxWindowBits: smaller(
      typeof clientMaxWindowBits === 'number' ? clientMaxWindowBits : undefined,
      options.clientMaxWindowBits,
    ),
  };
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** What an agreement means at one end. */
function parametersOf(agreed: Parameters, isServer: boolean): DeflateParameters {
  const server = {
    noContextTakeover: agreed.serverNoContextTakeover,
    windowBits: agreed.serverMaxWindowBits ?? MAX_WINDOW_BITS,
  };
  const client = {
    noContextTakeover: agreed.clientNoContextTakeover,
    windowBits: typeof agreed.clientMaxWindowBits === 'number' ? agreed.clientMaxWindowBits : MAX_WINDOW_BITS,
  };
  return isServer ? { outgoing: server, incoming: client } : { outgoing: client, incoming: server };
}

function format(parameters: Parameters): string {
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = parameters;
  let text = PERMESSAGE_DEFLATE;
  if (serverNoContextTakeover) text += '; server_no_context_takeover';
  if (clientNoContextTakeover) text += '; client_no_context_takeover';
  if (serverMaxWindowBits !== undefined) text += `; server_max_window_bits=${String(serverMaxWindowBits)}`;
  if (clientMaxWindowBits === true) text += '; client_max_window_bits';
  else if (clientMaxWindowBits !== undefined) text += `; client_max_window_bits=${String(clientMaxWindowBits)}`;
  return text;
}

/** The parameters of an element, or undefined when one is unknown, repeated, or has a value that it must not have. */
function parseParameters(extension: Extension, from: 'offer' | 'answer'): Parameters | undefined {
  const seen = new Set<string>();
  const parsed: Parameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  for (const { name, value } of extension.parameters) {
    if (seen.has(name)) return undefined;
    seen.add(name);
    if (name === 'server_no_context_takeover' && value === undefined) {
      parsed.serverNoContextTakeover = true;
    } else if (name === 'client_no_context_takeover' && value === undefined) {
      parsed.clientNoContextTakeover = true;
    } else if (name === 'server_max_window_bits' && isWindowBits(value)) {
      parsed.serverMaxWindowBits = Number(value);
    } else if (name === 'client_max_window_bits' && isWindowBits(value)) {
      parsed.clientMaxWindowBits = Number(value);
    } else if (name === 'client_max_window_bits' && value === undefined && from === 'offer') {
      parsed.clientMaxWindowBits = true;
    } else {
      return undefined;
    }
  }
  return parsed;
}

/** A decimal integer from 8 to 15, without leading zeros (section 7.1.2). */
function isWindowBits(value: string | undefined): value is string {
  return value !== undefined && /^([89]|1[0-5])$/.test(value);
}
