/**
 * What the raw peer says of permessage-deflate in the opening handshake, and how it reads the testee's half (RFC 7692
 * section 7.1). It imports nothing from src/.
 */

import type { StreamingOptions } from '../protocol/streaming-codec.js';

/** The opening handshakes of a case. */
export interface DeflateCase {
  /** Sec-WebSocket-Extensions for a server: several offers are in the order of preference. */
  readonly offer: string;
  /** What a server has to promise, having accepted the first offer; it may promise more. */
  readonly required: readonly string[];
  /** What is asked of a client beside what it offers itself. */
  readonly answer: readonly string[];
}

/** The codecs of a connection. */
export interface AgreedDeflate {
  readonly toTestee: StreamingOptions;
  readonly fromTestee: StreamingOptions;
}

/** By its name: its value, or the empty string when it has none. */
type Parameters = ReadonlyMap<string, string>;

/** What was agreed on with a server. */
export function checkAnswer(header: string | undefined, { required }: DeflateCase): AgreedDeflate {
  if (header === undefined || header.includes(',')) {
    throw new Error(`permessage-deflate was not accepted once: ${String(header)}`);
  }
  const parameters = parametersOf(header);
  for (const promise of required) {
    const [name = '', value = ''] = promise.split('=');
    const bits = Number(parameters.get(name));
    const isKept = parameters.has(name) && (value === '' || (bits >= 8 && bits <= Number(value)));
    if (!isKept) {
      throw new Error(`the answer has to have ${promise}: ${header}`);
    }
  }
  return { toTestee: direction('client', parameters), fromTestee: direction('server', parameters) };
}

/** The answer to a client, and what is agreed on by it. */
export function answerTo(header: string | undefined, { answer }: DeflateCase): { header: string; agreed: AgreedDeflate } {
  if (header === undefined) {
    throw new Error('the client did not offer permessage-deflate');
  }
  const offered = parametersOf(header.split(',')[0] ?? '');
  if (answer.some((each) => each.startsWith('client_max_window_bits')) && !offered.has('client_max_window_bits')) {
    throw new Error(`the client did not offer client_max_window_bits: ${header}`);
  }
  const asked = [...offered].filter(([name]) => name.startsWith('server_'));
  const elements = [...asked.map(([name, value]) => (value === '' ? name : `${name}=${value}`)), ...answer];
  const agreed = ['permessage-deflate', ...elements].join('; ');
  const parameters = parametersOf(agreed);
  return {
    header: agreed,
    agreed: { toTestee: direction('server', parameters), fromTestee: direction('client', parameters) },
  };
}

function parametersOf(extension: string): Parameters {
  const [name, ...parameters] = extension.split(';').map((part) => part.trim());
  if (name !== 'permessage-deflate') {
    throw new Error(`the extension is not permessage-deflate: ${extension}`);
  }
  const read = new Map<string, string>();
  for (const parameter of parameters) {
    const match =
      /^(?:(server|client)_no_context_takeover|(server|client)_max_window_bits(?:=([89]|1[0-5]))?)$/.exec(parameter);
    const [parameterName = ''] = parameter.split('=');
    if (match === null || read.has(parameterName)) {
      throw new Error(`a parameter is unknown, wrong or repeated: ${extension}`);
    }
    read.set(parameterName, match[3] ?? '');
  }
  return read;
}

/** What the messages of one end are compressed with. */
function direction(end: 'server' | 'client', parameters: Parameters): StreamingOptions {
  return {
    noContextTakeover: parameters.has(`${end}_no_context_takeover`),
    windowBits: Number(parameters.get(`${end}_max_window_bits`) ?? 15),
  };
}
